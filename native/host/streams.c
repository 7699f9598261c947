/* stdout and stderr. */
#include "host.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <unistd.h>

static bool stdout_used;

bool host_stdout_used(void)
{
  return stdout_used;
}

/* How long a write to stderr waits for its reader, ms: runtimes and scripts that leave it unread must stop nothing. */
#define STDERR_TIME 1000.0
/* How long a write to stdout waits for its reader after a signal has asked the process to stop, ms. */
#define STDOUT_TIME_AFTER_SIGNAL 1000.0

/* Whether a reader of stderr let a write wait without result: later writes do not wait for it again. */
static bool stderr_is_stuck;

/*
 * Waits until a part of PIPE_BUF bytes can be written without blocking. The signals that are held back end the wait for
 * stdout, but not that for stderr: a warning must not take the signal from the wait that it is meant for.
 */
static int wait_for_reader(int fd, double deadline)
{
  struct pollfd descriptor = {.fd = fd, .events = POLLOUT};
  if (poll(&descriptor, 1, 0) > 0)
    return 0;
  if (fd != STDERR_FILENO)
    return host_wait_fd(fd, POLLOUT, deadline);
  for (double left; !stderr_is_stuck && (left = deadline - host_now()) > 0;) {
    if (poll(&descriptor, 1, (int)ceil(left)) > 0)
      return 0;
  }
  stderr_is_stuck = true;
  return ETIMEDOUT;
}

int host_write_all(int fd, const char *bytes, size_t length, double deadline)
{
  if (fd == STDERR_FILENO)
    deadline = fmin(deadline, host_now() + STDERR_TIME);
  else if (host_signal_arrived())
    deadline = fmin(deadline, host_now() + STDOUT_TIME_AFTER_SIGNAL);
  while (length > 0) {
    /* A blocking write of more than PIPE_BUF bytes would sleep in the kernel with all signals held back. */
    int error = wait_for_reader(fd, deadline);
    if (error != 0)
      return error;
    ssize_t written = write(fd, bytes, length < PIPE_BUF ? length : PIPE_BUF);
    if (written >= 0) {
      bytes += written;
      length -= (size_t)written;
    } else if (errno != EINTR && errno != EAGAIN) {
      return errno;
    }
  }
  return 0;
}

static JSValue host_print(HOST_ARGUMENTS)
{
  int64_t fd;
  double deadline = INFINITY;
  if (!host_integer(context, argv[0], "fd", 0, INT32_MAX, &fd) ||
      (!JS_IsUndefined(argv[2]) && !host_deadline(context, argv[2], &deadline)))
    return JS_EXCEPTION;
  if (fd != 1 && fd != 2)
    return host_throw_fd(context, EBADF, "write", (int)fd);
  size_t length;
  char *text = host_text(context, argv[1], &length);
  if (text == NULL)
    return JS_EXCEPTION;
  if (fd == 1 && length > 0)
    stdout_used = true;
  int error = host_write_all((int)fd, text, length, deadline);
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
  HOST_FUNCTION(print, 3),
};
HOST_PART(streams);
