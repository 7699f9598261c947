import * as host from "host";
import { closeOnError } from "../../linux/close-on-error.ts";
import { type HttpRefusal, type HttpRequest, LONGEST_HEAD, parseRequest } from "./http-request.ts";
import { encodeResponse, type HttpResponse, plainText } from "./http-response.ts";
import type { ListenAddress } from "./listen-address.ts";

/** Constants of linux/net.h, linux/in.h, asm-generic/socket.h, linux/socket.h and linux/eventpoll.h. */
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
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
/** The errors of a connection that its client ended. */
const ENDED = ["ECONNRESET", "EPIPE", "ENOTCONN", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH"];
/** The errors of accept(2) if no connection is left, if its client has ended it, or if descriptors are exhausted. */
const NOT_ACCEPTED = ["EAGAIN", "ECONNABORTED", "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EPERM", "EPROTO"];

/** A connection: it reads one request, writes one answer, and waits until the client has read it. */
interface Connection {
  readonly deadline: number;
  /** The bytes of the request so far, one character each. */
  head: string;
  /** The rest of the answer; `undefined` until the request is complete. */
  left: Uint8Array | undefined;
}

/** Returns the answer to a request. */
export type HttpHandler = (request: HttpRequest) => HttpResponse;

/** A server for plain HTTP/1.1 whose requests, connections and times are bounded. One process serves all connections. */
export class HttpServer {
  /** Can be read when {@link serve} has something to do. */
  readonly epoll: number;
  private readonly listening: number;
  /** By descriptor, the oldest first. */
  private readonly connections = new Map<number, Connection>();

  /** @throws {HostError} e.g. EADDRINUSE. */
  constructor({ family, bytes }: ListenAddress) {
    const type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    this.listening = closeOnError(host.socket(family, type, 0), (fd) => {
      // A new agent can listen while connections to the previous one are ending.
      host.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, 1);
      host.bind(fd, bytes);
      host.listen(fd, BACKLOG);
      return fd;
    });
    this.epoll = host.epollCreate(EPOLL_CLOEXEC);
    this.watch(EPOLL_CTL_ADD, this.listening, EPOLLIN);
  }

  /** Returns when the next connection must end, on the monotonic clock, ms; Infinity without connections. */
  nextDeadline(): number {
    for (const { deadline } of this.connections.values()) return deadline;
    return Number.POSITIVE_INFINITY;
  }

  /** Serves all connections as far as possible without waiting. */
  serve(handle: HttpHandler): void {
    const now = host.monotonic();
    this.acceptAll(now);
    for (const [fd, connection] of this.connections) {
      if (connection.deadline <= now || !this.advance(fd, connection, handle)) this.end(fd);
    }
  }

  private acceptAll(now: number): void {
    // Not more at once than there is room for, so that a flood of connections does not stop the others.
    for (let accepted = 0; accepted < MOST_CONNECTIONS; accepted++) {
      const fd = host.accept(this.listening, SOCK_NONBLOCK | SOCK_CLOEXEC, NOT_ACCEPTED);
      if (fd === undefined) return;
      const [oldest] = this.connections.keys();
      if (oldest !== undefined && this.connections.size >= MOST_CONNECTIONS) this.end(oldest);
      this.connections.set(fd, { deadline: now + LONGEST_CONNECTION, head: "", left: undefined });
      this.watch(EPOLL_CTL_ADD, fd, EPOLLIN);
    }
  }

  /** Returns whether the connection continues. */
  private advance(fd: number, connection: Connection, handle: HttpHandler): boolean {
    try {
      if (connection.left === undefined && !this.read(fd, connection, handle)) return false;
      return connection.left === undefined || this.write(fd, connection);
    } catch (error) {
      if (ENDED.includes((error as host.HostError).code)) return false;
      throw error;
    }
  }

  /** Reads a part of the request. Returns false if the client has ended the connection. */
  private read(fd: number, connection: Connection, handle: HttpHandler): boolean {
    const bytes = host.read(fd, LONGEST_HEAD, ["EAGAIN"]);
    if (bytes === undefined) return true;
    if (bytes.length === 0) return false;
    connection.head += String.fromCharCode(...bytes);
    const request = parseRequest(connection.head);
    if (request === undefined) return true;
    connection.left = encodeResponse(
      isRefusal(request) ? refusal(request) : handle(request),
      host.utf8Encode,
    );
    this.watch(EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLOUT);
    return true;
  }

  /** Writes a part of the answer. Returns false when the client has it. */
  private write(fd: number, connection: Connection): boolean {
    const left = connection.left ?? new Uint8Array();
    if (left.length > 0) {
      const written = this.writeSome(fd, left);
      connection.left = left.subarray(written);
      if (connection.left.length > 0) return true;
      // To close the connection while data of the client are unread would discard the answer (RST).
      host.shutdown(fd, SHUT_WR, ENDED);
      this.watch(EPOLL_CTL_MOD, fd, EPOLLIN);
    }
    const bytes = host.read(fd, LONGEST_HEAD, ["EAGAIN"]);
    return bytes === undefined || bytes.length > 0;
  }

  /** Returns how many bytes were written. */
  private writeSome(fd: number, bytes: Uint8Array): number {
    try {
      return host.write(fd, bytes) ?? bytes.length;
    } catch (error) {
      if ((error as host.HostError).code === "EAGAIN") return 0;
      throw error;
    }
  }

  private end(fd: number): void {
    this.connections.delete(fd);
    host.close(fd);
  }

  private watch(operation: number, fd: number, events: number): void {
    // struct epoll_event has 16 bytes, 12 on x86-64; its data are not used.
    const event = new Uint8Array(16);
    event[0] = events;
    host.epollControl(this.epoll, operation, fd, event);
  }
}

function isRefusal(request: HttpRequest | HttpRefusal): request is HttpRefusal {
  return "status" in request;
}

function refusal({ status, reason }: HttpRefusal): HttpResponse {
  return plainText(status, reason);
}
