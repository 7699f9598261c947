/* Copies a file and syncs the copy to the disk. */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Copies the rest of one file to another; returns 0, or an errno and the call that failed. */
static int copy_all(int from, int to, const char **call)
{
  static char buffer[64 * 1024];
  for (;;) {
    ssize_t got = read(from, buffer, sizeof buffer);
    if (got == 0)
      return 0;
    if (got < 0 && errno == EINTR)
      continue;
    *call = got < 0 ? "read" : "write";
    int error = got < 0 ? errno : host_write_all(to, buffer, (size_t)got);
    if (error != 0)
      return error;
  }
}

/* Makes the copy, and removes it again if it cannot be completed. */
static JSValue copy_to(JSContext *context, int from, const char *path, mode_t mode)
{
  /* Mode 0600: only root can open the file before it is complete. */
  int to = openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
  if (to < 0)
    return host_throw(context, errno, "open", path);
  const char *call;
  int error = copy_all(from, to, &call);
  /* fchmod sets the mode regardless of the umask. */
  if (error == 0 && fchmod(to, mode) < 0) {
    call = "fchmod";
    error = errno;
  }
  if (error == 0 && fsync(to) < 0) {
    call = "fsync";
    error = errno;
  }
  if (close(to) < 0 && error == 0) {
    call = "close";
    error = errno;
  }
  if (error == 0)
    return JS_UNDEFINED;
  unlink(path);
  return host_throw(context, error, call, path);
}

static JSValue host_copyFile(HOST_ARGUMENTS)
{
  int64_t mode;
  if (!host_integer(context, argv[2], "mode", 0, 07777, &mode))
    return JS_EXCEPTION;
  char *from = host_name(context, argv[0], "open");
  char *to = from == NULL ? NULL : host_name(context, argv[1], "open");
  if (to == NULL) {
    js_free(context, from);
    return JS_EXCEPTION;
  }
  struct stat status;
  JSValue result;
  int fd = openat(AT_FDCWD, from, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (fd < 0)
    result = host_throw(context, errno, "open", from);
  else if (fstat(fd, &status) < 0)
    result = host_throw(context, errno, "fstat", from);
  else if (!S_ISREG(status.st_mode))
    result = host_throw(context, EINVAL, "open", from);
  else
    result = copy_to(context, fd, to, (mode_t)mode);
  if (fd >= 0)
    close(fd);
  js_free(context, to);
  js_free(context, from);
  return result;
}

const JSCFunctionListEntry host_copy_functions[] = {
  HOST_FUNCTION(copyFile, 3),
};
const int host_copy_count = COUNT_OF(host_copy_functions);
