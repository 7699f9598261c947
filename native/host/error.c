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

static JSValue host_errnoName(HOST_ARGUMENTS)
{
  int64_t error;
  if (!host_integer(context, argv[0], "errno", INT32_MIN, INT32_MAX, &error))
    return JS_EXCEPTION;
  const char *name = host_errno_name((int)error);
  return name == NULL ? JS_UNDEFINED : JS_NewString(context, name);
}

/* Throws the error that a system call would throw. */
static JSValue host_fail(HOST_ARGUMENTS)
{
  JSValue result = JS_EXCEPTION;
  char *code = host_name(context, argv[0], ""), *call = host_name(context, argv[1], "");
  char *subject = host_name(context, argv[2], "");
  if (code != NULL && call != NULL && subject != NULL)
    result = host_throw(context, host_errno(code), call, subject);
  js_free(context, subject);
  js_free(context, call);
  js_free(context, code);
  return result;
}

static const JSCFunctionListEntry functions[] = {
  HOST_FUNCTION(errnoName, 1), HOST_FUNCTION(fail, 3),
};
HOST_PART(error);
