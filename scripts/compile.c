/*
 * Compiles scripts to bytecode for the engine of the executable.
 *   compile SCRIPT.js >BYTECODE
 *   compile --commands SCRIPT.js… >BYTECODE   writes 8 bytes with the length before the bytecode of each script
 */
#include "engine.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char *problem, const char *subject)
{
  fprintf(stderr, "compile: %s: %s\n", subject, problem);
  exit(1);
}

static char *read_script(const char *path, size_t *length)
{
  FILE *file = fopen(path, "r");
  char *text = NULL;
  size_t size = 0;
  ssize_t got = file == NULL ? -1 : getdelim(&text, &size, '\0', file);
  if (got < 0)
    fail("cannot be read", path);
  fclose(file);
  *length = (size_t)got;
  return text;
}

static void report_exception(JSContext *context, const char *name)
{
  JSValue exception = JS_GetException(context);
  JSValue stack = JS_GetPropertyStr(context, exception, "stack");
  const char *message = JS_ToCString(context, exception);
  const char *trace = JS_ToCString(context, stack);
  fprintf(stderr, "%s\n", trace == NULL ? "" : trace);
  fail(message == NULL ? "does not compile" : message, name);
}

static void write_out(const void *bytes, size_t length)
{
  if (fwrite(bytes, 1, length, stdout) != length)
    fail("cannot be written", "stdout");
}

static void compile(const char *path, bool is_command)
{
  const char *name = strrchr(path, '/');
  name = name == NULL ? path : name + 1;
  size_t script_length, length;
  char *script = read_script(path, &script_length);

  JSContext *context = engine_start();
  if (context == NULL)
    fail("the engine does not start", name);
  JS_AddIntrinsicEval(context);
  /* Lines and columns are for stack traces, which commands do not print: without them commands are a quarter smaller. */
  JS_SetStripInfo(JS_GetRuntime(context), is_command ? JS_STRIP_DEBUG : JS_STRIP_SOURCE);
  JSValue function = JS_Eval(context, script, script_length, name,
                             JS_EVAL_TYPE_GLOBAL | JS_EVAL_FLAG_STRICT | JS_EVAL_FLAG_COMPILE_ONLY);
  if (JS_IsException(function))
    report_exception(context, name);
  uint8_t *bytecode = JS_WriteObject(context, &length, function, JS_WRITE_OBJ_BYTECODE);
  if (bytecode == NULL)
    report_exception(context, name);
  const uint64_t written = length;
  if (is_command)
    write_out(&written, sizeof written);
  write_out(bytecode, length);

  js_free(context, bytecode);
  JS_FreeValue(context, function);
  engine_end(context);
  free(script);
}

int main(int argc, char **argv)
{
  const bool commands = argc > 1 && strcmp(argv[1], "--commands") == 0;
  if (argc < (commands ? 3 : 2) || (!commands && argc > 2))
    fail("expects SCRIPT.js, or --commands SCRIPT.js…", "usage");
  for (int i = commands ? 2 : 1; i < argc; i++)
    compile(argv[i], commands);
  if (fflush(stdout) != 0)
    fail("cannot be written", "stdout");
  return 0;
}
