#include "engine.h"
#include "host.h"

#include <string.h>

/*
 * Bounds for hostile input, far above what any call needs. The stack's is small enough for every limit that
 * a process may be started with; the memory's spares a node that has better things to do with it.
 */
enum { STACK_BYTES = 256 * 1024, MEMORY_BYTES = 256 * 1024 * 1024 };

JSContext *engine_start(void)
{
  JSRuntime *runtime = engine_new_runtime();
  if (runtime == NULL)
    return NULL;
  JS_SetMaxStackSize(runtime, STACK_BYTES);
  JS_SetMemoryLimit(runtime, MEMORY_BYTES);
  /* The process lives for milliseconds: cycles are freed by its end. */
  JS_SetGCThreshold(runtime, (size_t)-1);

  JSContext *context = JS_NewContextRaw(runtime);
  if (context == NULL) {
    JS_FreeRuntime(runtime);
    return NULL;
  }
  JS_AddIntrinsicBaseObjects(context);
  JS_AddIntrinsicJSON(context);
  if (!host_guard_json(context) || !host_install(context)) {
    engine_end(context);
    return NULL;
  }
  return context;
}

/*
 * What main does not need, and not every call of the others: together a tenth of the start-up. The rest (Promise,
 * Date, Proxy, WeakRef, Eval) no program of ours uses.
 */
static void (*const intrinsics[])(JSContext *context) = {
  [ENGINE_REGEXP] = JS_AddIntrinsicRegExp,
  [ENGINE_COLLECTIONS] = JS_AddIntrinsicMapSet,
  [ENGINE_BYTES] = JS_AddIntrinsicTypedArrays,
};

void engine_add(JSContext *context, enum engine_intrinsic which)
{
  static unsigned added;
  const unsigned bit = 1u << which;
  if (added & bit)
    return;
  added |= bit;
  intrinsics[which](context);
}

bool engine_add_for(JSContext *context, const char *name)
{
  static const struct {
    const char *name;
    enum engine_intrinsic which;
  } globals[] = {
    {"Map", ENGINE_COLLECTIONS},         {"Set", ENGINE_COLLECTIONS},
    {"WeakMap", ENGINE_COLLECTIONS},     {"WeakSet", ENGINE_COLLECTIONS},
    {"ArrayBuffer", ENGINE_BYTES},       {"SharedArrayBuffer", ENGINE_BYTES},
    {"DataView", ENGINE_BYTES},          {"Uint8ClampedArray", ENGINE_BYTES},
    {"Int8Array", ENGINE_BYTES},         {"Uint8Array", ENGINE_BYTES},
    {"Int16Array", ENGINE_BYTES},        {"Uint16Array", ENGINE_BYTES},
    {"Int32Array", ENGINE_BYTES},        {"Uint32Array", ENGINE_BYTES},
    {"BigInt64Array", ENGINE_BYTES},     {"BigUint64Array", ENGINE_BYTES},
    {"Float32Array", ENGINE_BYTES},      {"Float64Array", ENGINE_BYTES},
  };
  for (size_t i = 0; i < sizeof globals / sizeof globals[0]; i++) {
    if (strcmp(globals[i].name, name) == 0) {
      engine_add(context, globals[i].which);
      return true;
    }
  }
  return false;
}

void engine_end(JSContext *context)
{
  JSRuntime *runtime = JS_GetRuntime(context);
  JS_FreeContext(context);
  JS_FreeRuntime(runtime);
}

int engine_finish(JSContext *context, JSValue result)
{
  if (JS_IsException(result)) {
    engine_report(context);
    return 1;
  }
  JS_FreeValue(context, result);
  return host_exit_status();
}
