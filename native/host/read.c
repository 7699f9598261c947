/* Reads a descriptor to its end. */
#include "host.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

/*
 * sysfs returns an attribute in one read of at most a page (kernfs_file_read_iter, sysfs_emit), and sysctl a value
 * (proc_dostring). If a read returns less than the smallest page size, the text is complete, and the read that would
 * find the end is not needed.
 */
enum { SMALLEST_PAGE = 4096 };

/* Reads, and waits if a stream has no data yet. It waits in poll, because held-back signals cannot interrupt read(2).
 * */
static ssize_t read_some(int fd, char *to, size_t length, enum host_read_end end)
{
  for (;;) {
    if (end == HOST_READ_STREAM && host_signals_deferred() && host_wait_fd(fd, POLLIN, INFINITY) != 0)
      return -1;
    ssize_t got = read(fd, to, length);
    if (got >= 0 || (errno != EAGAIN && errno != EINTR))
      return got;
    if (errno == EAGAIN && (end != HOST_READ_STREAM || host_wait_fd(fd, POLLIN, INFINITY) != 0))
      return -1;
  }
}

JSValue host_read_text(JSContext *context, int fd, size_t limit, size_t size, enum host_read_end end,
                       const char *subject, JSValueConst expected)
{
  static char first[64 * 1024];
  char *text = first;
  size_t capacity = sizeof first, used = 0;
  int error = 0;
  for (;;) {
    if (used == capacity) {
      char *larger = js_realloc(context, text == first ? NULL : text, 2 * capacity);
      if (larger == NULL) {
        if (text != first)
          js_free(context, text);
        return JS_EXCEPTION;
      }
      if (text == first)
        memcpy(larger, first, sizeof first);
      text = larger;
      capacity *= 2;
    }
    /* sysctl allocates and clears a buffer of the requested size, so no more than a page is requested. */
    size_t room = end == HOST_READ_ATTRIBUTE && capacity - used > SMALLEST_PAGE ? SMALLEST_PAGE : capacity - used;
    ssize_t got = read_some(fd, text + used, room, end);
    if (got < 0)
      error = errno;
    else
      used += (size_t)got;
    if (used > limit)
      error = EFBIG;
    if (error != 0 || got == 0 || (end == HOST_READ_ATTRIBUTE && got < SMALLEST_PAGE) || (size > 0 && used == size))
      break;
  }
  JSValue string = error == 0 ? host_new_text(context, text, used)
                              : host_throw_unless(context, expected, error, "read", subject);
  if (text != first)
    js_free(context, text);
  return string;
}
