/* Makes the global object `host` from its parts. */
#include "host.h"

bool host_install(JSContext *context)
{
  const struct {
    const JSCFunctionListEntry *functions;
    int count;
  } parts[] = {
    {host_process_functions, host_process_count},       {host_streams_functions, host_streams_count},
    {host_signals_functions, host_signals_count},       {host_text_functions, host_text_count},
    {host_files_functions, host_files_count},           {host_directories_functions, host_directories_count},
    {host_locks_functions, host_locks_count},           {host_namespaces_functions, host_namespaces_count},
    {host_netlink_functions, host_netlink_count},       {host_children_functions, host_children_count},
    {host_write_functions, host_write_count},           {host_copy_functions, host_copy_count},
    {host_watch_functions, host_watch_count},           {host_clock_functions, host_clock_count},
    {host_append_functions, host_append_count},         {host_datagram_functions, host_datagram_count},
    {host_bpf_functions, host_bpf_count},
  };
  JSValue host = JS_NewObject(context);
  if (JS_IsException(host))
    return false;
  for (size_t i = 0; i < COUNT_OF(parts); i++)
    JS_SetPropertyFunctionList(context, host, parts[i].functions, parts[i].count);

  JSValue global = JS_GetGlobalObject(context);
  int done = JS_DefinePropertyValueStr(context, global, "host", host, 0);
  JS_FreeValue(context, global);
  return done >= 0;
}
