/* Datagrams to a socket of the file system: whoever listens there, listens. */
#include "host.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* 0 or an errno, and the call that it came from. */
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
  /* One whose queue is full has been hanging for some time. */
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
    /* No socket, or one that nobody has open: that is no error, but how most containers are. */
    const bool is_nobody_there = error == ENOENT || error == ECONNREFUSED;
    result = error == 0 || is_nobody_there ? JS_NewBool(context, error == 0) : host_throw(context, error, call, path);
  }
  js_free(context, text);
  js_free(context, path);
  return result;
}

const JSCFunctionListEntry host_datagram_functions[] = {
  HOST_FUNCTION(sendDatagram, 2),
};
const int host_datagram_count = COUNT_OF(host_datagram_functions);
