/*
 * Compiles a script that was cut into pieces (pieces.mjs) to bytecode, as a C file: what qjsc does, piece by piece.
 *   compile NAME FILE.pieces >NAME.c
 */
#include "engine.h"
#include "program.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The engine is the one that the programs will run in, but there is none yet to run. */
const struct program *const programs[] = {NULL};

struct input {
  char name[256];
  unsigned line, length;
  char *code;
};

static void fail(const char *what, const char *subject)
{
  fprintf(stderr, "compile: %s: %s\n", subject, what);
  exit(1);
}

/* The next piece, its code behind as many line breaks as it has before it in the script; false at the end. */
static bool read_piece(FILE *file, const char *path, struct input *piece)
{
  int fields = fscanf(file, "%255s %u %u", piece->name, &piece->line, &piece->length);
  if (fields == EOF)
    return false;
  if (fields != 3 || fgetc(file) != '\n')
    fail("not a list of pieces", path);
  unsigned breaks = piece->line - 1;
  piece->code = malloc(breaks + piece->length + 1);
  if (piece->code == NULL)
    fail("out of memory", path);
  memset(piece->code, '\n', breaks);
  if (fread(piece->code + breaks, 1, piece->length, file) != piece->length || fgetc(file) != '\n')
    fail("a piece is cut short", path);
  piece->length += breaks;
  piece->code[piece->length] = '\0';
  return true;
}

static void report_exception(JSContext *context, const char *name)
{
  JSValue exception = JS_GetException(context);
  JSValue stack = JS_GetPropertyStr(context, exception, "stack");
  const char *message = JS_ToCString(context, exception);
  const char *where = JS_ToCString(context, stack);
  fprintf(stderr, "%s\n", where == NULL ? "" : where);
  fail(message == NULL ? "does not compile" : message, name);
}

/* A piece is found because the engine does not know its name; one that it knows would never be found. */
static void check_name(JSContext *context, const char *name)
{
  JSValue global = JS_GetGlobalObject(context);
  JSAtom atom = JS_NewAtom(context, name);
  if (JS_HasProperty(context, global, atom) != 0)
    fail("this top-level name is one of the engine's own globals; call it something else", name);
  JS_FreeAtom(context, atom);
  JS_FreeValue(context, global);
}

static void write_bytes(const uint8_t *bytes, size_t length)
{
  for (size_t i = 0; i < length; i++)
    printf("%u,%s", bytes[i], i % 32 == 31 ? "\n" : "");
}

static int by_name(const void *a, const void *b)
{
  return strcmp(*(char *const *)a, *(char *const *)b);
}

int main(int argc, char **argv)
{
  enum { MOST = 10000 };
  static char *names[MOST];
  if (argc != 3)
    fail("expects NAME FILE", "usage");
  const char *program = argv[1], *path = argv[2];
  FILE *file = fopen(path, "r");
  if (file == NULL)
    fail("cannot be opened", path);
  char script_name[300];
  snprintf(script_name, sizeof script_name, "%s.js", program);

  JSContext *context = engine_start();
  if (context == NULL)
    fail("the engine does not start", path);
  engine_add(context, ENGINE_REGEXP);
  engine_add(context, ENGINE_COLLECTIONS);
  engine_add(context, ENGINE_BYTES);
  JS_AddIntrinsicEval(context);
  /* Lines and columns stay, for stack traces; the source does not. */
  JS_SetStripInfo(JS_GetRuntime(context), JS_STRIP_SOURCE);

  printf("/* Generated from %s. */\n#include \"program.h\"\n", script_name);
  size_t count = 0;
  for (struct input piece; read_piece(file, path, &piece); free(piece.code)) {
    const bool rest = strcmp(piece.name, "-") == 0;
    if (count == MOST)
      fail("too many pieces", path);
    if (!rest)
      check_name(context, piece.name);
    JSValue function = JS_Eval(context, piece.code, piece.length, script_name,
                               JS_EVAL_TYPE_GLOBAL | JS_EVAL_FLAG_STRICT | JS_EVAL_FLAG_COMPILE_ONLY);
    if (JS_IsException(function))
      report_exception(context, piece.name);
    size_t length;
    uint8_t *bytecode = JS_WriteObject(context, &length, function, JS_WRITE_OBJ_BYTECODE);
    if (bytecode == NULL)
      report_exception(context, piece.name);
    printf("static const uint8_t %s%s[] = {", rest ? "rest" : "piece_", rest ? "" : piece.name);
    write_bytes(bytecode, length);
    printf("};\n");
    if (!rest)
      names[count++] = strdup(piece.name);
    js_free(context, bytecode);
    JS_FreeValue(context, function);
  }

  qsort(names, count, sizeof names[0], by_name);
  printf("static const struct piece pieces[] = {\n");
  for (size_t i = 0; i < count; i++)
    printf("  {\"%s\", piece_%s, sizeof piece_%s},\n", names[i], names[i], names[i]);
  printf("  {0}\n};\n");
  printf("const struct program program_%s = {\"%s\", rest, sizeof rest, pieces, %zu};\n", program, program, count);
  engine_end(context);
  return 0;
}
