/*
 * System calls that need no separate code: a line of the table CALLS for each. host.d.ts declares them with their
 * arguments. The flags of open(2) are O_CLOEXEC and O_NOCTTY in any case.
 */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * The result of a call: none, the kernel's number, the number of bytes if they are fewer than the call was given, or
 * the content of the buffer: as bytes, as a text, or as a name of the kernel.
 */
enum result { NOTHING, NUMBER, PART, BYTES, TEXT, NAME };

/*
 * Function, name in errors, number of the system call, its arguments, result. Each letter is an argument of the system
 * call:
 *   @ AT_FDCWD, 0 zero, R AT_REMOVEDIR, B the buffer and its size
 * or of the function:
 *   p a path, f a descriptor, i a number, m a mode, o flags of open(2), b bytes and their number,
 *   l how much of the buffer to use: the buffer and this number, v a number of type int: a pointer to it and its size
 * After these, each function takes the errnos that are expected, a list, or the subject of its error, a text.
 */
#define CALLS(CALL)                                                           \
  CALL(accept, "accept4", SYS_accept4, "f00i", NUMBER)                        \
  CALL(access, "access", SYS_faccessat, "@pi", NUMBER)                        \
  CALL(bind, "bind", SYS_bind, "fb", NOTHING)                                 \
  CALL(close, "close", SYS_close, "f", NOTHING)                               \
  CALL(closeRange, "close_range", SYS_close_range, "iii", NUMBER)             \
  CALL(epollControl, "epoll_ctl", SYS_epoll_ctl, "fifb", NOTHING)             \
  CALL(epollCreate, "epoll_create1", SYS_epoll_create1, "i", NUMBER)          \
  CALL(fchmod, "fchmod", SYS_fchmod, "fm", NOTHING)                           \
  CALL(fcntl, "fcntl", SYS_fcntl, "fii", NUMBER)                              \
  CALL(flock, "flock", SYS_flock, "fi", NUMBER)                               \
  CALL(fsync, "fsync", SYS_fsync, "f", NOTHING)                               \
  CALL(ftruncate, "ftruncate", SYS_ftruncate, "fi", NOTHING)                  \
  CALL(getpid, "getpid", SYS_getpid, "", NUMBER)                              \
  CALL(getppid, "getppid", SYS_getppid, "", NUMBER)                           \
  CALL(inotifyAdd, "inotify_add_watch", SYS_inotify_add_watch, "fpi", NUMBER) \
  CALL(inotifyInit, "inotify_init1", SYS_inotify_init1, "i", NUMBER)          \
  CALL(ioctl, "ioctl", SYS_ioctl, "fi", NUMBER)                               \
  CALL(kill, "kill", SYS_kill, "ii", NUMBER)                                  \
  CALL(link, "linkat", SYS_linkat, "ip@pi", NOTHING)                          \
  CALL(listen, "listen", SYS_listen, "fi", NOTHING)                           \
  CALL(lseek, "lseek", SYS_lseek, "fii", NUMBER)                              \
  CALL(memfd, "memfd_create", SYS_memfd_create, "pi", NUMBER)                 \
  CALL(mkdir, "mkdir", SYS_mkdirat, "@pm", NOTHING)                           \
  CALL(open, "open", SYS_openat, "@pom", NUMBER)                              \
  CALL(pwrite, "pwrite", SYS_pwrite64, "fbi", PART)                           \
  CALL(prctl, "prctl", SYS_prctl, "ii000", NOTHING)                           \
  CALL(pread, "pread", SYS_pread64, "fl0", TEXT)                              \
  CALL(read, "read", SYS_read, "fl", BYTES)                                   \
  CALL(readLink, "readlink", SYS_readlinkat, "@pB", NAME)                     \
  CALL(rename, "renameat2", SYS_renameat2, "@p@pi", NOTHING)                  \
  CALL(rmdir, "rmdir", SYS_unlinkat, "@pR", NOTHING)                          \
  CALL(send, "send", SYS_sendto, "fbi00", NOTHING)                            \
  CALL(sendTo, "sendto", SYS_sendto, "fbib", NUMBER)                          \
  CALL(setns, "setns", SYS_setns, "fi", NOTHING)                              \
  CALL(setsockopt, "setsockopt", SYS_setsockopt, "fiiv", NUMBER)              \
  CALL(shutdown, "shutdown", SYS_shutdown, "fi", NUMBER)                      \
  CALL(socket, "socket", SYS_socket, "iii", NUMBER)                           \
  CALL(unlink, "unlink", SYS_unlinkat, "@p0", NOTHING)                        \
  CALL(unshare, "unshare", SYS_unshare, "i", NOTHING)                         \
  CALL(write, "write", SYS_write, "fb", PART)

