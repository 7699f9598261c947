#ifndef IB_SRIOV_COMMAND_LINE_H
#define IB_SRIOV_COMMAND_LINE_H

#include <quickjs/quickjs.h>
#include <stdbool.h>

/* Adds `commandLine` (host.d.ts) to the global object `host`. */
bool command_line_offer(JSContext *context);

#endif
