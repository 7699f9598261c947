/* stdout and stderr. */
#include "host.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <unistd.h>

static bool stdout_used;

bool host_stdout_used(void)
{
  return stdout_used;
}

int host_write_all(int fd, const char *bytes, size_t length)
{
  while (length > 0) {
    ssize_t written = write(fd, bytes, length);
    if (written >= 0) {
      bytes += written;
      length -= (size_t)written;
    } else if (errno == EAGAIN) {
      int error = host_wait_fd(fd, POLLOUT, INFINITY);
      if (error != 0)
        return error;
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

static JSValue host_print(HOST_ARGUMENTS)
{
  int64_t fd;
  if (!host_integer(context, argv[0], "fd", 0, INT32_MAX, &fd))
    return JS_EXCEPTION;
  if (fd != 1 && fd != 2)
    return host_throw_fd(context, EBADF, "write", (int)fd);
  size_t length;
  char *text = host_text(context, argv[1], &length);
  if (text == NULL)
    return JS_EXCEPTION;
  if (fd == 1 && length > 0)
    stdout_used = true;
  int error = host_write_all((int)fd, text, length);
  js_free(context, text);
  return error == 0 ? JS_UNDEFINED : host_throw(context, error, "write", fd == 1 ? "stdout" : "stderr");
}

static JSValue host_isTerminal(HOST_ARGUMENTS)
{
  int64_t fd;
  if (!host_integer(context, argv[0], "fd", 0, INT32_MAX, &fd))
    return JS_EXCEPTION;
  return JS_NewBool(context, isatty((int)fd));
}

static const JSCFunctionListEntry functions[] = {
  HOST_FUNCTION(isTerminal, 1),
  HOST_FUNCTION(print, 2),
};
HOST_PART(streams);
