#include "image.h"
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
/* The bytecode of the command line (image.S). */
extern const uint8_t command_line_begin[], command_line_end[];
static struct image *const image = (struct image *)image_begin;

/* Evaluates a script, which sets a variable to its exports, and returns the export `name`. */
static JSValue evaluate(JSContext *context, const uint8_t *bytecode, size_t length, const char *variable,
                        const char *name)
{
  JSValue exports = engine_evaluate(context, bytecode, length, variable);
  if (JS_IsException(exports))
    return exports;
  JSValue value = JS_GetPropertyStr(context, exports, name);
  JS_FreeValue(context, exports);
  return value;
}

/* The command line is a separate script, outside of the image, so that the runtime's calls do not load it. */
static JSValue host_commandLine(HOST_ARGUMENTS)
{
  return evaluate(context, command_line_begin, (size_t)(command_line_end - command_line_begin), "commandLine",
                  "answerCommandLine");
}

/* Adds `commandLine` (host.d.ts) to the module `host`, evaluates the program, and returns its function `main`. */
static JSValue evaluate_program(JSContext *context, const uint8_t *bytecode, size_t length)
{
  static const JSCFunctionListEntry functions[] = {HOST_FUNCTION(commandLine, 0)};
  JSValue global = JS_GetGlobalObject(context);
  JSValue host = JS_GetPropertyStr(context, global, "host");
  JS_SetPropertyFunctionList(context, host, functions, COUNT_OF(functions));
  JS_FreeValue(context, host);
  JS_FreeValue(context, global);
  return evaluate(context, bytecode, length, "program", "main");
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
  return *context == NULL ? JS_EXCEPTION : evaluate_program(*context, image->program.bytecode, image->program.length);
}

int image_take(void)
{
  return 1;
}

#else

#include <quickjs/immortal.h>
#ifdef IB_SRIOV_WITHOUT_IMMORTAL
#define immortal_make_all(context) true
#endif

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
  JSValue main = context == NULL ? JS_EXCEPTION : evaluate_program(context, bytecode, length);
  if (JS_IsFunction(context, main))
    JS_RunGC(JS_GetRuntime(context));
  if (!JS_IsFunction(context, main) || !immortal_make_all(context)) {
    engine_report_text("take the image: failed", "it is too large, or the program throws, or it does not export main");
    return 1;
  }
  image->context = context;
  image->taken.main = main;
  return host_write_all(1, (const char *)image_begin, (size_t)(memory_end() - image_begin)) != 0;
}

#endif
