/* Watches directories for changes. */
#include "host.h"

#include <errno.h>
#include <sys/inotify.h>
#include <unistd.h>

/* All events after which a name can lead to another file, or a file can have become executable. */
static const uint32_t changes = IN_CREATE | IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                                IN_DELETE_SELF | IN_MOVE_SELF;

static JSValue host_watchDirectory(HOST_ARGUMENTS)
{
  char *path = host_name(context, argv[0], "inotify_add_watch");
  if (path == NULL)
    return JS_EXCEPTION;
  JSValue result;
  int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) {
    result = host_throw(context, errno, "inotify_init1", "");
  } else if (inotify_add_watch(fd, path, changes | IN_ONLYDIR) < 0) {
    result = host_throw(context, errno, "inotify_add_watch", path);
    close(fd);
  } else {
    result = JS_NewInt32(context, fd);
  }
  js_free(context, path);
  return result;
}

/* Reads all queued events. Their content is not needed. */
static int drain(int fd)
{
  static _Alignas(struct inotify_event) char events[4096];
  for (;;) {
    ssize_t length = read(fd, events, sizeof events);
    if (length < 0 && errno != EINTR)
      return errno == EAGAIN ? 0 : errno;
    if (length == 0)
      return 0;
  }
}

static JSValue host_waitForChange(HOST_ARGUMENTS)
{
  int64_t fd;
  double deadline;
  if (!host_integer(context, argv[0], "a watch", -1, INT32_MAX, &fd) ||
      !host_deadline(context, argv[1], &deadline))
    return JS_EXCEPTION;
  int error = host_wait_fd((int)fd, POLLIN, deadline);
  if (error != 0)
    return host_throw(context, error, "ppoll", "watch");
  error = drain((int)fd);
  return error == 0 ? JS_UNDEFINED : host_throw_fd(context, error, "read", (int)fd);
}

const JSCFunctionListEntry host_watch_functions[] = {
  HOST_FUNCTION(watchDirectory, 1),
  HOST_FUNCTION(waitForChange, 2),
};
const int host_watch_count = COUNT_OF(host_watch_functions);
