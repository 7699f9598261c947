/* Text and addresses between JavaScript and bytes. Nothing here asks the kernel. */
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

const JSCFunctionListEntry host_text_functions[] = {
  HOST_FUNCTION(utf8Encode, 1),
  HOST_FUNCTION(utf8Decode, 1),
  HOST_FUNCTION(inetPton, 2),
  HOST_FUNCTION(inetNtop, 1),
};
const int host_text_count = COUNT_OF(host_text_functions);
