/* Network namespaces. The process has one thread, so setns(2) changes the namespace of the whole process. */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>

static JSValue host_openFile(HOST_ARGUMENTS)
{
  char *path = host_name(context, argv[0], "open");
  if (path == NULL)
    return JS_EXCEPTION;
  /* O_NONBLOCK: the caller chooses the path, and opening a FIFO or a device must not block. */
  int fd = openat(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  JSValue result = fd < 0 ? host_throw(context, errno, "open", path) : JS_NewInt32(context, fd);
  js_free(context, path);
  return result;
}

static JSValue host_statfsType(HOST_ARGUMENTS)
{
  char *path = host_name(context, argv[0], "statfs");
  if (path == NULL)
    return JS_EXCEPTION;
  struct statfs status;
  JSValue result = statfs(path, &status) < 0 ? host_throw(context, errno, "statfs", path)
                                              : JS_NewInt64(context, (uint32_t)status.f_type);
  js_free(context, path);
  return result;
}

static JSValue host_namespaceType(HOST_ARGUMENTS)
{
  int fd;
  if (!host_fd(context, argv[0], &fd))
    return JS_EXCEPTION;
  int type = ioctl(fd, NS_GET_NSTYPE);
  return type < 0 ? host_throw_fd(context, errno, "ioctl NS_GET_NSTYPE", fd) : JS_NewInt32(context, type);
}

static JSValue host_enterNetworkNamespace(HOST_ARGUMENTS)
{
  int fd;
  if (!host_fd(context, argv[0], &fd))
    return JS_EXCEPTION;
  return setns(fd, CLONE_NEWNET) < 0 ? host_throw_fd(context, errno, "setns", fd) : JS_UNDEFINED;
}

const JSCFunctionListEntry host_namespaces_functions[] = {
  HOST_FUNCTION(openFile, 1),
  HOST_FUNCTION(statfsType, 1),
  HOST_FUNCTION(namespaceType, 1),
  HOST_FUNCTION(enterNetworkNamespace, 1),
};
const int host_namespaces_count = COUNT_OF(host_namespaces_functions);
