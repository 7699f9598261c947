/* Datagrams to an AF_UNIX socket at a path. */
#include "host.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Returns 0, or an errno and the call that failed. */
static int send_to(const char *path, const char *text, size_t length, const char **call)
{
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  *call = "sendto";
  if (strlen(path) >= sizeof to.sun_path)
    return ENAMETOOLONG;
  strcpy(to.sun_path, path);
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    *call = "socket";
    return errno;
  }
  /* MSG_DONTWAIT: a receiver whose queue is full has not read for some time, so waiting for it would not help. */
  const int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
  const int error = sendto(fd, text, length, flags, (const struct sockaddr *)&to, sizeof to) < 0 ? errno : 0;
  close(fd);
  return error;
}

static JSValue host_sendDatagram(HOST_ARGUMENTS)
{
  size_t length;
  char *path = host_name(context, argv[0], "sendto");
  char *text = path == NULL ? NULL : host_text(context, argv[1], &length);
  JSValue result = JS_EXCEPTION;
  if (text != NULL) {
    const char *call;
    const int error = send_to(path, text, length, &call);
    /* A missing socket, or a socket that no process has open, is not an error: this is normal in a container. */
    const bool is_unused = error == ENOENT || error == ECONNREFUSED;
    result = error == 0 || is_unused ? JS_NewBool(context, error == 0) : host_throw(context, error, call, path);
  }
  js_free(context, text);
  js_free(context, path);
  return result;
}

const JSCFunctionListEntry host_datagram_functions[] = {
  HOST_FUNCTION(sendDatagram, 2),
};
const int host_datagram_count = COUNT_OF(host_datagram_functions);
