/* Reads the parameters of a new child from JavaScript. */
#include "children.h"
#include "host.h"

static bool get_names(JSContext *context, JSValueConst object, const char *property, char ***names)
{
  JSValue array = JS_GetPropertyStr(context, object, property);
  JSValue length_value = JS_IsException(array) ? array : JS_GetPropertyStr(context, array, "length");
  int64_t length = 0, i = 0;
  bool good = !JS_IsException(length_value) &&
              host_integer(context, length_value, "the environment's length", 0, INT32_MAX, &length) &&
              (*names = js_mallocz(context, ((size_t)length + 1) * sizeof **names)) != NULL;
  for (; good && i < length; i++) {
    JSValue value = JS_GetPropertyUint32(context, array, (uint32_t)i);
    (*names)[i] = JS_IsException(value) ? NULL : host_name(context, value, "posix_spawn");
    good = (*names)[i] != NULL;
    JS_FreeValue(context, value);
  }
  JS_FreeValue(context, length_value);
  JS_FreeValue(context, array);
  return good;
}

static bool get_descriptors(JSContext *context, JSValueConst object, const char *property, struct start *start)
{
  JSValue array = JS_GetPropertyStr(context, object, property);
  JSValue length_value = JS_IsException(array) ? array : JS_GetPropertyStr(context, array, "length");
  int64_t length = 0;
  bool good = !JS_IsException(length_value) &&
              host_integer(context, length_value, "the number of descriptors", 0, 1024, &length) &&
              (start->inherit = js_mallocz(context, ((size_t)length + 1) * sizeof *start->inherit)) != NULL;
  for (int64_t i = 0; good && i < length; i++) {
    int64_t fd;
    JSValue value = JS_GetPropertyUint32(context, array, (uint32_t)i);
    /* 0 to 2 are the child's own stdio. */
    good = !JS_IsException(value) && host_integer(context, value, "a descriptor to inherit", 3, INT32_MAX, &fd);
    if (good)
      start->inherit[start->inherit_count++] = (int)fd;
    JS_FreeValue(context, value);
  }
  JS_FreeValue(context, length_value);
  JS_FreeValue(context, array);
  return good;
}

bool child_read_start(JSContext *context, JSValueConst object, struct start *start)
{
  JSValue path = JS_GetPropertyStr(context, object, "path");
  JSValue input = JS_GetPropertyStr(context, object, "stdin");
  bool good = !JS_IsException(path) && !JS_IsException(input) &&
              (start->path = host_name(context, path, "posix_spawn")) != NULL &&
              (start->input = host_text(context, input, &start->input_length)) != NULL &&
              get_names(context, object, "environment", &start->environment) &&
              get_descriptors(context, object, "inherit", start);
  JS_FreeValue(context, input);
  JS_FreeValue(context, path);
  return good;
}

void child_free_start(JSContext *context, struct start *start)
{
  for (char **name = start->environment; name != NULL && *name != NULL; name++)
    js_free(context, *name);
  js_free(context, start->environment);
  js_free(context, start->inherit);
  js_free(context, start->input);
  js_free(context, start->path);
}
