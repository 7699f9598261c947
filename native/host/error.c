/* Converts a failed system call to a HostError in JavaScript. */
#include "host.h"

#include <stdio.h>
#include <string.h>

JSValue host_throw(JSContext *context, int error, const char *call, const char *subject)
{
  char number[16];
  const char *name = host_errno_name(error);
  const char *text = strerror(error);
  if (name == NULL) {
    snprintf(number, sizeof number, "E%d", error);
    name = number;
  }

  JSValue object = JS_NewError(context);
  if (JS_IsException(object))
    return object;

  size_t length = strlen(call) + strlen(subject) + strlen(text) + strlen(name) + sizeof "  :  ()";
  char *message = js_malloc(context, length);
  if (message == NULL) {
    JS_FreeValue(context, object);
    return JS_EXCEPTION;
  }
  snprintf(message, length, "%s%s%s: %s (%s)", call, *subject ? " " : "", subject, text, name);

  const int flags = JS_PROP_WRITABLE | JS_PROP_CONFIGURABLE;
  int done = JS_DefinePropertyValueStr(context, object, "message", host_new_name(context, message), flags);
  js_free(context, message);
  if (done >= 0)
    done = JS_DefinePropertyValueStr(context, object, "errno", JS_NewInt32(context, error), flags);
  if (done >= 0)
    done = JS_DefinePropertyValueStr(context, object, "code", JS_NewString(context, name), flags);
  if (done >= 0)
    done = JS_DefinePropertyValueStr(context, object, "call", JS_NewString(context, call), flags);
  if (done >= 0)
    done = JS_DefinePropertyValueStr(context, object, "subject", host_new_name(context, subject), flags);
  if (done < 0) {
    JS_FreeValue(context, object);
    return JS_EXCEPTION;
  }
  return JS_Throw(context, object);
}

static bool is_expected(JSContext *context, JSValueConst expected, int error)
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
  return is_expected(context, expected, error) ? JS_UNDEFINED : host_throw(context, error, call, subject);
}

JSValue host_throw_fd(JSContext *context, int error, const char *call, int fd)
{
  char subject[24];
  snprintf(subject, sizeof subject, "fd %d", fd);
  return host_throw(context, error, call, subject);
}
