/* Netlink sockets: datagrams to and from the kernel. What is in them is TypeScript's concern. */
#include "host.h"

#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

/* Since 5.14; the headers of older C libraries lack it (asm-generic/socket.h). */
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

/* What older kernels do not know (EXT_ACK 4.12, STRICT_CHK 4.20) they do without. */
static int set_option(int fd, int option)
{
  const int on = 1;
  if (setsockopt(fd, SOL_NETLINK, option, &on, sizeof on) < 0 && errno != ENOPROTOOPT)
    return errno;
  return 0;
}

static JSValue host_netlinkSocket(HOST_ARGUMENTS)
{
  int64_t protocol;
  if (!host_integer(context, argv[0], "protocol", 0, INT32_MAX, &protocol))
    return JS_EXCEPTION;
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, (int)protocol);
  if (fd < 0)
    return host_throw(context, errno, "socket", "AF_NETLINK");
  int error = set_option(fd, NETLINK_EXT_ACK);
  if (error == 0 && protocol == NETLINK_ROUTE)
    error = set_option(fd, NETLINK_GET_STRICT_CHK);
  if (error == 0)
    return JS_NewInt32(context, fd);
  close(fd);
  return host_throw(context, error, "setsockopt", "AF_NETLINK");
}

/*
 * Nothing is ever asked on such a socket, so it needs no options; and groups given to bind(2) cost no call of their
 * own. (The kernel's notifications go out "on behalf of port 0", the port of a socket that was never bound, and are
 * not given to that one.)
 */
static JSValue host_netlinkEvents(HOST_ARGUMENTS)
{
  int64_t protocol, groups;
  if (!host_integer(context, argv[0], "protocol", 0, INT32_MAX, &protocol) ||
      !host_integer(context, argv[1], "groups", 1, UINT32_MAX, &groups))
    return JS_EXCEPTION;
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, (int)protocol);
  if (fd < 0)
    return host_throw(context, errno, "socket", "AF_NETLINK");
  const struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = (uint32_t)groups};
  if (bind(fd, (const struct sockaddr *)&address, sizeof address) == 0)
    return JS_NewInt32(context, fd);
  int error = errno;
  close(fd);
  return host_throw(context, error, "bind", "AF_NETLINK");
}

static JSValue host_netnsCookie(HOST_ARGUMENTS)
{
  int fd;
  if (!host_fd(context, argv[0], &fd))
    return JS_EXCEPTION;
  uint64_t cookie;
  socklen_t length = sizeof cookie;
  if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length) == 0)
    return host_new_decimal(context, cookie);
  return errno == ENOPROTOOPT ? JS_UNDEFINED : host_throw_fd(context, errno, "getsockopt SO_NETNS_COOKIE", fd);
}

static JSValue host_netlinkSend(HOST_ARGUMENTS)
{
  int fd;
  const uint8_t *message;
  size_t length;
  if (!host_fd(context, argv[0], &fd) || !host_bytes(context, argv[1], &message, &length))
    return JS_EXCEPTION;
  ssize_t sent = send(fd, message, length, 0);
  if (sent != (ssize_t)length)
    return host_throw_fd(context, sent < 0 ? errno : EIO, "send", fd);
  return JS_UNDEFINED;
}

static JSValue host_netlinkReceive(HOST_ARGUMENTS)
{
  /* In .bss: pages that no datagram reaches are never there. */
  static uint8_t buffer[256 * 1024];
  int fd;
  double deadline;
  if (!host_fd(context, argv[0], &fd) || !host_deadline(context, argv[1], &deadline))
    return JS_EXCEPTION;
  for (;;) {
    struct sockaddr_nl sender = {0};
    socklen_t sender_length = sizeof sender;
    ssize_t length = recvfrom(fd, buffer, sizeof buffer, MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *)&sender,
                              &sender_length);
    if (length >= 0) {
      /* Other processes can send to us as well; nobody asked them. */
      if (sender.nl_pid != 0)
        continue;
      if ((size_t)length > sizeof buffer)
        return host_throw_fd(context, EMSGSIZE, "recvfrom", fd);
      return host_new_bytes(context, buffer, (size_t)length);
    }
    int error = errno == EAGAIN ? host_wait_fd(fd, POLLIN, deadline) : errno;
    if (error != 0 && error != EINTR)
      return host_throw_fd(context, error, error == ETIMEDOUT ? "ppoll" : "recvfrom", fd);
    if (error == EINTR)
      return host_throw_fd(context, error, "ppoll", fd);
  }
}

/* struct nlattr of linux/netlink.h, in host order, which JavaScript's part of the codec takes for little-endian, too. */
static JSValue new_value(JSContext *context, JSValueConst buffer, size_t offset, size_t length)
{
  JSValueConst arguments[] = {buffer, JS_NewInt64(context, (int64_t)offset), JS_NewInt64(context, (int64_t)length)};
  return JS_NewTypedArray(context, COUNT_OF(arguments), arguments, JS_TYPED_ARRAY_UINT8);
}

static JSValue host_netlinkAttributes(HOST_ARGUMENTS)
{
  const uint8_t *bytes, *types;
  size_t length, type_count, offset, whole;
  int64_t start;
  if (!host_bytes(context, argv[0], &bytes, &length) || !host_bytes(context, argv[2], &types, &type_count) ||
      !host_integer(context, argv[1], "start", 0, (int64_t)length, &start))
    return JS_EXCEPTION;
  /* Where the values lie in the array's buffer; 0: there is none, since a header comes before each. */
  uint32_t starts[256] = {0}, lengths[256];
  for (size_t at = (size_t)start; at < length;) {
    struct nlattr header;
    if (length - at < sizeof header)
      return JS_UNDEFINED;
    memcpy(&header, bytes + at, sizeof header);
    if (header.nla_len < sizeof header || header.nla_len > length - at)
      return JS_UNDEFINED;
    const unsigned type = header.nla_type & NLA_TYPE_MASK;
    if (type < COUNT_OF(starts)) {
      starts[type] = (uint32_t)(at + sizeof header);
      lengths[type] = (uint32_t)(header.nla_len - sizeof header);
    }
    at += NLA_ALIGN(header.nla_len);
  }
  JSValue values = JS_NewArray(context);
  JSValue buffer = JS_GetTypedArrayBuffer(context, argv[0], &offset, &whole, NULL);
  for (size_t i = 0; i < type_count && !JS_IsException(values); i++) {
    const unsigned type = types[i];
    JSValue value = starts[type] == 0 ? JS_UNDEFINED : new_value(context, buffer, offset + starts[type], lengths[type]);
    if (JS_IsException(value) || JS_SetPropertyUint32(context, values, (uint32_t)i, value) < 0) {
      JS_FreeValue(context, values);
      values = JS_EXCEPTION;
    }
  }
  JS_FreeValue(context, buffer);
  return values;
}

const JSCFunctionListEntry host_netlink_functions[] = {
  HOST_FUNCTION(netlinkSocket, 1), HOST_FUNCTION(netlinkEvents, 2),    HOST_FUNCTION(netnsCookie, 1),
  HOST_FUNCTION(netlinkSend, 2),   HOST_FUNCTION(netlinkReceive, 2), HOST_FUNCTION(netlinkAttributes, 3),
};
const int host_netlink_count = COUNT_OF(host_netlink_functions);
