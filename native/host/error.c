/* Converts a failed system call to a HostError in JavaScript. */
#include "host.h"

#include <stdio.h>
#include <string.h>

_Alignas(8) char host_buffer[64 * 1024];

JSValue host_throw(JSContext *context, int error, const char *call, const char *subject)
{
  char number[16];
  const char *name = host_errno_name(error);
  const char *text = strerror(error);
  if (name == NULL) {
    snprintf(number, sizeof number, "E%d", error);
    name = number;
  }

  /* Not malloc(3): its first block takes system calls. */
  snprintf(host_buffer, sizeof host_buffer, "%s%s%s: %s (%s)", call, *subject ? " " : "", subject, text, name);
  const struct host_member members[] = {
    {"message", host_new_name(context, host_buffer)},
    {"errno", JS_NewInt32(context, error)},
    {"code", JS_NewString(context, name)},
    {"call", JS_NewString(context, call)},
    {"subject", host_new_name(context, subject)},
  };
  JSValue object = JS_NewError(context);
  if (host_set_members(context, object, JS_PROP_WRITABLE | JS_PROP_CONFIGURABLE, COUNT_OF(members), members))
    return JS_Throw(context, object);
  JS_FreeValue(context, object);
  return JS_EXCEPTION;
}

bool host_is_expected(JSContext *context, JSValueConst expected, int error)
{
  const char *name = host_errno_name(error);
  if (name == NULL || !JS_IsObject(expected))
    return false;
  for (uint32_t i = 0;; i++) {
    JSValue element = JS_GetPropertyUint32(context, expected, i);
    const char *text = JS_IsString(element) ? JS_ToCString(context, element) : NULL;
    JS_FreeValue(context, element);
    if (text == NULL)
      return false;
    const bool matches = strcmp(text, name) == 0;
    JS_FreeCString(context, text);
    if (matches)
      return true;
  }
}

JSValue host_throw_unless(JSContext *context, JSValueConst expected, int error, const char *call, const char *subject)
{
  return host_is_expected(context, expected, error) ? JS_UNDEFINED : host_throw(context, error, call, subject);
}

JSValue host_throw_fd(JSContext *context, int error, const char *call, int fd)
{
  char subject[24];
  snprintf(subject, sizeof subject, "fd %d", fd);
  return host_throw(context, error, call, subject);
}
