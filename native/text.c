/* Text, addresses and moments between JavaScript and bytes. Nothing here asks the kernel. */
#include "host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

JSValue host_new_bytes(JSContext *context, const void *bytes, size_t length)
{
  JSValue buffer = JS_NewArrayBufferCopy(context, bytes, length);
  if (JS_IsException(buffer))
    return buffer;
  // The constructor reads offset and length too, whatever argc says.
  JSValueConst arguments[] = {buffer, JS_UNDEFINED, JS_UNDEFINED};
  JSValue array = JS_NewTypedArray(context, 3, arguments, JS_TYPED_ARRAY_UINT8);
  JS_FreeValue(context, buffer);
  return array;
}

static JSValue host_utf8Encode(HOST_ARGUMENTS)
{
  size_t length;
  char *text = host_text(context, argv[0], &length);
  if (text == NULL)
    return JS_EXCEPTION;
  JSValue bytes = host_new_bytes(context, text, length);
  js_free(context, text);
  return bytes;
}

static JSValue host_utf8Decode(HOST_ARGUMENTS)
{
  const uint8_t *bytes;
  size_t length;
  if (!host_bytes(context, argv[0], &bytes, &length))
    return JS_EXCEPTION;
  return host_new_text(context, (const char *)bytes, length);
}

static JSValue host_inetPton(HOST_ARGUMENTS)
{
  int64_t family;
  if (!host_integer(context, argv[0], "family", 4, 6, &family))
    return JS_EXCEPTION;
  if (family == 5)
    return host_throw(context, EAFNOSUPPORT, "inet_pton", "");
  size_t length;
  char *text = host_text(context, argv[1], &length);
  if (text == NULL)
    return JS_EXCEPTION;
  uint8_t address[16];
  /* A text with a NUL byte in it is no address, whatever stands before that byte. */
  bool valid = strlen(text) == length && inet_pton(family == 4 ? AF_INET : AF_INET6, text, address) == 1;
  js_free(context, text);
  return valid ? host_new_bytes(context, address, family == 4 ? 4 : 16) : JS_UNDEFINED;
}

static JSValue host_inetNtop(HOST_ARGUMENTS)
{
  const uint8_t *bytes;
  size_t length;
  if (!host_bytes(context, argv[0], &bytes, &length))
    return JS_EXCEPTION;
  char text[INET6_ADDRSTRLEN];
  if (length != 4 && length != 16)
    return host_throw(context, EINVAL, "inet_ntop", "");
  if (inet_ntop(length == 4 ? AF_INET : AF_INET6, bytes, text, sizeof text) == NULL)
    return host_throw(context, errno, "inet_ntop", "");
  return JS_NewString(context, text);
}

/*
 * The year begins on 1 March, so that a leap day is its last, and every five months from there have 153 days. (The C
 * library's gmtime would do it, and bring its time zones along: 15 KB.)
 */
static JSValue host_utc(HOST_ARGUMENTS)
{
  int64_t ms;
  /* To the end of the year 9999. */
  if (!host_integer(context, argv[0], "a time", 0, INT64_C(253402300799999), &ms))
    return JS_EXCEPTION;
  const unsigned in_day = (unsigned)(ms % 86400000);
  /* Since 1 March of the year 0; 400 years have 146097 days, 100 have 36524, 4 have 1461. */
  const unsigned days = (unsigned)(ms / 86400000) + 719468;
  const unsigned era = days / 146097, day = days % 146097;
  const unsigned year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
  const unsigned of_year = day - (365 * year + year / 4 - year / 100);
  const unsigned month = (5 * of_year + 2) / 153;
  const unsigned of_month = of_year - (153 * month + 2) / 5 + 1;
  const unsigned calendar = month < 10 ? month + 3 : month - 9;
  char text[40];
  snprintf(text, sizeof text, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", year + 400 * era + (calendar <= 2), calendar,
           of_month, in_day / 3600000, in_day / 60000 % 60, in_day / 1000 % 60, in_day % 1000);
  return JS_NewString(context, text);
}

const JSCFunctionListEntry host_text_functions[] = {
  HOST_FUNCTION(utf8Encode, 1),
  HOST_FUNCTION(utf8Decode, 1),
  HOST_FUNCTION(inetPton, 2),
  HOST_FUNCTION(inetNtop, 1),
  HOST_FUNCTION(utc, 1),
};
const int host_text_count = COUNT_OF(host_text_functions);
