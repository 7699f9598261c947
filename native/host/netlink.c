/* Netlink sockets: datagrams to and from the kernel. Their content is encoded and decoded in TypeScript (src/netlink).
 * */
#include "host.h"

#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

/* Since 5.14; the headers of older C libraries lack it (asm-generic/socket.h). */
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

/* Sets an option, unless the kernel is too old for it (EXT_ACK needs 4.12, STRICT_CHK 4.20). */
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
 * Such a socket sends no requests, so it needs no options. It joins the groups in bind(2), without another system call.
 * (A socket that was never bound would not get the kernel's notifications: its port is 0, the kernel sends them on
 * behalf of port 0, and never back to the port on whose behalf it sends.)
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

/* The kernel lists each RDMA device in a separate datagram, so one call must be able to receive many datagrams. */
enum { MOST_BYTES = 256 * 1024, MOST_DATAGRAMS = 64 };

/* The places of datagrams in a buffer, for recvmmsg(2). */
struct places {
  struct mmsghdr headers[MOST_DATAGRAMS];
  struct iovec vectors[MOST_DATAGRAMS];
  struct sockaddr_nl senders[MOST_DATAGRAMS];
};

static void make_places(struct places *places, uint8_t *buffer, size_t largest, unsigned count)
{
  for (unsigned i = 0; i < count; i++) {
    places->vectors[i] = (struct iovec){.iov_base = buffer + i * largest, .iov_len = largest};
    places->headers[i] = (struct mmsghdr){.msg_hdr = {.msg_name = &places->senders[i],
                                                      .msg_namelen = sizeof places->senders[i],
                                                      .msg_iov = &places->vectors[i],
                                                      .msg_iovlen = 1}};
  }
}

/* Returns an array of the datagrams that the kernel sent, without datagrams from other processes. */
static JSValue new_datagrams(JSContext *context, int fd, const struct places *places, unsigned count, unsigned *kept)
{
  JSValue datagrams = JS_NewArray(context);
  *kept = 0;
  for (unsigned i = 0; i < count && !JS_IsException(datagrams); i++) {
    if (places->senders[i].nl_pid != 0)
      continue;
    JSValue datagram = (places->headers[i].msg_hdr.msg_flags & MSG_TRUNC) != 0
                         ? host_throw_fd(context, EMSGSIZE, "recvmmsg", fd)
                         : host_new_bytes(context, places->vectors[i].iov_base, places->headers[i].msg_len);
    if (JS_IsException(datagram) || JS_SetPropertyUint32(context, datagrams, (*kept)++, datagram) < 0) {
      JS_FreeValue(context, datagrams);
      datagrams = JS_EXCEPTION;
    }
  }
  return datagrams;
}

static JSValue host_netlinkReceive(HOST_ARGUMENTS)
{
  /* In .bss, so that a page that no datagram reaches takes no memory. */
  static uint8_t buffer[MOST_BYTES];
  struct places places;
  int fd;
  double deadline;
  int64_t largest;
  if (!host_fd(context, argv[0], &fd) || !host_deadline(context, argv[1], &deadline) ||
      !host_integer(context, argv[2], "largest", MOST_BYTES / MOST_DATAGRAMS, MOST_BYTES, &largest))
    return JS_EXCEPTION;
  const unsigned room = MOST_BYTES / (unsigned)largest;
  for (;;) {
    make_places(&places, buffer, (size_t)largest, room);
    int count = recvmmsg(fd, places.headers, room, MSG_DONTWAIT, NULL);
    if (count > 0) {
      unsigned kept;
      JSValue datagrams = new_datagrams(context, fd, &places, (unsigned)count, &kept);
      if (kept > 0 || JS_IsException(datagrams))
        return datagrams;
      JS_FreeValue(context, datagrams);
      /* Datagrams from other processes must not extend the deadline. */
      if (host_now() < deadline)
        continue;
      return host_throw_fd(context, ETIMEDOUT, "recvmmsg", fd);
    }
    int error = errno == EAGAIN ? host_wait_fd(fd, POLLIN, deadline) : errno;
    if (error != 0)
      return host_throw_fd(context, error, error == ETIMEDOUT || error == EINTR ? "ppoll" : "recvmmsg", fd);
  }
}

