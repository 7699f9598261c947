/* A log: a file to which lines are appended, up to a size limit. */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MARK_BYTES = 64 };

/* A log file, the line to append, and the requirements. */
struct log {
  char *path;
  char *text;
  char *mark;
  size_t length;
  size_t mark_length;
  mode_t mode;
  off_t limit;
};

/* Reports whether the file begins with the mark, as every appended text does. If not, another program made the file. */
static bool is_marked(const struct log *log, int fd)
{
  char begin[MARK_BYTES];
  return pread(fd, begin, log->mark_length, 0) == (ssize_t)log->mark_length &&
         memcmp(begin, log->mark, log->mark_length) == 0;
}

/*
 * Returns 0 for a regular file of the process's user, else an errno for the type or for the owner. Another user could
 * write anything into their own file, or read the log of all containers there. The kernel passes the user to the
 * process at its start (AT_EUID), so this needs no system call.
 */
static int file_error(const struct stat *status)
{
  const mode_t mode = status->st_mode;
  if (!S_ISREG(mode))
    return S_ISLNK(mode) ? ELOOP : S_ISDIR(mode) ? EISDIR : EINVAL;
  return status->st_uid == (uid_t)getauxval(AT_EUID) ? 0 : EPERM;
}

/*
 * Opens the file, and creates it if it does not exist; returns 0 or an errno. The file is checked before it is opened,
 * because opening some devices has an effect (a watchdog starts), and again afterwards, because the name can lead to
 * another file then.
 */
static int open_log(const struct log *log, int *fd, off_t *size)
{
  struct stat status;
  *fd = -1;
  const bool exists = lstat(log->path, &status) == 0;
  if (!exists && errno != ENOENT)
    return errno;
  if (exists && file_error(&status) != 0)
    return file_error(&status);
  const int flags = O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
  *fd = openat(AT_FDCWD, log->path, flags, log->mode);
  if (*fd < 0 || fstat(*fd, &status) < 0)
    return errno;
  *size = status.st_size;
  if (file_error(&status) != 0)
    return file_error(&status);
  return *size > 0 && !is_marked(log, *fd) ? EEXIST : 0;
}

/*
 * Renames a full log file to `path`.1, unless another process has renamed it already. The lock belongs to the file, not
 * to its name. Returns 0 or an errno; EWOULDBLOCK if another process is renaming the file.
 */
static int rotate(const struct log *log, int fd)
{
  char aside[4096];
  struct stat opened, named;
  if (flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &opened) < 0)
    return errno;
  if (lstat(log->path, &named) < 0)
    return errno == ENOENT ? 0 : errno;
  if (opened.st_ino != named.st_ino || opened.st_dev != named.st_dev)
    return 0;
  if ((size_t)snprintf(aside, sizeof aside, "%s.1", log->path) >= sizeof aside)
    return ENAMETOOLONG;
  return rename(log->path, aside) < 0 ? errno : 0;
}

/*
 * Appends the text with one write(2). After a short write the part is removed again, because it would damage the next
 * line, unless another process has already appended after it.
 */
static int append(const struct log *log, int fd)
{
  const ssize_t written = write(fd, log->text, log->length);
  if (written == (ssize_t)log->length)
    return 0;
  if (written < 0)
    return errno;
  struct stat status;
  const off_t end = lseek(fd, 0, SEEK_CUR);
  if (fstat(fd, &status) == 0 && status.st_size == end && ftruncate(fd, end - written) < 0)
    return errno;
  return EIO;
}

/* Returns 0, or an errno and the call that failed. */
static int append_within_limit(const struct log *log, const char **call)
{
  int fd;
  off_t size;
  *call = "open";
  int error = open_log(log, &fd, &size);
  if (error == 0 && size > 0 && size + (off_t)log->length > log->limit) {
    *call = "rename";
    error = rotate(log, fd);
    if (error == 0) {
      close(fd);
      *call = "open";
      error = open_log(log, &fd, &size);
    } else if (error == EWOULDBLOCK) {
      /* Another process is renaming the file: this text becomes the last line of the old file. */
      error = 0;
    }
  }
  if (error == 0) {
    *call = "write";
    error = append(log, fd);
  }
  if (fd >= 0)
    close(fd);
  return error;
}

static JSValue host_appendFile(HOST_ARGUMENTS)
{
  int64_t mode, limit;
  struct log log = {0};
  if (!host_integer(context, argv[3], "mode", 0, 07777, &mode) ||
      !host_integer(context, argv[4], "limit", 0, INT64_C(1) << 40, &limit))
    return JS_EXCEPTION;
  log.mode = (mode_t)mode;
  log.limit = (off_t)limit;
  log.path = host_name(context, argv[0], "open");
  log.text = log.path == NULL ? NULL : host_text(context, argv[1], &log.length);
  log.mark = log.text == NULL ? NULL : host_text(context, argv[2], &log.mark_length);
  JSValue result = JS_EXCEPTION;
  if (log.mark_length > MARK_BYTES) {
    JS_ThrowTypeError(context, "a mark must have at most %d bytes", MARK_BYTES);
  } else if (log.mark != NULL) {
    const char *call;
    const int error = append_within_limit(&log, &call);
    result = error == 0 ? JS_UNDEFINED : host_throw(context, error, call, log.path);
  }
  js_free(context, log.mark);
  js_free(context, log.text);
  js_free(context, log.path);
  return result;
}

const JSCFunctionListEntry host_append_functions[] = {
  HOST_FUNCTION(appendFile, 5),
};
const int host_append_count = COUNT_OF(host_append_functions);
