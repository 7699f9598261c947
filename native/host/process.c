/* The process itself: arguments, environment, user, wall clock and exit status. */
#include "build.h"
#include "host.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/*
 * The executable's segments have 2 MB, the buffer for netlink has 16 MiB (netlink.c), the engine's stack can have 256 KiB
 * (engine.c), and usual network configurations need at most some 100 KiB. If the stack could not grow, the kernel would send
 * SIGSEGV in the middle of an ADD, so the limit is checked before anything is done.
 */
enum { LEAST_ADDRESS_SPACE = 24 << 20 };

static int exit_status;
static int argument_count;
static char **arguments;

/*
 * Opens /dev/null as descriptor 0, 1 or 2 if the caller left it closed. Otherwise the next file would get its number,
 * and output would be written into that file. Stdout cannot be written to then (EBADF): an ADD whose result is lost must
 * fail. A line for stderr may be lost.
 */
static bool open_standard_descriptors(void)
{
  struct pollfd standard[] = {{.fd = 0}, {.fd = 1}, {.fd = 2}};
  if (poll(standard, COUNT_OF(standard), 0) <= 0)
    return true;
  for (int fd = 0; fd < 3; fd++) {
    if ((standard[fd].revents & POLLNVAL) && openat(AT_FDCWD, "/dev/null", fd == 1 ? O_RDONLY : O_RDWR) != fd)
      return false;
  }
  return true;
}

int host_exit_status(void)
{
  return exit_status;
}

bool host_has_address_space(void)
{
  struct rlimit limit;
  return getrlimit(RLIMIT_AS, &limit) < 0 || limit.rlim_cur >= LEAST_ADDRESS_SPACE;
}

bool host_prepare_process(int argc, char **argv)
{
  argument_count = argc;
  arguments = argv;
  if (!open_standard_descriptors())
    return false;
  /* Printing to a caller that has exited, and writing beyond RLIMIT_FSIZE, must fail with EPIPE and EFBIG instead of a
   * signal, so that the program can roll back. */
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  return true;
}

static JSValue new_names(JSContext *context, char **names, size_t count)
{
  JSValue array = JS_NewArray(context);
  if (JS_IsException(array))
    return array;
  for (size_t i = 0; i < count; i++) {
    JSValue name = host_new_name(context, names[i]);
    if (JS_IsException(name) || JS_SetPropertyUint32(context, array, (uint32_t)i, name) < 0) {
      JS_FreeValue(context, array);
      return JS_EXCEPTION;
    }
  }
  return array;
}

static JSValue host_args(HOST_ARGUMENTS)
{
  return new_names(context, arguments, (size_t)argument_count);
}

static JSValue host_getenv(HOST_ARGUMENTS)
{
  char *name = host_name(context, argv[0], "getenv");
  if (name == NULL)
    return JS_EXCEPTION;
  const char *value = getenv(name);
  js_free(context, name);
  return value == NULL ? JS_UNDEFINED : host_new_name(context, value);
}

static JSValue host_environ(HOST_ARGUMENTS)
{
  size_t count = 0;
  while (environ[count] != NULL)
    count++;
  return new_names(context, environ, count);
}

/* The kernel passes the effective user to the process at its start, so this needs no system call. */
static JSValue host_user(HOST_ARGUMENTS)
{
  return JS_NewInt64(context, (int64_t)getauxval(AT_EUID));
}

static JSValue host_realtime(HOST_ARGUMENTS)
{
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return JS_NewFloat64(context, (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6);
}

static JSValue host_exitStatus(HOST_ARGUMENTS)
{
  int64_t status;
  if (!host_integer(context, argv[0], "a status", 0, 255, &status))
    return JS_EXCEPTION;
  exit_status = (int)status;
  return JS_UNDEFINED;
}

static const JSCFunctionListEntry build[] = {
  JS_PROP_STRING_DEF("version", IB_SRIOV_VERSION, JS_PROP_ENUMERABLE),
  JS_PROP_STRING_DEF("commit", IB_SRIOV_COMMIT, JS_PROP_ENUMERABLE),
  JS_PROP_STRING_DEF("date", IB_SRIOV_DATE, JS_PROP_ENUMERABLE),
};

static const JSCFunctionListEntry functions[] = {
  HOST_FUNCTION(args, 0), HOST_FUNCTION(getenv, 1), HOST_FUNCTION(environ, 0), HOST_FUNCTION(user, 0),
  HOST_FUNCTION(realtime, 0), HOST_FUNCTION(exitStatus, 1),
  JS_OBJECT_DEF("build", build, COUNT_OF(build), JS_PROP_ENUMERABLE),
};
HOST_PART(process);
