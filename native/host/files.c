/* Files: reads and writes them as a whole, and reports their status. */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * sysfs returns an attribute in one read of at most a page (kernfs_file_read_iter, sysfs_emit), and sysctl a value
 * (proc_dostring). If a read returns less than the smallest page size, the text is complete, and the read that would
 * find the end is not needed.
 */
enum { SMALLEST_PAGE = 4096 };

/* How the end of a descriptor is found: read(2) returns 0, or less than a page, or 0 after reads that can block. */
enum end { TO_EOF, TO_SHORT_READ, OF_STREAM };

/* Reads; waits for a stream without data in poll, because held-back signals cannot interrupt read(2). */
static ssize_t read_some(int fd, char *to, size_t length, enum end end)
{
  for (;;) {
    if (end == OF_STREAM && host_signals_deferred() && host_wait_fd(fd, POLLIN, INFINITY) != 0)
      return -1;
    ssize_t got = read(fd, to, length);
    if (got >= 0 || (errno != EAGAIN && errno != EINTR))
      return got;
    if (errno == EAGAIN && (end != OF_STREAM || host_wait_fd(fd, POLLIN, INFINITY) != 0))
      return -1;
  }
}

/*
 * Reads a descriptor to its end. EFBIG if it has more than `limit` bytes. `size` is the file's size if fstat(2) reports
 * it, else 0; with it, the read that would find the end is not needed.
 */
static JSValue read_text(JSContext *context, int fd, size_t limit, size_t size, enum end end, const char *subject,
                         JSValueConst expected)
{
  char *text = host_buffer;
  size_t capacity = sizeof host_buffer, used = 0;
  int error = 0;
  for (;;) {
    if (used == capacity) {
      char *larger = js_realloc(context, text == host_buffer ? NULL : text, 2 * capacity);
      if (larger == NULL) {
        if (text != host_buffer)
          js_free(context, text);
        return JS_EXCEPTION;
      }
      if (text == host_buffer)
        memcpy(larger, host_buffer, sizeof host_buffer);
      text = larger;
      capacity *= 2;
    }
    /* sysctl allocates and clears a buffer of the requested size, so no more than a page is requested. */
    size_t room = end == TO_SHORT_READ && capacity - used > SMALLEST_PAGE ? SMALLEST_PAGE : capacity - used;
    ssize_t got = read_some(fd, text + used, room, end);
    if (got < 0)
      error = errno;
    else
      used += (size_t)got;
    if (used > limit)
      error = EFBIG;
    if (error != 0 || got == 0 || (end == TO_SHORT_READ && got < SMALLEST_PAGE) || (size > 0 && used == size))
      break;
  }
  JSValue string = error == 0 ? host_new_text(context, text, used)
                              : host_throw_unless(context, expected, error, "read", subject);
  if (text != host_buffer)
    js_free(context, text);
  return string;
}

static JSValue host_readText(HOST_ARGUMENTS)
{
  int fd;
  int64_t limit, end, size;
  if (!host_fd(context, argv[0], &fd) || !host_integer(context, argv[1], "limit", 0, HOST_TEXT_LIMIT, &limit) ||
      !host_integer(context, argv[2], "end", TO_EOF, OF_STREAM, &end) ||
      !host_integer(context, argv[3], "size", 0, INT64_MAX / 1024, &size))
    return JS_EXCEPTION;
  char *subject = host_name(context, argv[4], "read");
  if (subject == NULL)
    return JS_EXCEPTION;
  JSValue text = read_text(context, fd, (size_t)limit, (size_t)size, (enum end)end, subject, argv[5]);
  js_free(context, subject);
  return text;
}

/* The structure of getdents64(2), which not every libc declares, and not under the same name. */
struct linux_dirent64 {
  uint64_t d_ino;
  int64_t d_off;
  uint16_t d_reclen;
  uint8_t d_type;
  char d_name[];
};

static JSValue host_readNames(HOST_ARGUMENTS)
{
  int fd;
  if (!host_fd(context, argv[0], &fd))
    return JS_EXCEPTION;
  char *path = host_name(context, argv[2], "getdents64");
  if (path == NULL)
    return JS_EXCEPTION;
  const long length = syscall(SYS_getdents64, fd, host_buffer, sizeof host_buffer);
  JSValue names = length < 0 ? host_throw_unless(context, argv[1], errno, "getdents64", path) : JS_NewArray(context);
  js_free(context, path);
  uint32_t count = 0;
  for (long at = 0; at < length && !JS_IsException(names);) {
    const struct linux_dirent64 *entry = (const struct linux_dirent64 *)(host_buffer + at);
    at += entry->d_reclen;
    JSValue name = host_new_name(context, entry->d_name);
    if (JS_IsException(name) || JS_SetPropertyUint32(context, names, count++, name) < 0) {
      JS_FreeValue(context, names);
      names = JS_EXCEPTION;
    }
  }
  return names;
}

/* Writes with one write(2); returns 0 or an errno, EIO after a short write. */
static int write_once(int fd, const char *text, size_t length)
{
  const ssize_t written = write(fd, text, length);
  return written < 0 ? errno : written != (ssize_t)length ? EIO : 0;
}

/*
 * Writes as write_once does, but in a child; EINTR if the child was killed, so that the outcome is unknown. The child
 * returns the errno, which is below 256, as its exit status: not every libc implements vfork with shared memory (musl
 * on POWER does not).
 */
