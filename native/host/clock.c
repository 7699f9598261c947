/* The monotonic clock, on which deadlines are points, and the text of wall-clock times. */
#include "host.h"

#include <stdio.h>
#include <time.h>

double host_now(void)
{
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/*
 * Formats a time in UTC. The calculation begins a year on 1 March, so that a leap day is its last day, and any five
 * consecutive months have 153 days. (gmtime would link the C library's time zones, and strftime its locales.)
 */
static JSValue host_formatTime(HOST_ARGUMENTS)
{
  int64_t milliseconds;
  if (!host_integer(context, argv[0], "a time", 0, INT64_C(253402300799999), &milliseconds))
    return JS_EXCEPTION;
  const unsigned second = (unsigned)(milliseconds / 1000 % 86400);
  /* Days since 1 March of the year 0. 400 years have 146,097 days, 100 years mostly 36,524, 4 years mostly 1,461. */
  const unsigned days = (unsigned)(milliseconds / 86400000) + 719468;
  const unsigned day = days % 146097;
  const unsigned year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
  const unsigned of_year = day - (365 * year + year / 4 - year / 100);
  const unsigned month = (5 * of_year + 2) / 153;
  const unsigned of_month = of_year - (153 * month + 2) / 5 + 1;
  const unsigned calendar_month = month < 10 ? month + 3 : month - 9;
  const unsigned calendar_year = year + 400 * (days / 146097) + (calendar_month <= 2);
  char text[64];
  snprintf(text, sizeof text, "%04u-%02u-%02uT%02u:%02u:%02uZ", calendar_year, calendar_month, of_month, second / 3600,
           second / 60 % 60, second % 60);
  return JS_NewString(context, text);
}

const JSCFunctionListEntry host_clock_functions[] = {
  HOST_FUNCTION(formatTime, 1),
};
const int host_clock_count = COUNT_OF(host_clock_functions);
