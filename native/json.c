/*
 * JSON.parse, guarded. The engine's parser calls itself for every level of nesting and does not look at the
 * stack (quickjs 2025-04-26, json_parse_value): some hundred kilobytes of "[" would end the process with
 * SIGSEGV, in the middle of whatever it is doing. Documents from outside reach us on stdin, from plugins and from
 * files, so the guard stands where none can pass it by.
 */
#include "host.h"

/* No configuration nests this deep; the engine's stack holds several times as much. */
enum { DEEPEST = 512 };

/* Do brackets outside strings nest too deep? What is no JSON is left to the parser. */
static bool is_too_deep(const char *text, size_t length)
{
  /* Most have not even so many brackets. */
  size_t opening = 0;
  for (size_t i = 0; i < length; i++)
    opening += text[i] == '[' || text[i] == '{';
  if (opening <= DEEPEST)
    return false;
  unsigned depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < length; i++) {
    char c = text[i];
    if (in_string && c == '\\')
      i++;
    else if (c == '"')
      in_string = !in_string;
    else if (!in_string && (c == '[' || c == '{') && ++depth > DEEPEST)
      return true;
    else if (!in_string && (c == ']' || c == '}') && depth > 0)
      depth--;
  }
  return false;
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
  if (text == NULL) {
    result = JS_EXCEPTION;
  } else if (is_too_deep(text, length)) {
    result = JS_ThrowSyntaxError(context, "JSON is nested more than %d levels deep", DEEPEST);
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
