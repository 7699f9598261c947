/*
 * JSON.parse, guarded. Documents from outside reach us on stdin, from plugins and from files, so the guard stands where
 * none can pass it by. What it refuses (quickjs 2025-04-26):
 * - Deep nesting: the parser calls itself for every level and does not look at the stack (json_parse_value), so that some
 *   hundred kilobytes of "[" would end the process with SIGSEGV.
 * - Many members: keys become atoms, and objects shapes, in tables whose hash functions are public and have no seed
 *   (hash_string8, shape_hash). Keys that collide make n members cost n * n steps: 1 MiB of them took 43 s. A seed cannot
 *   help, since the tables are in the image, filled. All members of a document count, since all objects share the tables.
 */
#include "host.h"

enum {
  /* No configuration nests this deep; the engine's stack holds several times as much. */
  DEEPEST = 512,
  /* GC's list of 2,000 attachments, under both its names, has 8,000. That many keys which all collide take 0.1 s. */
  MOST_MEMBERS = 8192,
};

/* What a document has too much of. */
enum excess { EXCESS_NONE, EXCESS_DEPTH, EXCESS_MEMBERS };

/* Looks at what is outside strings. What is no JSON is left to the parser. */
static enum excess find_excess(const char *text, size_t length)
{
  /* Most have not even so many brackets and colons, strings included. */
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

/* `data` holds the engine's own JSON.parse. */
static JSValue parse(HOST_ARGUMENTS, int magic, JSValue *data)
{
  size_t length;
  /* As the engine would: what is no string is made one. The parser gets the same text. */
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
  /* The value is freed by the call; of what failed, the last step throws again. */
  int done = JS_IsException(guarded) ? -1 : JS_DefinePropertyValueStr(context, json, "parse", guarded, flags);
  JS_FreeValue(context, original);
  JS_FreeValue(context, json);
  JS_FreeValue(context, global);
  return done >= 0;
}
