/*
 * Netlink sockets: datagrams from the kernel, and the attributes in them. Everything else of their content is in
 * TypeScript (src/netlink).
 */
#include "host.h"

#include <errno.h>
#include <linux/netlink.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* Since 5.14; the headers of older C libraries lack it (asm-generic/socket.h). */
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

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

/*
 * One call receives many datagrams, because the kernel answers each request of a batch, and lists each RDMA device, in a
 * separate one.
 *
 * A datagram that does not fit is lost. To ask for its length first (MSG_PEEK) would double the number of calls; instead
 * each has more room than the kernel can fill. Most of all it writes for a netdev with VFs: three attributes of it are as
 * long as their content (IFLA_PROP_LIST, which a container fills, IFLA_VFINFO_LIST, IFLA_VF_PORTS), but less than 64 KiB
 * each (nla_len), and all others together take less than 8 KiB. It fills the datagrams of a list up to 32 KiB or up to
 * the longest single object (netlink_dump() of net/netlink/af_netlink.c). An error contains the request.
 */
enum { ROOM = 256 * 1024, MOST_DATAGRAMS = 64 };

/* The places of datagrams in a buffer, for recvmmsg(2). */
struct places {
  struct mmsghdr headers[MOST_DATAGRAMS];
  struct iovec vectors[MOST_DATAGRAMS];
  struct sockaddr_nl senders[MOST_DATAGRAMS];
};

/*
 * Returns the buffer; NULL with errno if memory is short. It is a separate mapping without transparent huge pages. If these
 * are the default, as on Debian, the first bytes of a few datagrams would take several MB, which the kernel would
 * have to clear. In .bss, the first byte of any other variable could have the same effect. A page that no datagram reaches
 * takes no memory.
 */
static uint8_t *buffer_of_datagrams(void)
{
  static uint8_t *buffer;
  if (buffer != NULL)
    return buffer;
  const size_t length = (size_t)MOST_DATAGRAMS * ROOM;
  void *mapping = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED)
    return NULL;
  /* Fails only if the kernel has no huge pages. */
  madvise(mapping, length, MADV_NOHUGEPAGE);
  return buffer = mapping;
}

static void make_places(struct places *places, uint8_t *buffer)
{
  for (unsigned i = 0; i < MOST_DATAGRAMS; i++) {
    places->vectors[i] = (struct iovec){.iov_base = buffer + (size_t)i * ROOM, .iov_len = ROOM};
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
  struct places places;
  int fd;
  double deadline;
  if (!host_fd(context, argv[0], &fd) || !host_deadline(context, argv[1], &deadline))
    return JS_EXCEPTION;
  uint8_t *buffer = buffer_of_datagrams();
  if (buffer == NULL)
    return host_throw_fd(context, errno, "mmap", fd);
  for (;;) {
    make_places(&places, buffer);
    int count = recvmmsg(fd, places.headers, MOST_DATAGRAMS, MSG_DONTWAIT, NULL);
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

/* How to read a value, see host.d.ts. */
enum { AS_BYTES = 0, AS_TEXT = 255 };

/* Returns a value, or undefined if it is missing: then it starts at 0, because a header precedes each value. */
static JSValue read_value(JSContext *context, JSValueConst array, const uint8_t *bytes, size_t start, size_t length,
                          unsigned how)
{
  if (start == 0)
    return JS_UNDEFINED;
  if (how == AS_TEXT)
    return host_new_name_of(context, (const char *)bytes + start, strnlen((const char *)bytes + start, length));
  uint32_t number = 0;
  if (how == AS_BYTES || how > sizeof number) {
    size_t offset, whole;
    JSValue buffer = JS_GetTypedArrayBuffer(context, array, &offset, &whole, NULL);
    JSValueConst arguments[] = {buffer, JS_NewInt64(context, (int64_t)(offset + start)),
                                JS_NewInt64(context, (int64_t)length)};
    JSValue view = JS_NewTypedArray(context, COUNT_OF(arguments), arguments, JS_TYPED_ARRAY_UINT8);
    JS_FreeValue(context, buffer);
    return view;
  }
  /* All machines that this is built for are little-endian, which src/netlink/attributes.ts relies on, too. */
  memcpy(&number, bytes + start, how);
  return JS_NewUint32(context, number);
}

/* Appends a value, unless it is an exception. */
static bool append_value(JSContext *context, JSValue array, uint32_t *count, JSValue value)
{
  return !JS_IsException(value) && JS_SetPropertyUint32(context, array, (*count)++, value) >= 0;
}

static JSValue host_netlinkAttributes(HOST_ARGUMENTS)
{
  const uint8_t *bytes, *wanted = NULL;
  size_t length, wanted_length = 0;
  int64_t first;
  if (!host_bytes(context, argv[0], &bytes, &length) ||
      !host_integer(context, argv[1], "start", 0, (int64_t)length, &first) ||
      (!JS_IsUndefined(argv[2]) && !host_bytes(context, argv[2], &wanted, &wanted_length)))
    return JS_EXCEPTION;
  /* The last attribute of each type. */
  struct { size_t start, length; } spans[256] = {0};
  uint32_t count = 0;
  JSValue values = JS_NewArray(context);
  bool valid = true, done = !JS_IsException(values);
  for (size_t at = (size_t)first; valid && done && at < length;) {
    struct nlattr header = {0};
    if (length - at >= sizeof header)
      memcpy(&header, bytes + at, sizeof header);
    valid = header.nla_len >= sizeof header && header.nla_len <= length - at;
    const size_t start = at + sizeof header, size = header.nla_len - sizeof header;
    const int type = header.nla_type & NLA_TYPE_MASK;
    if (wanted == NULL && valid)
      done = append_value(context, values, &count, JS_NewInt32(context, type)) &&
             append_value(context, values, &count, read_value(context, argv[0], bytes, start, size, AS_BYTES));
    else if (type < (int)COUNT_OF(spans))
      spans[type].start = start, spans[type].length = size;
    at += NLA_ALIGN(header.nla_len);
  }
  for (size_t i = 0; valid && i + 1 < wanted_length; i += 2) {
    const unsigned type = wanted[i], how = wanted[i + 1];
    valid = spans[type].start == 0 || how == AS_BYTES || how == AS_TEXT || how == spans[type].length;
  }
  for (size_t i = 0; valid && done && i + 1 < wanted_length; i += 2) {
    const unsigned type = wanted[i], how = wanted[i + 1];
    done = append_value(context, values, &count,
                        read_value(context, argv[0], bytes, spans[type].start, spans[type].length, how));
  }
  if (valid && done)
    return values;
  JS_FreeValue(context, values);
  return done ? JS_UNDEFINED : JS_EXCEPTION;
}

static const JSCFunctionListEntry functions[] = {
  HOST_FUNCTION(netnsCookie, 1), HOST_FUNCTION(netlinkReceive, 2), HOST_FUNCTION(netlinkAttributes, 3),
};
HOST_PART(netlink);
