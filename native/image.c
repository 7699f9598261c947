#include "image.h"
#include "command-line.h"
#include "host.h"
#include "memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

/* What is in the section .image. */
struct image {
  /* NULL until the image has been taken. */
  JSContext *context;
  _Alignas(16) union {
    /* Before. */
    struct {
      size_t length;
      uint8_t bytecode[];
    } program;
    /* After. */
    struct {
      JSValue main;
      unsigned char heap[];
    } taken;
  };
};

/* Where it lies (image.S). */
extern unsigned char image_begin[], image_end[];
static struct image *const image = (struct image *)image_begin;

/* Evaluates the program and gets the function `main` of what it exports. */
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

#ifdef IB_SRIOV_FREE_ALL

/* The sanitizers must see each block, so there is no image: it is all done at every start. */

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

/* The engine seeds Math.random by the time (scripts/absent.mjs forbids its use). Two builds shall be the same. */
int __wrap_gettimeofday(struct timeval *time, void *zone);
int __wrap_gettimeofday(struct timeval *time, void *zone)
{
  *time = (struct timeval){0};
  return 0;
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
  if (!JS_IsFunction(context, main) || !immortal_make_all(context)) {
    engine_report_text("no image", "there is not room enough for it, or the program fails, or it exports no main");
    return 1;
  }
  image->context = context;
  image->taken.main = main;
  return host_write_all(1, (const char *)image_begin, (size_t)(memory_end() - image_begin)) != 0;
}

#endif
