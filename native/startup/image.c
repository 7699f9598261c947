#include "image.h"
#include "host.h"
#include "memory.h"

#include <math.h>
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
/* The scripts of commands (image.S), as scripts/compile.c writes them. */
extern const uint8_t commands_begin[], commands_end[];
/* The licenses of what is linked (image.S). */
extern const char notices_begin[], notices_end[];
static struct image *const image = (struct image *)image_begin;

/* Evaluates the script with a number, which sets a variable to its exports, and returns them. */
static JSValue evaluate_command_script(JSContext *context, int64_t number, const char *variable)
{
  const uint8_t *at = commands_begin;
  uint64_t length = 0;
  for (; at < commands_end; at += length) {
    memcpy(&length, at, sizeof length);
    at += sizeof length;
    if (number-- == 0)
      return engine_evaluate(context, at, length, variable);
  }
  return JS_ThrowRangeError(context, "the executable does not contain this script");
}

/* The command line consists of scripts outside of the image, so that the runtime's calls do not load it. */
static JSValue host_commandLine(HOST_ARGUMENTS)
{
  return evaluate_command_script(context, 0, "commandLine");
}

static JSValue host_commandScript(HOST_ARGUMENTS)
{
  int64_t number;
  if (!host_integer(context, argv[0], "number", 1, INT32_MAX, &number))
    return JS_EXCEPTION;
  return evaluate_command_script(context, number, "command");
}

static JSValue host_notices(HOST_ARGUMENTS)
{
  return JS_NewStringLen(context, notices_begin, (size_t)(notices_end - notices_begin));
}

/* Adds the functions above to the module `host`, evaluates the program, and returns its function `main`. */
static JSValue evaluate_program(JSContext *context, const uint8_t *bytecode, size_t length)
{
  static const JSCFunctionListEntry functions[] = {HOST_FUNCTION(commandLine, 0), HOST_FUNCTION(commandScript, 1),
                                                   HOST_FUNCTION(notices, 0)};
  JSValue global = JS_GetGlobalObject(context);
  JSValue host = JS_GetPropertyStr(context, global, "host");
  JS_SetPropertyFunctionList(context, host, functions, COUNT_OF(functions));
  JS_FreeValue(context, host);
  JS_FreeValue(context, global);
  JSValue exports = engine_evaluate(context, bytecode, length, "program");
  if (JS_IsException(exports))
    return exports;
  JSValue main = JS_GetPropertyStr(context, exports, "main");
  JS_FreeValue(context, exports);
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
  return host_write_all(1, (const char *)image_begin, (size_t)(memory_end() - image_begin), INFINITY) != 0;
}

#endif
