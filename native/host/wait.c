/* Waits for descriptors until a point on the monotonic clock. Signals are let in only during the wait. */
#include "host.h"

#include <errno.h>
#include <math.h>
#include <sys/file.h>

int host_poll(struct pollfd *descriptors, unsigned count, double deadline, bool children)
{
  for (;;) {
    if (host_take_signal()) {
      errno = EINTR;
      return -1;
    }
    const double left = deadline - host_now();
    if (left <= 0) {
      errno = ETIMEDOUT;
      return -1;
    }
    const struct timespec timeout = host_timespec(left);
    int ready = ppoll(descriptors, count, &timeout, host_wait_mask(children));
    if (ready > 0)
      return ready;
    if (ready < 0 && errno != EINTR)
      return -1;
    if (ready < 0 && children)
      return 0;
  }
}

int host_wait_fd(int fd, short events, double deadline)
{
  struct pollfd descriptor = {.fd = fd, .events = events};
  return host_poll(&descriptor, 1, deadline, false) < 0 ? errno : 0;
}

static JSValue host_poll_two(HOST_ARGUMENTS)
{
  int64_t fds[2];
  double deadline;
  if (!host_integer(context, argv[0], "a descriptor", -1, INT32_MAX, &fds[0]) ||
      !host_integer(context, argv[1], "a descriptor", -1, INT32_MAX, &fds[1]) ||
      !host_deadline(context, argv[2], &deadline))
    return JS_EXCEPTION;
  struct pollfd descriptors[] = {{.fd = (int)fds[0], .events = POLLIN}, {.fd = (int)fds[1], .events = POLLIN}};
  const int ready = deadline == -INFINITY ? poll(descriptors, 2, 0)
                                          : host_poll(descriptors, 2, deadline, JS_ToBool(context, argv[3]));
  if (ready < 0)
    return host_throw(context, errno, "ppoll", "");
  return JS_NewInt32(context, (descriptors[0].revents != 0 ? 1 : 0) | (descriptors[1].revents != 0 ? 2 : 0));
}

/* Sleeps in flock(2) itself, which serves the waiting processes in order of arrival. */
static int lock_waiting(int fd, double deadline)
{
  int error = host_alarm_start(deadline);
  if (error != 0)
    return error;
  while (flock(fd, LOCK_EX) < 0) {
    error = errno;
    if (error != EINTR || host_take_signal())
      break;
    error = host_now() >= deadline ? ETIMEDOUT : 0;
    if (error != 0)
      break;
  }
  host_alarm_stop();
  return error;
}

static JSValue host_lock(HOST_ARGUMENTS)
{
  int fd;
  double deadline;
  if (!host_fd(context, argv[0], &fd) || !host_deadline(context, argv[1], &deadline))
    return JS_EXCEPTION;
  int error = flock(fd, LOCK_EX | LOCK_NB) < 0 ? errno : 0;
  if (error == EWOULDBLOCK)
    error = host_take_signal() ? EINTR : host_now() >= deadline ? ETIMEDOUT : lock_waiting(fd, deadline);
  if (error == 0)
    return JS_UNDEFINED;
  char *subject = JS_IsString(argv[2]) ? host_name(context, argv[2], "flock") : NULL;
  JSValue thrown = subject == NULL ? host_throw_fd(context, error, "flock", fd)
                                   : host_throw(context, error, "flock", subject);
  js_free(context, subject);
  return thrown;
}

static const JSCFunctionListEntry functions[] = {
  JS_CFUNC_DEF("poll", 4, host_poll_two), HOST_FUNCTION(lock, 3),
};
HOST_PART(wait);
