import * as host from "host";
import { closeOnError } from "../../linux/close-on-error.ts";
import { errnoOf } from "../../node/node.ts";
import {
  type HttpRefusal,
  type HttpRequest,
  LONGEST_HEAD,
  parseRequest,
  withoutEmptyLines,
} from "./http-request.ts";
import { encodeResponse, type HttpResponse, plainText } from "./http-response.ts";
import type { ListenAddress } from "./listen-address.ts";

/**
 * Constants of linux/net.h, linux/in.h, linux/in6.h, asm-generic/socket.h, linux/socket.h and linux/eventpoll.h.
 */
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const AF_INET6 = 10;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const SHUT_WR = 1;
const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_MOD = 3;
const EPOLLIN = 1;
const EPOLLOUT = 4;

/** The most connections at a time. The oldest is closed for a new one. */
const MOST_CONNECTIONS = 64;
/** How long a connection may take, from its beginning to the end of its answer, ms. */
const LONGEST_CONNECTION = 10_000;
/** Connections that wait until they are accepted. */
const BACKLOG = 128;
/**
 * The least time from one look at the connections to the next, ms. Clients that send byte by byte, or connect without
 * end, take a few percent of a processor instead of all of it.
 */
const REST = 10;
/** The most bytes that one connection gets at a look, so that many long answers do not delay a short one. */
const LONGEST_WRITE = 1 << 18;
/** The errors of a connection that its client or the network ended. */
const ENDED = ["ECONNRESET", "EPIPE", "ENOTCONN", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH", "ENETDOWN"];
/**
 * The errors of accept(2) if no connection is left, if its client or the network has ended it, or if descriptors or memory
 * are exhausted.
 */
const NOT_ACCEPTED = [
  "EAGAIN",
  "ECONNABORTED",
  "EMFILE",
  "ENFILE",
  "ENOBUFS",
  "ENOMEM",
  "EPERM",
  "EPROTO",
].concat(...["ENETDOWN", "ENOPROTOOPT", "EHOSTDOWN", "ENONET", "EHOSTUNREACH", "EOPNOTSUPP", "ENETUNREACH"]);

/** A connection: it reads one request, writes one answer, and waits until the client has read it. */
interface Connection {
  /** When it was accepted, on the monotonic clock, ms. */
  readonly accepted: number;
  /** The bytes of the request so far, one character each. */
  head: string;
  /** The request if its answer is not known yet. */
  waiting: HttpRequest | undefined;
  /** The rest of the answer; `undefined` until it is known. */
  left: Uint8Array[] | undefined;
}

/**
 * Returns the answer to a request, or `undefined` if it is not known yet: then the request comes again. This must end well
 * before the connection does.
 * @param accepted when the client's connection was accepted, on the monotonic clock, ms.
 */
export type HttpHandler = (request: HttpRequest, accepted: number) => HttpResponse | undefined;

/** A server for plain HTTP/1.1 whose requests, connections and times are bounded. One process serves all connections. */
export class HttpServer {
  private readonly epoll: number;
  private readonly listening: number;
  /** By descriptor, the oldest first. */
  private readonly connections = new Map<number, Connection>();
  /** Until when {@link serve} does nothing, on the monotonic clock, ms. */
  private rest = 0;

  /** @throws {HostError} e.g. EADDRINUSE. */
  constructor(address: ListenAddress) {
    this.listening = listenAt(address);
    this.epoll = host.epollCreate(EPOLL_CLOEXEC);
    this.control(EPOLL_CTL_ADD, this.listening, EPOLLIN);
  }

  /** Makes waits for the server end if another descriptor can be read. The kernel forgets it when it is closed. */
  watch(fd: number): void {
    this.control(EPOLL_CTL_ADD, fd, EPOLLIN);
  }

  /** Returns the descriptor that can be read when {@link serve} has something to do; -1 until {@link nextDeadline}. */
  descriptor(): number {
    return host.monotonic() < this.rest ? -1 : this.epoll;
  }

  /** Returns when {@link serve} must be called, on the monotonic clock, ms; Infinity without connections. */
  nextDeadline(): number {
    if (host.monotonic() < this.rest) return this.rest;
    for (const { accepted } of this.connections.values()) return accepted + LONGEST_CONNECTION;
    return Number.POSITIVE_INFINITY;
  }

  /** Serves all connections as far as possible without waiting. */
  serve(handle: HttpHandler): void {
    const now = host.monotonic();
    if (now < this.rest || !this.hasWork(now)) return;
    this.acceptAll(now);
    for (const [fd, connection] of this.connections) {
      const isLate = now >= connection.accepted + LONGEST_CONNECTION;
      if (isLate || !this.advance(fd, connection, handle)) this.end(fd);
    }
    this.rest = host.monotonic() + REST;
  }

  /** Reports whether a client has done something, an answer may be known now, or a connection is late. */
  private hasWork(now: number): boolean {
    for (const { accepted, waiting } of this.connections.values())
      if (waiting !== undefined || now >= accepted + LONGEST_CONNECTION) return true;
    return host.poll(this.epoll, -1, Number.NEGATIVE_INFINITY) !== 0;
  }

  private acceptAll(now: number): void {
    // A flood of connections must not stop the others.
    for (let accepted = 0; accepted < BACKLOG; accepted++) {
      const fd = host.accept(this.listening, SOCK_NONBLOCK | SOCK_CLOEXEC, NOT_ACCEPTED);
      if (fd === undefined) return;
      const [oldest] = this.connections.keys();
      if (oldest !== undefined && this.connections.size >= MOST_CONNECTIONS) this.end(oldest);
      this.connections.set(fd, { accepted: now, head: "", waiting: undefined, left: undefined });
      this.control(EPOLL_CTL_ADD, fd, EPOLLIN);
    }
  }

  /** Returns whether the connection continues. */
  private advance(fd: number, connection: Connection, handle: HttpHandler): boolean {
    try {
      const { waiting } = connection;
      if (waiting !== undefined) this.answer(fd, connection, waiting, handle);
      else if (connection.left === undefined && !this.read(fd, connection, handle)) return false;
      return connection.left === undefined || this.write(fd, connection.left);
    } catch (error) {
      if (ENDED.includes(errnoOf(error) ?? "")) return false;
      throw error;
    }
  }

  /** Reads a part of the request. Returns false if the client has ended the connection. */
  private read(fd: number, connection: Connection, handle: HttpHandler): boolean {
    const bytes = host.read(fd, LONGEST_HEAD, ["EAGAIN"]);
    if (bytes === undefined) return true;
    if (bytes.length === 0) return false;
    // The end of the head can have begun in the part before. Only with it, or if it does not come, all is parsed.
    const begin = Math.max(0, connection.head.length - 3);
    connection.head += String.fromCharCode(...bytes);
    if (connection.head.length <= LONGEST_HEAD && !END.test(connection.head.slice(begin))) return true;
    const request = parseRequest(connection.head);
    if (request === undefined) connection.head = withoutEmptyLines(connection.head);
    else this.answer(fd, connection, request, handle);
    return true;
  }

  /** Begins the answer to a request if it is known. */
  private answer(
    fd: number,
    connection: Connection,
    request: HttpRequest | HttpRefusal,
    handle: HttpHandler,
  ): void {
    const response = isRefusal(request) ? refusal(request) : handle(request, connection.accepted);
    connection.waiting = response === undefined && !isRefusal(request) ? request : undefined;
    connection.left = response && encodeResponse(response, { hasBody: request.method !== "HEAD" });
    // Without EPOLLIN: further bytes of the client, or its half-closed connection, would end each wait at once.
    this.control(EPOLL_CTL_MOD, fd, response === undefined ? 0 : EPOLLOUT);
  }

  /** Writes a part of the answer. Returns false when the client has it. */
  private write(fd: number, left: Uint8Array[]): boolean {
    for (let part = left[0]; part !== undefined; part = left[0]) {
      const written = this.writeSome(fd, part.subarray(0, LONGEST_WRITE));
      if (written < part.length) {
        left[0] = part.subarray(written);
        return true;
      }
      left.shift();
      if (left.length > 0) continue;
      // To close the connection while data of the client are unread would discard the answer (RST).
      host.shutdown(fd, SHUT_WR, ENDED);
      this.control(EPOLL_CTL_MOD, fd, EPOLLIN);
    }
    const bytes = host.read(fd, LONGEST_HEAD, ["EAGAIN"]);
    return bytes === undefined || bytes.length > 0;
  }

  /** Returns how many bytes were written. */
  private writeSome(fd: number, bytes: Uint8Array): number {
    try {
      return host.write(fd, bytes) ?? bytes.length;
    } catch (error) {
      if (errnoOf(error) === "EAGAIN") return 0;
      throw error;
    }
  }

  private end(fd: number): void {
    this.connections.delete(fd);
    host.close(fd);
  }

  private control(operation: number, fd: number, events: number): void {
    // struct epoll_event has 16 bytes, 12 on x86-64; its data are not used.
    const event = new Uint8Array(16);
    event[0] = events;
    host.epollControl(this.epoll, operation, fd, event);
  }
}

/** The end of the head of a request. */
const END = /\n\r?\n/;

/** Returns a socket that listens at an address. */
function listenAt(address: ListenAddress): number {
  const type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  try {
    return closeOnError(host.socket(address.family, type, 0), (fd) => {
      // A new agent can listen while connections to the previous one are ending.
      host.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, 1);
      // Otherwise it depends on net.ipv6.bindv6only whether all addresses are those of IPv4, too.
      if (address.family === AF_INET6) host.setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
      host.bind(fd, address.bytes);
      host.listen(fd, BACKLOG);
      return fd;
    });
  } catch (error) {
    // A kernel that was started with ipv6.disable=1.
    if (errnoOf(error) !== "EAFNOSUPPORT" || address.withoutIpv6 === undefined) throw error;
    return listenAt(address.withoutIpv6);
  }
}

function isRefusal(request: HttpRequest | HttpRefusal): request is HttpRefusal {
  return "status" in request;
}

function refusal({ status, reason }: HttpRefusal): HttpResponse {
  return plainText(status, reason);
}