struct call {
  const char *name;
  long number;
  const char *arguments;
  enum result result;
};

#define DESCRIPTION(function, name, number, arguments, result) {name, number, arguments, result},
static const struct call calls[] = {CALLS(DESCRIPTION)};

enum { MOST_ARGUMENTS = 6 };

/* The arguments of a system call. */
struct arguments {
  long values[MOST_ARGUMENTS];
  unsigned count;
  /* Paths to free; the last is the subject of an error. */
  char *paths[2];
  unsigned path_count;
  /* The descriptor that is the subject of an error without a path; else -1. */
  int fd;
  /* The number of bytes of the last argument b. */
  size_t length;
  int option;
  /* How many arguments of the JavaScript function were read. */
  unsigned used;
};

static void put(struct arguments *to, long value)
{
  to->values[to->count++] = value;
}

static bool put_number(JSContext *context, JSValueConst value, char kind, struct arguments *to)
{
  int64_t number;
  const bool is_mode = kind == 'm', is_fd = kind == 'f', is_limit = kind == 'l';
  const int64_t low = is_mode || is_fd || is_limit ? 0 : INT32_MIN;
  const int64_t high = is_mode ? 07777 : is_fd ? INT32_MAX : is_limit ? (int64_t)sizeof host_buffer : INT64_C(1) << 53;
  if (!host_integer(context, value, is_mode ? "mode" : is_fd ? "a descriptor" : "a number", low, high, &number))
    return false;
  if (is_fd)
    to->fd = (int)number;
  if (kind == 'o')
    number |= O_CLOEXEC | O_NOCTTY;
  if (is_limit)
    put(to, (long)host_buffer);
  if (kind != 'v') {
    put(to, (long)number);
    return true;
  }
  to->option = (int)number;
  put(to, (long)&to->option);
  put(to, sizeof to->option);
  return true;
}

static bool put_argument(JSContext *context, JSValueConst value, char kind, const char *name, struct arguments *to)
{
  if (kind == 'p') {
    char *path = host_name(context, value, name);
    if (path == NULL)
      return false;
    to->paths[to->path_count++] = path;
    put(to, (long)path);
    return true;
  }
  if (kind == 'b') {
    const uint8_t *bytes;
    if (!host_bytes(context, value, &bytes, &to->length))
      return false;
    put(to, (long)bytes);
    put(to, (long)to->length);
    return true;
  }
  return put_number(context, value, kind, to);
}

static bool put_all(JSContext *context, JSValueConst *argv, const struct call *call, struct arguments *to)
{
  for (const char *kind = call->arguments; *kind != '\0'; kind++) {
    if (*kind == '@')
      put(to, AT_FDCWD);
    else if (*kind == '0')
      put(to, 0);
    else if (*kind == 'R')
      put(to, AT_REMOVEDIR);
    else if (*kind == 'B')
      put(to, (long)host_buffer), put(to, sizeof host_buffer);
    else if (!put_argument(context, argv[to->used++], *kind, call->name, to))
      return false;
  }
  return true;
}

