/*
 * What the engine and libc could do, and this program never does: times in other zones, messages in other languages. The
 * linker takes these functions instead of theirs, and 80 KB of libc stay out: time zone files, catalogues, scanf.
 */
#include <time.h>

/* Of the engine's Date, which the program has not (engine.c). */
struct tm *localtime_r(const time_t *time, struct tm *result)
{
  return NULL;
}

/* Of libc's own messages. */
char *__dcgettext(const char *domain, const char *message, int category);
char *__dcgettext(const char *domain, const char *message, int category)
{
  return (char *)message;
}
