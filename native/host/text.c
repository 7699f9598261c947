/* Converts text between JavaScript and bytes, without system calls. */
#include "host.h"

JSValue host_new_bytes(JSContext *context, const void *bytes, size_t length)
{
  JSValue buffer = JS_NewArrayBufferCopy(context, bytes, length);
  if (JS_IsException(buffer))
    return buffer;
  // The constructor always reads offset and length, regardless of argc.
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

/* utf8Decode, and with `lossy` decodeText: invalid bytes become U+FFFD. */
static JSValue host_utf8Decode(HOST_ARGUMENTS, int lossy)
{
  const uint8_t *bytes;
  size_t length;
  if (!host_bytes(context, argv[0], &bytes, &length))
    return JS_EXCEPTION;
  return (lossy ? host_new_text : host_new_name_of)(context, (const char *)bytes, length);
}

static const JSCFunctionListEntry functions[] = {
  HOST_FUNCTION(utf8Encode, 1),
  JS_CFUNC_MAGIC_DEF("utf8Decode", 1, host_utf8Decode, false),
  JS_CFUNC_MAGIC_DEF("decodeText", 1, host_utf8Decode, true),
};
HOST_PART(text);