static int write_apart(int fd, const char *text, size_t length)
{
  int status;
  /* After vfork this process sleeps until the child ends, and could not print a notice (notice.c) in time. */
  const bool noticed = host_notice_is_set();
  const pid_t child = noticed ? fork() : vfork();
  if (child == 0) {
    /* A signal to the process group must not end the child. */
    setpgid(0, 0);
    _exit(write_once(fd, text, length));
  }
  if (child < 0)
    return write_once(fd, text, length);
  while ((noticed ? host_notice_waitpid(child, &status) : waitpid(child, &status, 0)) < 0)
    if (errno != EINTR)
      return EINTR;
  return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

/* writeFile, and with `apart` writeFileApart. */
static JSValue host_writeFile(HOST_ARGUMENTS, int apart)
{
  size_t length;
  JSValue result = JS_EXCEPTION;
  char *path = host_name(context, argv[0], "open");
  char *text = path == NULL ? NULL : host_text(context, argv[1], &length);
  if (text != NULL) {
    const int fd = openat(AT_FDCWD, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    const int error = fd < 0 ? errno : (apart ? write_apart : write_once)(fd, text, length);
    result = error == 0 ? JS_UNDEFINED : host_throw(context, error, fd < 0 ? "open" : "write", path);
    if (fd >= 0)
      close(fd);
  }
  js_free(context, text);
  js_free(context, path);
  return result;
}

static JSValue new_status(JSContext *context, const struct stat *status)
{
  const mode_t mode = status->st_mode;
  const char *type = S_ISREG(mode) ? "file" : S_ISDIR(mode) ? "directory" : S_ISLNK(mode) ? "link" : "other";
  return host_new_object(context, 9, (const struct host_member[]){
    {"type", JS_NewString(context, type)},
    {"device", host_new_decimal(context, status->st_dev)},
    {"inode", host_new_decimal(context, status->st_ino)},
    {"size", JS_NewInt64(context, status->st_size)},
    {"modified", JS_NewFloat64(context, (double)status->st_mtim.tv_sec * 1e3 + (double)status->st_mtim.tv_nsec / 1e6)},
    {"mode", JS_NewInt32(context, (int)(mode & 07777))},
    {"user", JS_NewInt64(context, status->st_uid)},
    {"group", JS_NewInt64(context, status->st_gid)},
    {"names", JS_NewInt64(context, (int64_t)status->st_nlink)},
  });
}

/* stat, and with AT_SYMLINK_NOFOLLOW lstat. */
static JSValue host_stat(HOST_ARGUMENTS, int flags)
{
  char *path = host_name(context, argv[0], "fstatat");
  if (path == NULL)
    return JS_EXCEPTION;
  struct stat status;
  JSValue result;
  if (fstatat(AT_FDCWD, path, &status, flags) < 0)
    result = host_throw_unless(context, argv[1], errno, "fstatat", path);
  else
    result = new_status(context, &status);
  js_free(context, path);
  return result;
}

/*
 * Links are followed. AT_STATX_DONT_SYNC: an open file of another process can be on a file server that does not answer.
 */
static JSValue host_deviceNumber(HOST_ARGUMENTS)
{
  char *path = host_name(context, argv[0], "statx");
  if (path == NULL)
    return JS_EXCEPTION;
  struct statx status;
  char number[32];
  JSValue result = JS_UNDEFINED;
  if (statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_TYPE, &status) < 0) {
    result = host_throw_unless(context, argv[1], errno, "statx", path);
  } else if (S_ISCHR(status.stx_mode)) {
    snprintf(number, sizeof number, "%u:%u", status.stx_rdev_major, status.stx_rdev_minor);
    result = JS_NewString(context, number);
  }
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

static JSValue host_statfs(HOST_ARGUMENTS)
{
  const bool is_open = JS_IsNumber(argv[0]);
  int fd = -1;
  if (is_open && !host_fd(context, argv[0], &fd))
    return JS_EXCEPTION;
  char *path = is_open ? NULL : host_name(context, argv[0], "statfs");
  if (!is_open && path == NULL)
    return JS_EXCEPTION;
  struct statfs status;
  JSValue result;
  if ((is_open ? fstatfs(fd, &status) : statfs(path, &status)) < 0) {
    result = is_open ? host_throw_fd(context, errno, "fstatfs", fd) : host_throw(context, errno, "statfs", path);
  } else {
    result = host_new_object(context, 5, (const struct host_member[]){
      {"type", JS_NewInt64(context, (uint32_t)status.f_type)},
      {"blocks", JS_NewInt64(context, (int64_t)status.f_blocks)},
      {"freeBlocks", JS_NewInt64(context, (int64_t)status.f_bfree)},
      {"files", JS_NewInt64(context, (int64_t)status.f_files)},
      {"freeFiles", JS_NewInt64(context, (int64_t)status.f_ffree)},
    });
  }
  js_free(context, path);
  return result;
}

static const JSCFunctionListEntry functions[] = {
  HOST_NUMBER(TO_EOF), HOST_NUMBER(TO_SHORT_READ), HOST_NUMBER(OF_STREAM),
  HOST_FUNCTION(readText, 6), HOST_FUNCTION(readNames, 3),
  JS_CFUNC_MAGIC_DEF("writeFile", 2, host_writeFile, false),
  JS_CFUNC_MAGIC_DEF("writeFileApart", 2, host_writeFile, true),
  JS_CFUNC_MAGIC_DEF("stat", 2, host_stat, 0), JS_CFUNC_MAGIC_DEF("lstat", 2, host_stat, AT_SYMLINK_NOFOLLOW),
  HOST_FUNCTION(fstat, 1), HOST_FUNCTION(statfs, 1), HOST_FUNCTION(deviceNumber, 2),
};
HOST_PART(files);
