/* Makes the global object `host` from its parts. */
#include "host.h"

bool host_install(JSContext *context)
{
  const struct host_part *const parts[] = {
    &host_part_bpf, &host_part_calls, &host_part_children, &host_part_clock, &host_part_ethtool, &host_part_files,
    &host_part_netlink, &host_part_notice, &host_part_process, &host_part_signals, &host_part_streams, &host_part_text,
    &host_part_wait,
  };
  JSValue host = JS_NewObject(context);
  if (JS_IsException(host))
    return false;
  for (size_t i = 0; i < COUNT_OF(parts); i++)
    JS_SetPropertyFunctionList(context, host, parts[i]->functions, parts[i]->count);

  JSValue global = JS_GetGlobalObject(context);
  int done = JS_DefinePropertyValueStr(context, global, "host", host, 0);
  JS_FreeValue(context, global);
  return done >= 0;
}
