import * as host from "host";
import { errnoOf } from "../../node/node.ts";
import type { TestNetns } from "./netns.ts";

/** Constants of linux/socket.h, linux/net.h (SOCK_RAW | SOCK_CLOEXEC) and linux/in6.h. */
const AF_INET6 = 10;
const RAW = 3 | 0o2000000;
const IPPROTO_ICMPV6 = 58;
/** Types of messages, RFC 4443. */
const ECHO_REQUEST = 128;
const ECHO_REPLY = 129;
/** Bytes of the headers of IPv6 and of an echo request. */
const IPV6_HEADER = 40;
const ECHO_HEADER = 8;
const LONGEST_PACKET = 1 << 16;
/** Time limit for one answer, ms. */
const ANSWER_TIME = 1000;
/** Attempts: the first request also makes the kernel ask for the neighbor and, in InfiniBand, for the path to it. */
const ATTEMPTS = 5;
/** Identifies the requests of a socket; each socket has its own namespace. */
const IDENTIFIER = 0x1b;

/** A destination in the namespace of the sender. */
export interface Destination {
  /** The 16 bytes of a link-local address. */
  readonly address: Uint8Array;
  /** Index of the sender's interface. */
  readonly interfaceIndex: number;
}

/**
 * Sends echo requests (ICMPv6) until one is answered. The command sends them itself, because a node need not have a
 * program for that, and the kernel of the destination answers.
 * @param size bytes of the packet with its IPv6 header.
 * @returns the time until the answer, ms.
 * @throws {Error} if no request is answered.
 */
export function ping(from: TestNetns, destination: Destination, size = 104): number {
  const fd = from.within(() => host.socket(AF_INET6, RAW, IPPROTO_ICMPV6));
  try {
    const address = socketAddress(destination);
    for (let sequence = 1; sequence <= ATTEMPTS; sequence++) {
      const begin = host.monotonic();
      host.sendTo(fd, echoRequest(sequence, size), 0, address);
      if (isAnswered(fd, sequence, begin + ANSWER_TIME)) return host.monotonic() - begin;
    }
  } finally {
    host.close(fd);
  }
  throw new Error(
    `no answer to ${ATTEMPTS} echo requests of ${size} bytes within ${ANSWER_TIME / 1000} s each`,
  );
}

/** Returns an echo request. The kernel adds the checksum. */
function echoRequest(sequence: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size - IPV6_HEADER);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, ECHO_REQUEST);
  view.setUint16(4, IDENTIFIER);
  view.setUint16(6, sequence);
  return bytes;
}

/** Waits for the reply to a request; the socket also receives other messages, and replies that came too late. */
function isAnswered(fd: number, sequence: number, deadline: number): boolean {
  try {
    // A message that arrives does not extend the deadline.
    while (host.monotonic() < deadline) {
      host.poll(fd, -1, deadline);
      const bytes = host.read(fd, LONGEST_PACKET);
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      const isReply = bytes.length >= ECHO_HEADER && view.getUint8(0) === ECHO_REPLY;
      if (isReply && view.getUint16(4) === IDENTIFIER && view.getUint16(6) === sequence) return true;
    }
    return false;
  } catch (error) {
    if (errnoOf(error) === "ETIMEDOUT") return false;
    throw error;
  }
}

/** Returns struct sockaddr_in6 of linux/in6.h; the host's byte order is little-endian. */
function socketAddress({ address, interfaceIndex }: Destination): Uint8Array {
  const bytes = new Uint8Array(28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_INET6, true);
  bytes.set(address, 8);
  view.setUint32(24, interfaceIndex, true);
  return bytes;
}
