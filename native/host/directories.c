/* Directories and symbolic links. */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

static JSValue host_mkdir(HOST_ARGUMENTS)
{
  int64_t mode;
  if (!host_integer(context, argv[1], "mode", 0, 07777, &mode))
    return JS_EXCEPTION;
  char *path = host_name(context, argv[0], "mkdir");
  if (path == NULL)
    return JS_EXCEPTION;
  JSValue result = mkdir(path, (mode_t)mode) < 0 ? host_throw(context, errno, "mkdir", path) : JS_UNDEFINED;
  js_free(context, path);
  return result;
}

static JSValue host_rmdir(HOST_ARGUMENTS)
{
  char *path = host_name(context, argv[0], "rmdir");
  if (path == NULL)
    return JS_EXCEPTION;
  JSValue result = rmdir(path) < 0 ? host_throw(context, errno, "rmdir", path) : JS_UNDEFINED;
  js_free(context, path);
  return result;
}

static JSValue host_requireWritable(HOST_ARGUMENTS)
{
  char *path = host_name(context, argv[0], "access");
  if (path == NULL)
    return JS_EXCEPTION;
  struct statvfs status;
  JSValue result = JS_TRUE;
  if (access(path, W_OK | X_OK) < 0)
    result = host_throw_unless(context, argv[1], errno, "access", path);
  else if (statvfs(path, &status) < 0)
    result = host_throw(context, errno, "statvfs", path);
  /* A file system that does not count its blocks, or its files, reports 0 as their total. */
  else if ((status.f_blocks > 0 && status.f_bfree == 0) || (status.f_files > 0 && status.f_ffree == 0))
    result = host_throw(context, ENOSPC, "statvfs", path);
  js_free(context, path);
  return result;
}

/* The structure of getdents64(2), which not every libc declares, and not under the same name. */
struct linux_dirent64 {
  uint64_t d_ino;
  int64_t d_off;
  uint16_t d_reclen;
  uint8_t d_type;
  char d_name[];
};

/* Appends the names in a buffer of getdents64(2) to an array. */
static bool append_names(JSContext *context, JSValue array, uint32_t *count, const char *buffer, ssize_t length)
{
  for (ssize_t at = 0; at < length;) {
    const struct linux_dirent64 *entry = (const struct linux_dirent64 *)(buffer + at);
    at += entry->d_reclen;
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
      continue;
    JSValue name = host_new_name(context, entry->d_name);
    if (JS_IsException(name) || JS_SetPropertyUint32(context, array, (*count)++, name) < 0)
      return false;
  }
  return true;
}

static JSValue host_readDirectory(HOST_ARGUMENTS)
{
  static _Alignas(struct linux_dirent64) char buffer[32 * 1024];
  char *path = host_name(context, argv[0], "open");
  if (path == NULL)
    return JS_EXCEPTION;
  const bool sysfs = strncmp(path, "/sys/", 5) == 0;
  JSValue names = JS_NewArray(context);
  int fd = -1;
  if (JS_IsException(names))
    goto done;
  fd = openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    JS_FreeValue(context, names);
    names = host_throw_unless(context, argv[1], errno, "open", path);
    goto done;
  }
  uint32_t count = 0;
  for (;;) {
    ssize_t length = syscall(SYS_getdents64, fd, buffer, sizeof buffer);
    if (length == 0)
      break;
    if (length > 0 && append_names(context, names, &count, buffer, length)) {
      /* sysfs fills the buffer as long as it has names (kernfs_fop_readdir), so a second call would return nothing. */
      if (sysfs && (size_t)length < sizeof buffer / 2)
        break;
      continue;
    }
    int error = errno;
    JS_FreeValue(context, names);
    names = length < 0 ? host_throw_unless(context, argv[1], error, "getdents64", path) : JS_EXCEPTION;
    break;
  }
done:
  if (fd >= 0)
    close(fd);
  js_free(context, path);
  return names;
}

static JSValue host_readLink(HOST_ARGUMENTS)
{
  char *path = host_name(context, argv[0], "readlink");
  if (path == NULL)
    return JS_EXCEPTION;
  char target[PATH_MAX + 1];
  JSValue result;
  /* The kernel returns at most PATH_MAX - 1 bytes, without a NUL. */
  ssize_t length = readlink(path, target, PATH_MAX);
  if (length < 0) {
    result = host_throw_unless(context, argv[1], errno, "readlink", path);
  } else {
    target[length] = '\0';
    result = host_new_name(context, target);
  }
  js_free(context, path);
  return result;
}

const JSCFunctionListEntry host_directories_functions[] = {
  HOST_FUNCTION(mkdir, 2),
  HOST_FUNCTION(rmdir, 1),
  HOST_FUNCTION(requireWritable, 2),
  HOST_FUNCTION(readDirectory, 2),
  HOST_FUNCTION(readLink, 2),
};
const int host_directories_count = COUNT_OF(host_directories_functions);