/* The place of an attribute's value in the array's bytes. */
struct span {
  /* 0 if the attribute is missing: a value never starts at 0, because a header precedes it. */
  uint32_t start, length;
};

/*
 * Finds the last attribute of each type (struct nlattr of linux/netlink.h, in host order). Returns false if a length
 * does not fit.
 */
static bool find_attributes(const uint8_t *bytes, size_t start, size_t length, struct span spans[256])
{
  for (size_t at = start; at < length;) {
    struct nlattr header;
    if (length - at < sizeof header)
      return false;
    memcpy(&header, bytes + at, sizeof header);
    if (header.nla_len < sizeof header || header.nla_len > length - at)
      return false;
    const unsigned type = header.nla_type & NLA_TYPE_MASK;
    if (type < 256)
      spans[type] = (struct span){(uint32_t)(at + sizeof header), (uint32_t)(header.nla_len - sizeof header)};
    at += NLA_ALIGN(header.nla_len);
  }
  return true;
}

/* How to read a value, see host.d.ts. */
enum { AS_BYTES = 0, AS_TEXT = 255 };

static JSValue read_value(JSContext *context, JSValueConst array, const uint8_t *bytes, struct span span, unsigned how)
{
  bytes += span.start;
  if (how == AS_TEXT)
    return host_new_name_of(context, (const char *)bytes, strnlen((const char *)bytes, span.length));
  if (how == AS_BYTES) {
    size_t offset, whole;
    JSValue buffer = JS_GetTypedArrayBuffer(context, array, &offset, &whole, NULL);
    JSValueConst arguments[] = {buffer, JS_NewInt64(context, (int64_t)(offset + span.start)),
                                JS_NewInt64(context, span.length)};
    JSValue view = JS_NewTypedArray(context, COUNT_OF(arguments), arguments, JS_TYPED_ARRAY_UINT8);
    JS_FreeValue(context, buffer);
    return view;
  }
  uint32_t number = 0;
  if (how > sizeof number)
    return JS_ThrowTypeError(context, "%u is not a way to read an attribute", how);
  /* All machines that this is built for are little-endian, which src/netlink/attributes.ts relies on, too. */
  memcpy(&number, bytes, how);
  return JS_NewUint32(context, number);
}

static JSValue host_netlinkAttributes(HOST_ARGUMENTS)
{
  const uint8_t *bytes, *wanted;
  size_t length, wanted_length;
  int64_t start;
  if (!host_bytes(context, argv[0], &bytes, &length) || !host_bytes(context, argv[2], &wanted, &wanted_length) ||
      !host_integer(context, argv[1], "start", 0, (int64_t)length, &start))
    return JS_EXCEPTION;
  struct span spans[256] = {0};
  if (!find_attributes(bytes, (size_t)start, length, spans))
    return JS_UNDEFINED;
  const size_t count = wanted_length / 2;
  for (size_t i = 0; i < count; i++) {
    const struct span span = spans[wanted[2 * i]];
    const unsigned how = wanted[2 * i + 1];
    if (span.start != 0 && how != AS_BYTES && how != AS_TEXT && how != span.length)
      return JS_UNDEFINED;
  }
  JSValue values = JS_NewArray(context);
  for (size_t i = 0; i < count && !JS_IsException(values); i++) {
    const struct span span = spans[wanted[2 * i]];
    JSValue value = span.start == 0 ? JS_UNDEFINED : read_value(context, argv[0], bytes, span, wanted[2 * i + 1]);
    if (JS_IsException(value) || JS_SetPropertyUint32(context, values, (uint32_t)i, value) < 0) {
      JS_FreeValue(context, values);
      values = JS_EXCEPTION;
    }
  }
  return values;
}

const JSCFunctionListEntry host_netlink_functions[] = {
  HOST_FUNCTION(netlinkSocket, 1), HOST_FUNCTION(netlinkEvents, 2),    HOST_FUNCTION(netnsCookie, 1),
  HOST_FUNCTION(netlinkSend, 2),   HOST_FUNCTION(netlinkReceive, 3), HOST_FUNCTION(netlinkAttributes, 3),
};
const int host_netlink_count = COUNT_OF(host_netlink_functions);
