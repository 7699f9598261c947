/* Makes JavaScript strings from bytes, and objects. */
#include "host.h"

#include <stdio.h>
#include <string.h>

/*
 * Returns the length of the UTF-8 sequence at `p` (RFC 3629), or 0 if the bytes are invalid. Then *wrong is the number
 * of bytes that one U+FFFD replaces: the longest part that could begin a sequence (Unicode 3.9, "maximal subpart").
 */
static size_t sequence(const uint8_t *p, size_t left, size_t *wrong)
{
  uint8_t first = p[0], low = 0x80, high = 0xbf;
  size_t length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  *wrong = 1;
  if (length <= 1)
    return length;
  if (first == 0xe0)
    low = 0xa0;
  else if (first == 0xed)
    high = 0x9f;
  else if (first == 0xf0)
    low = 0x90;
  else if (first == 0xf4)
    high = 0x8f;
  for (size_t i = 1; i < length; i++) {
    if (i >= left || p[i] < low || p[i] > high)
      return 0;
    *wrong = i + 1;
    low = 0x80;
    high = 0xbf;
  }
  return length;
}

/* Returns the number of bytes from the start that are valid UTF-8. */
static size_t valid_length(const uint8_t *bytes, size_t length)
{
  size_t i = 0, wrong;
  while (i < length) {
    size_t step = sequence(bytes + i, length - i, &wrong);
    if (step == 0)
      break;
    i += step;
  }
  return i;
}

/* Writes a code point, or a half surrogate, as three bytes. */
static char *put3(char *to, unsigned code)
{
  *to++ = (char)(0xe0 | code >> 12);
  *to++ = (char)(0x80 | (code >> 6 & 0x3f));
  *to++ = (char)(0x80 | (code & 0x3f));
  return to;
}

/* With `escape`, each byte that is not valid UTF-8 becomes U+DC00 + byte; without, each invalid part becomes U+FFFD. */
static JSValue new_string(JSContext *context, const char *text, size_t length, bool escape)
{
  const uint8_t *bytes = (const uint8_t *)text;
  size_t good = valid_length(bytes, length);
  if (good == length)
    return JS_NewStringLen(context, text, length);

  char *repaired = js_malloc(context, good + 3 * (length - good));
  if (repaired == NULL)
    return JS_EXCEPTION;
  memcpy(repaired, text, good);
  char *to = repaired + good;
  for (size_t i = good; i < length;) {
    size_t wrong, step = sequence(bytes + i, length - i, &wrong);
    if (step > 0) {
      memcpy(to, text + i, step);
      to += step;
      i += step;
    } else if (escape) {
      to = put3(to, 0xdc00u + bytes[i++]);
    } else {
      to = put3(to, 0xfffd);
      i += wrong;
    }
  }
  JSValue string = JS_NewStringLen(context, repaired, (size_t)(to - repaired));
  js_free(context, repaired);
  return string;
}

JSValue host_new_text(JSContext *context, const char *bytes, size_t length)
{
  return new_string(context, bytes, length, false);
}

JSValue host_new_name(JSContext *context, const char *name)
{
  return host_new_name_of(context, name, strlen(name));
}

JSValue host_new_name_of(JSContext *context, const char *bytes, size_t length)
{
  return new_string(context, bytes, length, true);
}

JSValue host_new_decimal(JSContext *context, uint64_t number)
{
  char digits[24];
  snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
  return JS_NewString(context, digits);
}

bool host_set_members(JSContext *context, JSValueConst object, int flags, unsigned count,
                      const struct host_member *members)
{
  bool done = true;
  for (unsigned i = 0; i < count; i++) {
    /* The call frees the value, also if it fails. */
    if (done)
      done = JS_DefinePropertyValueStr(context, object, members[i].name, members[i].value, flags) >= 0;
    else
      JS_FreeValue(context, members[i].value);
  }
  return done;
}

JSValue host_new_object(JSContext *context, unsigned count, const struct host_member *members)
{
  JSValue object = JS_NewObject(context);
  if (host_set_members(context, object, JS_PROP_C_W_E, count, members))
    return object;
  JS_FreeValue(context, object);
  return JS_EXCEPTION;
}
