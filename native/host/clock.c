/* The monotonic clock. */
#include "host.h"

double host_now(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

struct timespec host_timespec(double ms)
{
  const double longest = 86400e3;
  if (ms > longest)
    ms = longest;
  struct timespec time = {.tv_sec = (time_t)(ms / 1e3)};
  time.tv_nsec = (long)((ms - (double)time.tv_sec * 1e3) * 1e6);
  return time;
}

static JSValue host_monotonic(HOST_ARGUMENTS)
{
  return JS_NewFloat64(context, host_now());
}

static const JSCFunctionListEntry functions[] = {
  HOST_FUNCTION(monotonic, 0),
};
HOST_PART(clock);
