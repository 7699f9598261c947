#include "image.h"
#include "command-line.h"
#include "host.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

/* The content of the section .image. */
struct image {
  /* NULL until the image has been taken. */
  JSContext *context;
  _Alignas(16) union {
    /* Before the image is taken. */
    struct {
      size_t length;
      uint8_t bytecode[];
    } program;
    /* Afterwards. */
    struct {
      JSValue main;
      unsigned char heap[];
    } taken;
  };
};

/* The bounds of the section (image.S). */
extern unsigned char image_begin[], image_end[];
static struct image *const image = (struct image *)image_begin;

/* Evaluates the program and returns its export `main`. */
static JSValue evaluate(JSContext *context, const uint8_t *bytecode, size_t length)
{
  if (!command_line_offer(context))
    return JS_EXCEPTION;
  JSValue program = engine_evaluate(context, bytecode, length, "program");
  if (JS_IsException(program))
    return program;
  JSValue main = JS_GetPropertyStr(context, program, "main");
  JS_FreeValue(context, program);
  return main;
}

#ifndef IB_SRIOV_FREE_ALL
/*
 * The engine seeds Math.random with the time (scripts/absent.mjs forbids its use). The time is constant here, so that
 * builds are reproducible.
 */
int __wrap_gettimeofday(struct timeval *time, void *zone);
int __wrap_gettimeofday(struct timeval *time, void *zone)
{
  *time = (struct timeval){0};
  return 0;
}
#endif

#if defined IB_SRIOV_FREE_ALL || defined IB_SRIOV_WITHOUT_IMAGE

/*
 * The sanitizers must see each block, so this build has no image, and evaluates the program at every start. `make
 * ablation` measures the same without sanitizers.
 */

bool image_is_taken(void)
{
  return true;
}

JSValue image_start(JSContext **context)
{
  *context = engine_start();
  return *context == NULL ? JS_EXCEPTION : evaluate(*context, image->program.bytecode, image->program.length);
}

int image_take(void)
{
  return 1;
}

#else

#include <quickjs/immortal.h>

static bool make_immortal(JSContext *context)
{
#ifdef IB_SRIOV_WITHOUT_IMMORTAL
  return context != NULL;
#else
  return immortal_make_all(context);
#endif
}

bool image_is_taken(void)
{
  return image->context != NULL;
}

JSValue image_start(JSContext **context)
{
  *context = image->context;
  JS_UpdateStackTop(JS_GetRuntime(*context));
  return JS_DupValue(*context, image->taken.main);
}

int image_take(void)
{
  const size_t length = image->program.length;
  uint8_t *bytecode = malloc(length);
  if (bytecode == NULL)
    return 1;
  memcpy(bytecode, image->program.bytecode, length);
  memset(image_begin, 0, (size_t)(image_end - image_begin));
  memory_begin(image->taken.heap, image_end);

  JSContext *context = engine_start();
  JSValue main = context == NULL ? JS_EXCEPTION : evaluate(context, bytecode, length);
  if (JS_IsFunction(context, main))
    JS_RunGC(JS_GetRuntime(context));
  if (!JS_IsFunction(context, main) || !make_immortal(context)) {
    engine_report_text("take the image: failed", "it is too large, or the program throws, or it does not export main");
    return 1;
  }
  image->context = context;
  image->taken.main = main;
  return host_write_all(1, (const char *)image_begin, (size_t)(memory_end() - image_begin)) != 0;
}

#endif
