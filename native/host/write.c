/* Writes files as a whole: existing files and new ones. */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The two arguments of every function here. */
struct writing {
  char *path;
  char *text;
  size_t length;
};

static bool begin(JSContext *context, JSValueConst path, JSValueConst text, struct writing *writing)
{
  writing->path = host_name(context, path, "open");
  writing->text = writing->path == NULL ? NULL : host_text(context, text, &writing->length);
  if (writing->text == NULL)
    js_free(context, writing->path);
  return writing->text != NULL;
}

/* Frees the arguments, and throws if there is an error. */
static JSValue end(JSContext *context, struct writing *writing, int error, const char *call)
{
  JSValue result = error == 0 ? JS_UNDEFINED : host_throw(context, error, call, writing->path);
  js_free(context, writing->text);
  js_free(context, writing->path);
  return result;
}

/* Returns 0 if a write was complete, else an errno: EIO after a short write. */
static int outcome(ssize_t written, const struct writing *writing)
{
  return written < 0 ? errno : written != (ssize_t)writing->length ? EIO : 0;
}

static JSValue host_writeFile(HOST_ARGUMENTS)
{
  struct writing writing;
  if (!begin(context, argv[0], argv[1], &writing))
    return JS_EXCEPTION;
  int fd = openat(AT_FDCWD, writing.path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0)
    return end(context, &writing, errno, "open");
  int error = outcome(write(fd, writing.text, writing.length), &writing);
  close(fd);
  return end(context, &writing, error, "write");
}

/*
 * Returns the errno of a write by a child, which is its exit status; EINTR if the child was killed, so that the outcome
 * is unknown. The child cannot return it in memory: not every libc implements vfork with shared memory (musl on POWER
 * does not).
 */
static int outcome_of(pid_t child)
{
  int status;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR)
      return EINTR;
  return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

static JSValue host_writeFileApart(HOST_ARGUMENTS)
{
  struct writing writing;
  if (!begin(context, argv[0], argv[1], &writing))
    return JS_EXCEPTION;
  int fd = openat(AT_FDCWD, writing.path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0)
    return end(context, &writing, errno, "open");
  const pid_t child = vfork();
  if (child == 0) {
    /* A signal to the process group must not end the child. Its exit status is the errno, which is below 256. */
    setpgid(0, 0);
    _exit(outcome(write(fd, writing.text, writing.length), &writing));
  }
  int error = child < 0 ? outcome(write(fd, writing.text, writing.length), &writing) : outcome_of(child);
  close(fd);
  return end(context, &writing, error, "write");
}

static JSValue host_patchFile(HOST_ARGUMENTS)
{
  int64_t offset;
  struct writing writing;
  if (!host_integer(context, argv[1], "offset", 0, INT32_MAX, &offset) ||
      !begin(context, argv[0], argv[2], &writing))
    return JS_EXCEPTION;
  int fd = openat(AT_FDCWD, writing.path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (fd < 0)
    return end(context, &writing, errno, "open");
  int error = outcome(pwrite(fd, writing.text, writing.length, offset), &writing);
  close(fd);
  return end(context, &writing, error, "pwrite");
}

static JSValue host_createFile(HOST_ARGUMENTS)
{
  int64_t mode;
  struct writing writing;
  if (!host_integer(context, argv[2], "mode", 0, 07777, &mode) || !begin(context, argv[0], argv[1], &writing))
    return JS_EXCEPTION;
  int fd = openat(AT_FDCWD, writing.path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, (mode_t)mode);
  if (fd < 0)
    return end(context, &writing, errno, "open");
  const char *call = "write";
  int error = host_write_all(fd, writing.text, writing.length);
  /* Some file systems report only here that the disk is full. */
  if (close(fd) < 0 && error == 0) {
    call = "close";
    error = errno;
  }
  if (error != 0)
    unlink(writing.path);
  return end(context, &writing, error, call);
}

/* Opens a file without a name in the directory of `path`. */
static int open_nameless(const char *path, mode_t mode)
{
  char directory[PATH_MAX];
  const char *slash = strrchr(path, '/');
  size_t length = slash == NULL ? 0 : (size_t)(slash - path);
  if (length >= sizeof directory) {
    errno = ENAMETOOLONG;
    return -1;
  }
  memcpy(directory, path, length);
  directory[length] = '\0';
  return openat(AT_FDCWD, length == 0 ? "/" : directory, O_WRONLY | O_TMPFILE | O_CLOEXEC, mode);
}

/* Names such a file. Without CAP_DAC_READ_SEARCH the first linkat fails, but the second works (open(2)). */
static int name_descriptor(int fd, const char *path)
{
  if (linkat(fd, "", AT_FDCWD, path, AT_EMPTY_PATH) == 0)
    return 0;
  if (errno == EEXIST)
    return errno;
  char self[32];
  snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
  return linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) < 0 ? errno : 0;
}

static JSValue host_createWhole(HOST_ARGUMENTS)
{
  int64_t mode;
  struct writing writing;
  if (!host_integer(context, argv[2], "mode", 0, 07777, &mode) || !begin(context, argv[0], argv[1], &writing))
    return JS_EXCEPTION;
  int fd = open_nameless(writing.path, (mode_t)mode);
  if (fd < 0)
    return end(context, &writing, errno, "open");
  const char *call = "write";
  int error = host_write_all(fd, writing.text, writing.length);
  if (error == 0) {
    call = "linkat";
    error = name_descriptor(fd, writing.path);
  }
  close(fd);
  return end(context, &writing, error, call);
}

const JSCFunctionListEntry host_write_functions[] = {
  HOST_FUNCTION(writeFile, 2),
  HOST_FUNCTION(writeFileApart, 2),
  HOST_FUNCTION(patchFile, 3),
  HOST_FUNCTION(createFile, 3),
  HOST_FUNCTION(createWhole, 3),
};
const int host_write_count = COUNT_OF(host_write_functions);
