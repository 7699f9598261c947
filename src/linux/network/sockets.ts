import * as host from "host";
import { closeOnError } from "../close-on-error.ts";

/** Constants of linux/socket.h, and SOCK_RAW | SOCK_CLOEXEC and SOCK_NONBLOCK of linux/net.h. */
const AF_NETLINK = 16;
const RAW = 3 | 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const SOL_NETLINK = 270;
/** Options and a protocol of linux/netlink.h. */
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
export const NETLINK_ROUTE = 0;
/** The errno of an option that the kernel is too old for: EXT_ACK needs 4.12, STRICT_CHK 4.20. */
const UNKNOWN_OPTION = ["ENOPROTOOPT"];

/** Opens a socket for requests of a protocol, e.g. 20 for NETLINK_RDMA. */
export function netlinkSocket(protocol: number): number {
  return closeOnError(open(protocol), (fd) => {
    host.setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1, UNKNOWN_OPTION);
    if (protocol === NETLINK_ROUTE)
      host.setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1, UNKNOWN_OPTION);
    return fd;
  });
}

/**
 * Opens a socket that receives the events of multicast groups, one bit each (RTMGRP_LINK is 1; the bit of group N of
 * linux/rtnetlink.h is N - 1). It sends no requests, so it needs no options. It joins the groups in bind(2), without
 * another system call.
 *
 * (A socket that was never bound would not get the kernel's notifications: its port is 0, the kernel sends them on
 * behalf of port 0, and never back to the port on whose behalf it sends.)
 * @param isNonBlocking reads fail with EAGAIN instead of waiting for an event.
 */
export function netlinkEvents(protocol: number, groups: number, { isNonBlocking = false } = {}): number {
  // struct sockaddr_nl: family, port 0, groups.
  const address = new Uint8Array(Uint32Array.of(AF_NETLINK, 0, groups).buffer);
  return closeOnError(open(protocol, isNonBlocking ? SOCK_NONBLOCK : 0), (fd) => {
    host.bind(fd, address);
    return fd;
  });
}

function open(protocol: number, flags = 0): number {
  return host.socket(AF_NETLINK, RAW | flags, protocol, "AF_NETLINK");
}
