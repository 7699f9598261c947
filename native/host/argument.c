/* Checks of arguments from JavaScript: a wrong type is a TypeError and is never converted (undefined is not fd 0). */
#include "host.h"

#include <errno.h>
#include <math.h>
#include <string.h>

bool host_integer(JSContext *context, JSValueConst value, const char *what, int64_t low, int64_t high,
                  int64_t *number)
{
  double real;
  if (!JS_IsNumber(value) || JS_ToFloat64(context, &real, value) < 0 || trunc(real) != real ||
      real < (double)low || real > (double)high) {
    JS_ThrowTypeError(context, "%s must be a whole number from %lld to %lld", what, (long long)low,
                      (long long)high);
    return false;
  }
  *number = (int64_t)real;
  return true;
}

bool host_fd(JSContext *context, JSValueConst value, int *fd)
{
  int64_t number;
  if (!host_integer(context, value, "a descriptor", 0, INT32_MAX, &number))
    return false;
  *fd = (int)number;
  return true;
}

bool host_deadline(JSContext *context, JSValueConst value, double *deadline)
{
  if (!JS_IsNumber(value) || JS_ToFloat64(context, deadline, value) < 0 || isnan(*deadline)) {
    JS_ThrowTypeError(context, "a deadline must be a number");
    return false;
  }
  return true;
}

bool host_bytes(JSContext *context, JSValueConst value, const uint8_t **bytes, size_t *length)
{
  size_t offset, element, whole;
  JSValue buffer = JS_GetTypedArrayBuffer(context, value, &offset, length, &element);
  if (JS_IsException(buffer))
    return false;
  uint8_t *start = JS_GetArrayBuffer(context, &whole, buffer);
  /* The array still has a reference to its buffer. */
  JS_FreeValue(context, buffer);
  if (start == NULL)
    return false;
  if (element != 1) {
    JS_ThrowTypeError(context, "bytes must be a Uint8Array");
    return false;
  }
  *bytes = start + offset;
  return true;
}

/* Returns a copy of a string as UTF-8, in which each half surrogate takes three bytes. */
static char *copy_string(JSContext *context, JSValueConst value, size_t *length)
{
  if (!JS_IsString(value)) {
    JS_ThrowTypeError(context, "not a string");
    return NULL;
  }
  const char *text = JS_ToCStringLen(context, length, value);
  if (text == NULL)
    return NULL;
  char *copy = js_malloc(context, *length + 1);
  if (copy != NULL)
    memcpy(copy, text, *length + 1);
  JS_FreeCString(context, text);
  return copy;
}

/* Reports whether the text begins with the three bytes of a half surrogate (U+D800 to U+DFFF), invalid in strict UTF-8.
 * */
static bool is_surrogate(const char *text)
{
  return (unsigned char)text[0] == 0xed && ((unsigned char)text[1] & 0xe0) == 0xa0;
}

/* A fast check which almost all texts pass: true only if the text has no half surrogate. */
static bool has_no_surrogate(const char *text, size_t length)
{
  return memchr(text, 0xed, length) == NULL;
}

/* Returns the byte that host_new_name escaped as U+DC80 to U+DCFF, because it is not valid UTF-8; -1 if it is another.
 * */
static int escaped_byte(const char *surrogate)
{
  unsigned code = 0xd000u | ((unsigned)surrogate[1] & 0x3f) << 6 | ((unsigned)surrogate[2] & 0x3f);
  return code < 0xdc80 || code > 0xdcff ? -1 : (int)(code & 0xff);
}

char *host_name(JSContext *context, JSValueConst value, const char *call)
{
  size_t length;
  char *name = copy_string(context, value, &length);
  if (name == NULL || (strlen(name) == length && has_no_surrogate(name, length)))
    return name;
  char *to = name;
  for (const char *from = name; from < name + length;) {
    if (*from == '\0')
      goto invalid;
    if (!is_surrogate(from)) {
      *to++ = *from++;
      continue;
    }
    int byte = escaped_byte(from);
    if (byte < 0)
      goto invalid;
    *to++ = (char)byte;
    from += 3;
  }
  *to = '\0';
  return name;

invalid:
  /* The message contains the name up to the invalid byte. */
  host_throw(context, EINVAL, call, name);
  js_free(context, name);
  return NULL;
}

char *host_text(JSContext *context, JSValueConst value, size_t *length)
{
  char *text = copy_string(context, value, length);
  if (text == NULL || has_no_surrogate(text, *length))
    return text;
  for (size_t i = 0; i + 2 < *length; i++) {
    if (is_surrogate(text + i))
      memcpy(text + i, "\xef\xbf\xbd", 3);
  }
  return text;
}

char *host_name_bytes(JSContext *context, JSValueConst value, size_t *length)
{
  char *text = copy_string(context, value, length);
  if (text == NULL || has_no_surrogate(text, *length))
    return text;
  char *to = text;
  for (const char *from = text; from < text + *length;) {
    if (!is_surrogate(from)) {
      *to++ = *from++;
      continue;
    }
    int byte = escaped_byte(from);
    if (byte < 0) {
      memmove(to, "\xef\xbf\xbd", 3);
      to += 3;
    } else {
      *to++ = (char)byte;
    }
    from += 3;
  }
  *length = (size_t)(to - text);
  return text;
}