/* Throws, unless the error is expected. */
static JSValue failed(JSContext *context, const struct call *call, const struct arguments *arguments, JSValueConst more)
{
  const int error = errno;
  if (JS_IsString(more)) {
    char *subject = host_name(context, more, call->name);
    JSValue thrown = subject == NULL ? JS_EXCEPTION : host_throw(context, error, call->name, subject);
    js_free(context, subject);
    return thrown;
  }
  const unsigned count = arguments->path_count;
  if (count == 0 && arguments->fd >= 0 && !host_is_expected(context, more, error))
    return host_throw_fd(context, error, call->name, arguments->fd);
  return host_throw_unless(context, more, error, call->name, count == 0 ? "" : arguments->paths[count - 1]);
}

static JSValue new_result(JSContext *context, enum result kind, long result, size_t length)
{
  if (kind == BYTES)
    return host_new_bytes(context, host_buffer, (size_t)result);
  if (kind == TEXT)
    return host_new_text(context, host_buffer, (size_t)result);
  if (kind == NAME)
    return host_new_name_of(context, host_buffer, (size_t)result);
  return kind == NUMBER || (kind == PART && (size_t)result != length) ? JS_NewInt64(context, result) : JS_UNDEFINED;
}

static JSValue host_call(HOST_ARGUMENTS, int magic)
{
  const struct call *call = &calls[magic];
  struct arguments arguments = {.fd = -1};
  JSValue value = JS_EXCEPTION;
  if (put_all(context, argv, call, &arguments)) {
    const long *values = arguments.values;
    const long result = syscall(call->number, values[0], values[1], values[2], values[3], values[4], values[5]);
    value = result < 0 ? failed(context, call, &arguments, argv[arguments.used])
                       : new_result(context, call->result, result, arguments.length);
  }
  for (unsigned i = 0; i < arguments.path_count; i++)
    js_free(context, arguments.paths[i]);
  return value;
}

static JSValue host_errnoName(HOST_ARGUMENTS)
{
  int64_t error;
  if (!host_integer(context, argv[0], "errno", INT32_MIN, INT32_MAX, &error))
    return JS_EXCEPTION;
  const char *name = host_errno_name((int)error);
  return name == NULL ? JS_UNDEFINED : JS_NewString(context, name);
}

/* Throws the error that a system call would throw. */
static JSValue host_fail(HOST_ARGUMENTS)
{
  JSValue result = JS_EXCEPTION;
  char *code = host_name(context, argv[0], ""), *call = host_name(context, argv[1], "");
  char *subject = host_name(context, argv[2], "");
  if (code != NULL && call != NULL && subject != NULL)
    result = host_throw(context, host_errno(code), call, subject);
  js_free(context, subject);
  js_free(context, call);
  js_free(context, code);
  return result;
}

#define INDEX(function, name, number, arguments, result) INDEX_##function,
enum { CALLS(INDEX) };

#define FUNCTION(function, name, number, arguments, result) \
  JS_CFUNC_MAGIC_DEF(#function, MOST_ARGUMENTS, host_call, INDEX_##function),
static const JSCFunctionListEntry functions[] = {
  CALLS(FUNCTION)
  HOST_FUNCTION(errnoName, 1), HOST_FUNCTION(fail, 3),
  /* Numbers that differ between architectures. */
  HOST_NUMBER(O_RDONLY), HOST_NUMBER(O_WRONLY), HOST_NUMBER(O_RDWR), HOST_NUMBER(O_CREAT), HOST_NUMBER(O_EXCL),
  HOST_NUMBER(O_APPEND), HOST_NUMBER(O_NOFOLLOW), HOST_NUMBER(O_NONBLOCK), HOST_NUMBER(O_TMPFILE),
  HOST_NUMBER(O_DIRECTORY), HOST_NUMBER(NS_GET_NSTYPE),
};
HOST_PART(calls);
