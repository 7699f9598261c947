#include "engine.h"
#include "host.h"
#include "memory.h"

/*
 * Bounds for hostile input, far above what any call needs. The stack's is small enough for every limit that
 * a process may be started with; the memory's spares a node that has better things to do with it.
 */
enum { STACK_BYTES = 256 * 1024, MEMORY_BYTES = 256 * 1024 * 1024 };

JSContext *engine_start(void)
{
  JSRuntime *runtime = memory_new_runtime();
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
  /* The rest (Promise, Date, Proxy, WeakRef, Eval) the program does not use: scripts/absent.mjs. */
  JS_AddIntrinsicBaseObjects(context);
  JS_AddIntrinsicRegExp(context);
  JS_AddIntrinsicJSON(context);
  JS_AddIntrinsicMapSet(context);
  JS_AddIntrinsicTypedArrays(context);
  if (!host_guard_json(context) || !host_install(context)) {
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
