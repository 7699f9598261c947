/* The clock that deadlines are points on, and how people read the other one. */
#include "host.h"

#include <errno.h>
#include <time.h>

double host_now(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static JSValue host_formatTime(HOST_ARGUMENTS)
{
  int64_t milliseconds;
  if (!host_integer(context, argv[0], "a time", 0, INT64_C(253402300799999), &milliseconds))
    return JS_EXCEPTION;
  const time_t seconds = (time_t)(milliseconds / 1000);
  struct tm utc;
  char text[sizeof "9999-12-31T23:59:59Z"];
  if (gmtime_r(&seconds, &utc) == NULL || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
    return host_throw(context, EOVERFLOW, "gmtime", "");
  return JS_NewString(context, text);
}

const JSCFunctionListEntry host_clock_functions[] = {
  HOST_FUNCTION(formatTime, 1),
};
const int host_clock_count = COUNT_OF(host_clock_functions);
