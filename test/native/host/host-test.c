/*
 * The engine and the module `host`, for tests: evaluates the script that is its first argument. The global object
 * `probe` has the kernel functions that only tests need.
 */
#include "engine.h"
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static JSValue host_setNonBlocking(HOST_ARGUMENTS)
{
  int fd;
  if (!host_fd(context, argv[0], &fd))
    return JS_EXCEPTION;
  if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
    return host_throw_fd(context, errno, "fcntl", fd);
  return JS_UNDEFINED;
}

/* Opens a file without O_CLOEXEC, as a caller of the plugin might have. */
static JSValue host_openInheritable(HOST_ARGUMENTS)
{
  char *path = host_name(context, argv[0], "open");
  if (path == NULL)
    return JS_EXCEPTION;
  int fd = open(path, O_RDONLY);
  JSValue result = fd < 0 ? host_throw(context, errno, "open", path) : JS_NewInt32(context, fd);
  js_free(context, path);
  return result;
}

/* Sends a datagram to another netlink socket, from a process instead of the kernel. */
static JSValue host_netlinkSendTo(HOST_ARGUMENTS)
{
  int fd;
  int64_t port;
  const uint8_t *message;
  size_t length;
  if (!host_fd(context, argv[0], &fd) || !host_integer(context, argv[1], "port", 1, UINT32_MAX, &port) ||
      !host_bytes(context, argv[2], &message, &length))
    return JS_EXCEPTION;
  const struct sockaddr_nl to = {.nl_family = AF_NETLINK, .nl_pid = (uint32_t)port};
  if (sendto(fd, message, length, 0, (const struct sockaddr *)&to, sizeof to) < 0)
    return host_throw_fd(context, errno, "sendto", fd);
  return JS_UNDEFINED;
}

static JSValue host_netlinkPort(HOST_ARGUMENTS)
{
  int fd;
  struct sockaddr_nl address = {.nl_family = AF_NETLINK};
  socklen_t length = sizeof address;
  if (!host_fd(context, argv[0], &fd))
    return JS_EXCEPTION;
  if (bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 ||
      getsockname(fd, (struct sockaddr *)&address, &length) < 0)
    return host_throw_fd(context, errno, "bind", fd);
  return JS_NewInt64(context, address.nl_pid);
}

/* A Unix datagram socket with a path. */
static JSValue host_listenAt(HOST_ARGUMENTS)
{
  char *path = host_name(context, argv[0], "bind");
  if (path == NULL)
    return JS_EXCEPTION;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  js_free(context, path);
  int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) < 0)
    return host_throw_fd(context, errno, "bind", fd);
  return JS_NewInt32(context, fd);
}

/* Returns the next datagram of that socket. */
static JSValue host_receive(HOST_ARGUMENTS)
{
  int fd;
  static char buffer[64 * 1024];
  if (!host_fd(context, argv[0], &fd))
    return JS_EXCEPTION;
  ssize_t length = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
  return length < 0 ? host_throw_fd(context, errno, "recv", fd) : host_new_text(context, buffer, (size_t)length);
}

static const JSCFunctionListEntry probe_functions[] = {
  HOST_FUNCTION(setNonBlocking, 1), HOST_FUNCTION(openInheritable, 1), HOST_FUNCTION(netlinkSendTo, 3),
  HOST_FUNCTION(netlinkPort, 1),    HOST_FUNCTION(listenAt, 1),        HOST_FUNCTION(receive, 1),
};

static bool install_probe(JSContext *context)
{
  JSValue probe = JS_NewObject(context);
  JS_SetPropertyFunctionList(context, probe, probe_functions, COUNT_OF(probe_functions));
  JSValue global = JS_GetGlobalObject(context);
  int done = JS_SetPropertyStr(context, global, "probe", probe);
  JS_FreeValue(context, global);
  return done >= 0;
}

static char *read_script(const char *path)
{
  FILE *file = fopen(path, "re");
  if (file == NULL)
    return NULL;
  char *text = NULL;
  size_t size = 0;
  if (getdelim(&text, &size, '\0', file) < 0)
    text = NULL;
  fclose(file);
  return text;
}

int main(int argc, char **argv)
{
  char *script = argc > 1 ? read_script(argv[1]) : NULL;
  if (script == NULL) {
    fprintf(stderr, "usage: host-test SCRIPT.js\n");
    return 2;
  }
  host_prepare_process(argc, argv);
  JSContext *context = engine_start();
  if (context == NULL)
    return 2;
  JS_AddIntrinsicEval(context);
  int status = 2;
  if (install_probe(context))
    status = engine_finish(context, JS_Eval(context, script, strlen(script), argv[1], JS_EVAL_TYPE_GLOBAL));
  free(script);
  engine_end(context);
  return status;
}
