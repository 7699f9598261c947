/* Converts text and addresses between JavaScript and bytes, without system calls. */
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
  // The constructor always reads offset and length, regardless of argc.
  JSValueConst arguments[] = {buffer, JS_UNDEFINED, JS_UNDEFINED};
  JSValue array = JS_NewTypedArray(context, 3, arguments, JS_TYPED_ARRAY_UINT8);
  JS_FreeValue(context, buffer);
  return array;
}

static JSValue host_utf8Encode(HOST_ARGUMENTS)
{
  size_t length;
  char *text = host_name_bytes(context, argv[0], &length);
  if (text == NULL)
    return JS_EXCEPTION;
  JSValue bytes = host_new_bytes(context, text, length);
  js_free(context, text);
  return bytes;
}

/* Words of 32 bits that are collected. */
struct words {
  uint8_t *bytes;
  size_t used, room;
};

enum { DEEPEST_WORDS = 16 };

static bool append_bytes(JSContext *context, struct words *to, const void *bytes, size_t length)
{
  if (length == 0)
    return true;
  const size_t whole = (length + 3) / 4 * 4;
  if (whole > to->room - to->used) {
    const size_t room = 2 * to->room + whole;
    uint8_t *larger = js_realloc(context, to->bytes, room);
    if (larger == NULL)
      return false;
    to->bytes = larger;
    to->room = room;
  }
  memset(to->bytes + to->used + length, 0, whole - length);
  memcpy(to->bytes + to->used, bytes, length);
  to->used += whole;
  return true;
}

static bool append_words(JSContext *context, struct words *to, JSValueConst list, int depth)
{
  uint32_t count = 0;
  JSValue length = JS_GetPropertyStr(context, list, "length");
  const bool has_length = !JS_IsException(length) && JS_ToUint32(context, &count, length) == 0;
  JS_FreeValue(context, length);
  if (!has_length)
    return false;
  for (uint32_t i = 0; i < count; i++) {
    JSValue element = JS_GetPropertyUint32(context, list, i);
    if (JS_IsException(element))
      return false;
    const uint8_t *bytes;
    size_t size;
    uint32_t word;
    bool done;
    if (JS_IsNumber(element))
      done = JS_ToUint32(context, &word, element) == 0 && append_bytes(context, to, &word, sizeof word);
    else if (JS_IsArray(context, element) && depth < DEEPEST_WORDS)
      done = append_words(context, to, element, depth + 1);
    else
      done = host_bytes(context, element, &bytes, &size) && append_bytes(context, to, bytes, size);
    JS_FreeValue(context, element);
    if (!done)
      return false;
  }
  return true;
}

static JSValue host_packU32(HOST_ARGUMENTS)
{
  struct words words = {0};
  JSValue bytes = JS_EXCEPTION;
  if (append_words(context, &words, argv[0], 1))
    bytes = host_new_bytes(context, words.bytes, words.used);
  js_free(context, words.bytes);
  return bytes;
}

static JSValue host_utf8Decode(HOST_ARGUMENTS)
{
  const uint8_t *bytes;
  size_t length;
  if (!host_bytes(context, argv[0], &bytes, &length))
    return JS_EXCEPTION;
  return host_new_name_of(context, (const char *)bytes, length);
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
  /* A text with a NUL byte is not an address, but inet_pton would read only the part before it. */
  bool valid = strlen(text) == length && inet_pton(family == 4 ? AF_INET : AF_INET6, text, address) == 1;
  js_free(context, text);
  return valid ? host_new_bytes(context, address, family == 4 ? 4 : 16) : JS_UNDEFINED;
}

/* Finds the zero groups that "::" replaces: the first of the longest runs of at least two groups (RFC 5952). */
static void find_zeros(const uint8_t *bytes, int *start, int *length)
{
  *start = 8;
  *length = 1;
  for (int begin = 0, end; begin < 8; begin = end + 1) {
    for (end = begin; end < 8 && bytes[2 * end] == 0 && bytes[2 * end + 1] == 0; end++)
      ;
    if (end - begin > *length) {
      *start = begin;
      *length = end - begin;
    }
  }
}

/* Replaces inet_ntop, because libcs abbreviate zeros differently. Embedded IPv4 addresses look as in glibc. */
static void ipv6_text(const uint8_t *bytes, char text[INET6_ADDRSTRLEN])
{
  int start, length;
  find_zeros(bytes, &start, &length);
  const bool mapped = start == 0 && length == 5 && bytes[10] == 0xff && bytes[11] == 0xff;
  const int groups = mapped || (start == 0 && length == 6) ? 6 : 8;
  char *to = text;
  for (int group = 0; group < groups; group++) {
    if (group > start && group < start + length)
      continue;
    if (group == start)
      to += sprintf(to, "%s", group == 0 ? "::" : ":");
    else
      to += sprintf(to, "%x%s", bytes[2 * group] << 8 | bytes[2 * group + 1], group < 7 ? ":" : "");
  }
  if (groups == 6)
    sprintf(to, "%d.%d.%d.%d", bytes[12], bytes[13], bytes[14], bytes[15]);
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
  if (length == 16)
    ipv6_text(bytes, text);
  else
    inet_ntop(AF_INET, bytes, text, sizeof text);
  return JS_NewString(context, text);
}

const JSCFunctionListEntry host_text_functions[] = {
  HOST_FUNCTION(utf8Encode, 1),
  HOST_FUNCTION(packU32, 1),
  HOST_FUNCTION(utf8Decode, 1),
  HOST_FUNCTION(inetPton, 2),
  HOST_FUNCTION(inetNtop, 1),
};
const int host_text_count = COUNT_OF(host_text_functions);
