#include "engine.h"
#include "host.h"
#include "memory.h"

/*
 * Limits for hostile input, far above the needs of any call. The stack limit is below every stack size that a process
 * is usually started with; the memory limit protects the node.
 */
enum { STACK_BYTES = 256 * 1024, MEMORY_BYTES = 256 * 1024 * 1024 };

JSContext *engine_start(void)
{
  JSRuntime *runtime = memory_new_runtime();
  if (runtime == NULL)
    return NULL;
  JS_SetMaxStackSize(runtime, STACK_BYTES);
  JS_SetMemoryLimit(runtime, MEMORY_BYTES);
  /* No garbage collection: the process runs for milliseconds, and its exit frees all memory, cycles included. */
  JS_SetGCThreshold(runtime, (size_t)-1);

  JSContext *context = JS_NewContextRaw(runtime);
  if (context == NULL) {
    JS_FreeRuntime(runtime);
    return NULL;
  }
  /* The program does not use the other intrinsics (Promise, Date, Proxy, WeakRef, Eval): scripts/absent.mjs. */
  JS_AddIntrinsicBaseObjects(context);
  JS_AddIntrinsicRegExp(context);
  JS_AddIntrinsicJSON(context);
  JS_AddIntrinsicMapSet(context);
  JS_AddIntrinsicTypedArrays(context);
  if (!host_install(context)) {
    engine_end(context);
    return NULL;
  }
  return context;
}

JSValue engine_evaluate(JSContext *context, const uint8_t *bytecode, size_t length, const char *variable)
{
  JSValue function = JS_ReadObject(context, bytecode, length, JS_READ_OBJ_BYTECODE);
  JSValue result = JS_IsException(function) ? function : JS_EvalFunction(context, function);
  if (JS_IsException(result))
    return result;
  JS_FreeValue(context, result);
  JSValue global = JS_GetGlobalObject(context);
  JSValue value = JS_GetPropertyStr(context, global, variable);
  JS_FreeValue(context, global);
  return value;
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
