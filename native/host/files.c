/* Files: functions that read, rename, remove and stat them. */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { DEFAULT_LIMIT = 1024 * 1024 };

static bool read_limit(JSContext *context, JSValueConst *argv, size_t *limit)
{
  int64_t number = DEFAULT_LIMIT;
  if (!JS_IsUndefined(argv[1]) &&
      !host_integer(context, argv[1], "limit", 0, HOST_TEXT_LIMIT, &number))
    return false;
  *limit = (size_t)number;
  return true;
}

static JSValue host_readFile(HOST_ARGUMENTS)
{
  size_t limit;
  if (!read_limit(context, argv, &limit))
    return JS_EXCEPTION;
  char *path = host_name(context, argv[0], "open");
  if (path == NULL)
    return JS_EXCEPTION;
  JSValue text;
  int fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) {
    text = host_throw_unless(context, argv[2], errno, "open", path);
  } else {
    bool at_once = strncmp(path, "/sys/", 5) == 0 || strncmp(path, "/proc/sys/", 10) == 0;
    text = host_read_text(context, fd, limit, 0, at_once ? HOST_READ_ATTRIBUTE : HOST_READ_TO_EOF, path, argv[2]);
    close(fd);
  }
  js_free(context, path);
  return text;
}

static JSValue host_readRegularFile(HOST_ARGUMENTS)
{
  size_t limit;
  if (!read_limit(context, argv, &limit))
    return JS_EXCEPTION;
  char *path = host_name(context, argv[0], "open");
  if (path == NULL)
    return JS_EXCEPTION;
  JSValue text;
  struct stat status;
  /* O_NONBLOCK: opening a FIFO must not block. */
  int fd = openat(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (fd < 0)
    text = host_throw_unless(context, argv[2], errno, "open", path);
  else if (fstat(fd, &status) < 0)
    text = host_throw(context, errno, "fstat", path);
  else if (!S_ISREG(status.st_mode))
    text = host_throw(context, EINVAL, "open", path);
  else
    text = host_read_text(context, fd, limit, (size_t)status.st_size, HOST_READ_TO_EOF, path, JS_UNDEFINED);
  if (fd >= 0)
    close(fd);
  js_free(context, path);
  return text;
}

/* Renames on file systems without RENAME_NOREPLACE. The file has both names for a moment, which is harmless. */
static int link_and_unlink(const char *from, const char *to)
{
  if (link(from, to) < 0)
    return errno;
  return unlink(from) < 0 ? errno : 0;
}

static JSValue host_rename(HOST_ARGUMENTS)
{
  bool no_replace = argc > 2 && JS_ToBool(context, argv[2]);
  char *from = host_name(context, argv[0], "renameat2");
  char *to = from == NULL ? NULL : host_name(context, argv[1], "renameat2");
  JSValue result = JS_UNDEFINED;
  if (to == NULL) {
    js_free(context, from);
    return JS_EXCEPTION;
  }
  int error = 0;
  if (renameat2(AT_FDCWD, from, AT_FDCWD, to, no_replace ? RENAME_NOREPLACE : 0) < 0)
    error = errno;
  if (no_replace && (error == EINVAL || error == ENOSYS))
    error = link_and_unlink(from, to);
  if (error != 0)
    result = host_throw(context, error, "renameat2", to);
  js_free(context, to);
  js_free(context, from);
  return result;
}

static JSValue host_unlink(HOST_ARGUMENTS)
{
  char *path = host_name(context, argv[0], "unlink");
  if (path == NULL)
    return JS_EXCEPTION;
  JSValue result = unlink(path) < 0 ? host_throw(context, errno, "unlink", path) : JS_UNDEFINED;
  js_free(context, path);
  return result;
}

static JSValue new_status(JSContext *context, const struct stat *status)
{
  const char *type = S_ISREG(status->st_mode)   ? "file"
                     : S_ISDIR(status->st_mode) ? "directory"
                     : S_ISLNK(status->st_mode) ? "link"
                                                : "other";
  JSValue object = JS_NewObject(context);
  if (JS_IsException(object))
    return object;
  const struct {
    const char *name;
    JSValue value;
  } fields[] = {
    {"type", JS_NewString(context, type)},
    {"device", host_new_decimal(context, status->st_dev)},
    {"inode", host_new_decimal(context, status->st_ino)},
    {"size", JS_NewInt64(context, status->st_size)},
    {"modified", JS_NewFloat64(context, (double)status->st_mtim.tv_sec * 1e3 + (double)status->st_mtim.tv_nsec / 1e6)},
    {"mode", JS_NewInt32(context, (int)(status->st_mode & 07777))},
  };
  bool failed = false;
  for (size_t i = 0; i < COUNT_OF(fields); i++) {
    /* The call frees the value, also if it fails. */
    if (JS_SetPropertyStr(context, object, fields[i].name, fields[i].value) < 0)
      failed = true;
  }
  if (failed) {
    JS_FreeValue(context, object);
    return JS_EXCEPTION;
  }
  return object;
}

static JSValue host_stat(HOST_ARGUMENTS)
{
  bool follow = JS_IsUndefined(argv[1]) || JS_ToBool(context, argv[1]);
  char *path = host_name(context, argv[0], "fstatat");
  if (path == NULL)
    return JS_EXCEPTION;
  struct stat status;
  JSValue result;
  if (fstatat(AT_FDCWD, path, &status, follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
    result = host_throw_unless(context, argv[2], errno, "fstatat", path);
  else
    result = new_status(context, &status);
  js_free(context, path);
  return result;
}

static JSValue host_fstat(HOST_ARGUMENTS)
{
  int fd;
  struct stat status;
  if (!host_fd(context, argv[0], &fd))
    return JS_EXCEPTION;
  if (fstat(fd, &status) < 0)
    return host_throw_fd(context, errno, "fstat", fd);
  return new_status(context, &status);
}

static JSValue host_close(HOST_ARGUMENTS)
{
  int fd;
  if (!host_fd(context, argv[0], &fd))
    return JS_EXCEPTION;
  if (close(fd) < 0)
    return host_throw_fd(context, errno, "close", fd);
  return JS_UNDEFINED;
}

const JSCFunctionListEntry host_files_functions[] = {
  HOST_FUNCTION(readFile, 3), HOST_FUNCTION(readRegularFile, 3),
  HOST_FUNCTION(rename, 2),   HOST_FUNCTION(unlink, 1),
  HOST_FUNCTION(stat, 3),     HOST_FUNCTION(fstat, 1),
  HOST_FUNCTION(close, 1),
};
const int host_files_count = COUNT_OF(host_files_functions);
