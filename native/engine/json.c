/*
 * A guard for JSON.parse. Documents from outside come from stdin, plugins and files, so the guard is in JSON.parse
 * itself, which all of them pass. It refuses (quickjs 2025-04-26):
 * - Deep nesting: the parser calls itself for every level and does not check the stack (json_parse_value), so that some
 *   hundred kilobytes of "[" would end the process with SIGSEGV.
 * - Many members: keys become atoms, and objects shapes, in tables whose hash functions are public and have no seed
 *   (hash_string8, shape_hash). If their keys collide, n members take n * n steps: 1 MiB of them took 43 s. A seed does
 *   not help, because the image contains the filled tables. All members of a document count, because all objects share
 *   the tables.
 */
#include "host.h"

enum {
  /* No configuration is nested this deep; the engine's stack has room for several times as many levels. */
  DEEPEST = 512,
  /* GC's list of 2,000 attachments, under both its names, has 8,000 members. So many colliding keys take 0.1 s. */
  MOST_MEMBERS = 8192,
};

/* The limit that a document exceeds. */
enum excess { EXCESS_NONE, EXCESS_DEPTH, EXCESS_MEMBERS };

/* Counts brackets and colons outside of strings. The parser refuses a text that is not JSON. */
static enum excess find_excess(const char *text, size_t length)
{
  /* Most documents have fewer brackets and colons than the limits, strings included, and need no closer look. */
  size_t opening = 0, colons = 0;
  for (size_t i = 0; i < length; i++) {
    opening += text[i] == '[' || text[i] == '{';
    colons += text[i] == ':';
  }
  if (opening <= DEEPEST && colons <= MOST_MEMBERS)
    return EXCESS_NONE;
  unsigned depth = 0;
  size_t members = 0;
  bool in_string = false;
  for (size_t i = 0; i < length; i++) {
    char c = text[i];
    if (in_string && c == '\\')
      i++;
    else if (c == '"')
      in_string = !in_string;
    else if (!in_string && (c == '[' || c == '{') && ++depth > DEEPEST)
      return EXCESS_DEPTH;
    else if (!in_string && c == ':' && ++members > MOST_MEMBERS)
      return EXCESS_MEMBERS;
    else if (!in_string && (c == ']' || c == '}') && depth > 0)
      depth--;
  }
  return EXCESS_NONE;
}

/* `data` is the engine's original JSON.parse. */
static JSValue parse(HOST_ARGUMENTS, int magic, JSValue *data)
{
  size_t length;
  /* Converts the argument to a string, as the engine would, so that the guard and the parser read the same text. */
  JSValue string = JS_ToString(context, argv[0]);
  if (JS_IsException(string))
    return string;
  const char *text = JS_ToCStringLen(context, &length, string);
  JSValue result;
  const enum excess excess = text == NULL ? EXCESS_NONE : find_excess(text, length);
  if (text == NULL) {
    result = JS_EXCEPTION;
  } else if (excess == EXCESS_DEPTH) {
    result = JS_ThrowSyntaxError(context, "JSON is nested more than %d levels deep", DEEPEST);
  } else if (excess == EXCESS_MEMBERS) {
    result = JS_ThrowSyntaxError(context, "JSON has more than %d members", MOST_MEMBERS);
  } else {
    JSValueConst arguments[] = {string, argc > 1 ? argv[1] : JS_UNDEFINED};
    result = JS_Call(context, data[0], self, COUNT_OF(arguments), arguments);
  }
  JS_FreeCString(context, text);
  JS_FreeValue(context, string);
  return result;
}

bool host_guard_json(JSContext *context)
{
  JSValue global = JS_GetGlobalObject(context);
  JSValue json = JS_GetPropertyStr(context, global, "JSON");
  JSValue original = JS_GetPropertyStr(context, json, "parse");
  JSValue guarded = JS_NewCFunctionData(context, parse, 1, 0, 1, &original);
  const int flags = JS_PROP_WRITABLE | JS_PROP_CONFIGURABLE;
  /* The call frees the value. If an earlier step failed, its exception is pending. */
  int done = JS_IsException(guarded) ? -1 : JS_DefinePropertyValueStr(context, json, "parse", guarded, flags);
  JS_FreeValue(context, original);
  JS_FreeValue(context, json);
  JS_FreeValue(context, global);
  return done >= 0;
}
