/* Lock files, in which the holder of the lock writes its identity, and files to which many processes append in turn. */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static JSValue host_openLock(HOST_ARGUMENTS)
{
  int64_t mode;
  if (!host_integer(context, argv[1], "mode", 0, 07777, &mode))
    return JS_EXCEPTION;
  char *path = host_name(context, argv[0], "open");
  if (path == NULL)
    return JS_EXCEPTION;
  struct stat status;
  JSValue result;
  int fd = openat(AT_FDCWD, path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, (mode_t)mode);
  if (fd < 0)
    result = host_throw(context, errno, "open", path);
  else if (fstat(fd, &status) < 0)
    result = host_throw(context, errno, "fstat", path);
  else if (!S_ISREG(status.st_mode))
    result = host_throw(context, EINVAL, "open", path);
  else
    result = JS_NewInt32(context, fd);
  if (fd >= 0 && JS_IsException(result))
    close(fd);
  js_free(context, path);
  return result;
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

/* Locks a file; returns 0 or an errno. */
static int lock_until(int fd, double deadline)
{
  const int error = flock(fd, LOCK_EX | LOCK_NB) < 0 ? errno : 0;
  if (error != EWOULDBLOCK)
    return error;
  return host_take_signal() ? EINTR : host_now() >= deadline ? ETIMEDOUT : lock_waiting(fd, deadline);
}

static JSValue host_lock(HOST_ARGUMENTS)
{
  int fd;
  double deadline;
  if (!host_fd(context, argv[0], &fd) || !host_deadline(context, argv[1], &deadline))
    return JS_EXCEPTION;
  const int error = lock_until(fd, deadline);
  return error == 0 ? JS_UNDEFINED : host_throw_fd(context, error, "flock", fd);
}

/* LOCK_UN releases the lock of the open file description, also if a child has the same description open. */
static JSValue host_unlock(HOST_ARGUMENTS)
{
  int fd;
  if (!host_fd(context, argv[0], &fd))
    return JS_EXCEPTION;
  return flock(fd, LOCK_UN) < 0 ? host_throw_fd(context, errno, "flock", fd) : JS_UNDEFINED;
}

static JSValue host_readAt0(HOST_ARGUMENTS)
{
  int fd;
  int64_t limit;
  char text[4096];
  if (!host_fd(context, argv[0], &fd) ||
      !host_integer(context, argv[1], "limit", 0, sizeof text, &limit))
    return JS_EXCEPTION;
  ssize_t length = pread(fd, text, (size_t)limit, 0);
  if (length < 0)
    return host_throw_fd(context, errno, "pread", fd);
  while (length > 0 && text[length - 1] == ' ')
    length--;
  return host_new_text(context, text, (size_t)length);
}

static JSValue host_writeAt0(HOST_ARGUMENTS)
{
  int fd;
  int64_t room;
  size_t length;
  char padded[4096];
  if (!host_fd(context, argv[0], &fd) || !host_integer(context, argv[2], "length", 0, sizeof padded, &room))
    return JS_EXCEPTION;
  char *text = host_text(context, argv[1], &length);
  if (text == NULL)
    return JS_EXCEPTION;
  int error = EFBIG;
  if (length <= (size_t)room) {
    memcpy(padded, text, length);
    memset(padded + length, ' ', (size_t)room - length);
    ssize_t written = pwrite(fd, padded, (size_t)room, 0);
    error = written < 0 ? errno : written != (ssize_t)room ? EIO : 0;
  }
  js_free(context, text);
  return error == 0 ? JS_UNDEFINED : host_throw_fd(context, error, "pwrite", fd);
}

/*
 * Opens a file, creates it if it does not exist, and locks it; returns 0, or an errno and the call that failed. The
 * previous holder of the lock may have replaced the file. Then the opened file has no name any more, and the function
 * starts again.
 */
static int open_locked(const char *path, mode_t mode, double deadline, int *fd, off_t *size, const char **call)
{
  const int flags = O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
  for (;;) {
    struct stat status;
    *call = "open";
    *fd = openat(AT_FDCWD, path, flags, mode);
    if (*fd < 0)
      return errno;
    *call = "flock";
    int error = lock_until(*fd, deadline);
    if (error == 0) {
      *call = "open";
      error = fstat(*fd, &status) < 0 ? errno : S_ISREG(status.st_mode) ? 0 : EINVAL;
    }
    if (error == 0 && status.st_nlink > 0) {
      *size = status.st_size;
      return 0;
    }
    close(*fd);
    if (error != 0)
      return error;
    /* On a file system that does not count links this would never end. */
    *call = "flock";
    if (host_now() >= deadline)
      return ETIMEDOUT;
  }
}

/*
 * Appends a text with one write(2); returns 0 or an errno. After a short write the part is removed again, because it
 * would damage the next line.
 */
static int append_whole(int fd, off_t size, const char *text, size_t length)
{
  const ssize_t written = write(fd, text, length);
  if (written == (ssize_t)length)
    return 0;
  return written < 0 || ftruncate(fd, size) < 0 ? errno : EIO;
}

static JSValue host_appendLocked(HOST_ARGUMENTS)
{
  int64_t mode, limit;
  double deadline;
  if (!host_integer(context, argv[2], "mode", 0, 07777, &mode) ||
      !host_integer(context, argv[3], "limit", 0, INT64_C(1) << 40, &limit) ||
      !host_deadline(context, argv[4], &deadline))
    return JS_EXCEPTION;
  size_t length;
  char *path = host_name(context, argv[0], "open");
  char *text = path == NULL ? NULL : host_text(context, argv[1], &length);
  JSValue result = JS_EXCEPTION;
  if (text != NULL) {
    int fd;
    off_t size = 0;
    const char *call;
    int error = open_locked(path, (mode_t)mode, deadline, &fd, &size, &call);
    if (error == 0 && size > 0 && size + (off_t)length > limit) {
      result = JS_NewInt32(context, fd);
    } else {
      if (error == 0) {
        call = "write";
        error = append_whole(fd, size, text, length);
        close(fd);
      }
      result = error == 0 ? JS_UNDEFINED : host_throw(context, error, call, path);
    }
  }
  js_free(context, text);
  js_free(context, path);
  return result;
}

const JSCFunctionListEntry host_locks_functions[] = {
  HOST_FUNCTION(openLock, 2),
  HOST_FUNCTION(lock, 2),
  HOST_FUNCTION(unlock, 1),
  HOST_FUNCTION(readAt0, 2),
  HOST_FUNCTION(writeAt0, 3),
  HOST_FUNCTION(appendLocked, 5),
};
const int host_locks_count = COUNT_OF(host_locks_functions);
