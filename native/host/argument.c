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

/* Reports whether the text begins with the three bytes of a half surrogate, U+D800 to U+DFFF. */
static bool is_surrogate(const char *text)
{
  return (unsigned char)text[0] == 0xed && ((unsigned char)text[1] & 0xe0) == 0xa0;
}

/*
 * Returns a copy of a string as UTF-8. Half surrogates that host_new_name has made of bytes that are not valid UTF-8
 * (U+DC80 to U+DCFF) become these bytes again; others become U+FFFD, and *is_exact false.
 */
static char *copy_string(JSContext *context, JSValueConst value, size_t *length, bool *is_exact)
{
  *is_exact = true;
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
  if (copy == NULL || memchr(copy, 0xed, *length) == NULL)
    return copy;
  char *to = copy;
  for (const char *from = copy; from < copy + *length;) {
    if (!is_surrogate(from)) {
      *to++ = *from++;
      continue;
    }
    const unsigned code = 0xd000u | ((unsigned)from[1] & 0x3f) << 6 | ((unsigned)from[2] & 0x3f);
    from += 3;
    if (code >= 0xdc80 && code <= 0xdcff) {
      *to++ = (char)(code & 0xff);
    } else {
      to = mempcpy(to, "\xef\xbf\xbd", 3);
      *is_exact = false;
    }
  }
  *to = '\0';
  *length = (size_t)(to - copy);
  return copy;
}

char *host_name(JSContext *context, JSValueConst value, const char *call)
{
  size_t length;
  bool is_exact;
  char *name = copy_string(context, value, &length, &is_exact);
  if (name == NULL || (is_exact && strlen(name) == length))
    return name;
  host_throw(context, EINVAL, call, name);
  js_free(context, name);
  return NULL;
}

char *host_text(JSContext *context, JSValueConst value, size_t *length)
{
  bool is_exact;
  return copy_string(context, value, length, &is_exact);
}
