import { errnoIn, errorOf } from "./acknowledgement.ts";
import { EAGAIN, ENODEV, errnoName } from "./errno.ts";
import { MalformedReply, NetlinkError } from "./errors.ts";
import {
  encodeRequests,
  type Message,
  NLM_F_DUMP_INTR,
  NLM_F_MULTI,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_NOOP,
  NLMSG_OVERRUN,
  parseMessages,
  type Request,
} from "./message.ts";

/** Carries datagrams to the kernel and back: a socket, or its double in a test. */
export interface Transport {
  /**
   * Sends one datagram.
   * @param isList the answer is a list of objects, in many datagrams.
   */
  send(datagram: Uint8Array, isList: boolean): void;
  /** Receives one datagram, in the order in which they came. It can throw, e.g. at a deadline. */
  receive(): Uint8Array;
}

/** How one request ended. */
export interface RequestOutcome {
  /** Messages that came in answer, without acknowledgements. */
  readonly replies: readonly Message[];
  /** The kernel's errno, e.g. 17; 0 where it did what it was asked for. */
  readonly errno: number;
  /** The same with all that is known of it. Made when it is asked for: an error that is expected need not be. */
  readonly error: NetlinkError | undefined;
}

/** Requests in one datagram: their acknowledgements must fit in the socket's receive buffer (208 KiB). */
const BATCH = 64;
/** How often a dump is tried while things change under it. */
const DUMP_ATTEMPTS = 5;
/** More than any answer that is kept has: 64 MiB in bytes, and a number of datagrams. */
const MAX_BYTES = 1 << 26;
const MAX_DATAGRAMS = 1 << 16;

/** Requests and their answers on one netlink socket. No policy: send, receive, check. */
export class Connection {
  private sequence = 0;

  constructor(private readonly transport: Transport) {}

  /**
   * Sends requests in one datagram (in several where there are more than 64). The kernel goes on after one that failed.
   * @throws {NetlinkError} the first request's that failed, once all answers are read, so that the socket
   * stays in step.
   * @throws {MalformedReply}
   */
  request(requests: readonly Request[]): void {
    const outcomes = this.exchange(requests);
    for (let i = 0; i < outcomes.length; i++) {
      const outcome = outcomes[i] as RequestOutcome;
      if (outcome.errno !== 0) throw outcome.error;
    }
  }

  /**
   * Like {@link request} for one request that is answered by one message.
   * @returns undefined where there is no such netdev (ENODEV).
   * @throws {NetlinkError}
   * @throws {MalformedReply} also where there is no reply.
   */
  get(request: Request): Message | undefined {
    const outcome = this.exchange([request])[0];
    if (outcome?.errno === ENODEV) return undefined;
    const error = outcome?.error;
    if (error !== undefined) throw error;
    const reply = outcome?.replies[0];
    if (reply === undefined) throw new MalformedReply(`no answer to ${request.name} ${request.subject}`);
    return reply;
  }

  /**
   * Lists all objects (a request of kind "list", which is sent alone); again where they changed in the middle.
   * @param keep returns what is kept of an object, undefined for nothing: a list can be longer than memory.
   * @throws {NetlinkError} also with EAGAIN where they changed each of five times.
   * @throws {MalformedReply}
   */
  dump<T>(request: Request, keep: (message: Message) => T | undefined): readonly T[] {
    for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
      const kept: T[] = [];
      const pending = this.send([request]);
      this.receiveAll(pending, (message) => {
        const one = keep(message);
        if (one !== undefined) kept.push(one);
      });
      const only = pending[0];
      if (only === undefined) continue;
      if (only.errno !== 0) throw only.error;
      if (!only.interrupted) return kept;
    }
    const reason = `changed while it was read, ${DUMP_ATTEMPTS} times running; try again`;
    throw new NetlinkError(EAGAIN, errnoName(EAGAIN), request.name, request.subject, reason, undefined);
  }

  /**
   * Like {@link request}, but the replies to each are returned, and what failed is for the caller to see to.
   * @throws {MalformedReply}
   */
  exchange(requests: readonly Request[]): readonly RequestOutcome[] {
    if (requests.length > 0 && requests.length <= BATCH) return this.exchangeBatch(requests);
    const outcomes: RequestOutcome[] = [];
    for (let at = 0; at < requests.length; at += BATCH) {
      outcomes.push(...this.exchangeBatch(requests.slice(at, at + BATCH)));
    }
    return outcomes;
  }

  private exchangeBatch(requests: readonly Request[]): readonly Pending[] {
    const pending = this.send(requests);
    this.receiveAll(pending);
    return pending;
  }

  private send(requests: readonly Request[]): Pending[] {
    const first = this.takeSequence(requests.length);
    this.transport.send(encodeRequests(requests, first), requests[0]?.kind === "list");
    const pending: Pending[] = [];
    for (let i = 0; i < requests.length; i++) pending.push(new Pending(requests[i] as Request, first + i));
    return pending;
  }

  /**
   * Reads until the last one is answered. What went before it is done then.
   * @param keep takes the replies, which are not kept otherwise. Then there is no limit to them: the kernel ends a dump,
   * and a container decides how long it is.
   */
  private receiveAll(pending: readonly Pending[], keep?: (message: Message) => void): void {
    const first = pending[0]?.sequence ?? 0;
    let bytes = 0;
    let datagrams = 0;
    while (pending[pending.length - 1]?.done === false) {
      const datagram = this.transport.receive();
      bytes += datagram.length;
      if (keep === undefined && (bytes > MAX_BYTES || ++datagrams > MAX_DATAGRAMS))
        throw new MalformedReply("it does not end");
      const messages = parseMessages(datagram);
      for (let i = 0; i < messages.length; i++) {
        const message = messages[i] as Message;
        // Answers to a request that an exception cut short, and events, are not ours.
        const one = pending[message.sequence - first];
        if (one?.done === false && one.isReply(message))
          keep === undefined ? one.keep(message) : keep(message);
      }
    }
    for (let i = 0; i < pending.length; i++) {
      const { request, done } = pending[i] as Pending;
      if (done || request.kind === "change") continue;
      throw new MalformedReply(`no answer to ${request.name} ${request.subject}`);
    }
  }

  /** Numbers for some requests, one after another: from 1 on, since 0 means an event, and again from there. */
  private takeSequence(count: number): number {
    const first = this.sequence + count > 0xffffffff ? 1 : this.sequence + 1;
    this.sequence = first + count - 1;
    return first;
  }
}

/** A request that was sent. */
class Pending implements RequestOutcome {
  readonly replies: Message[] = [];
  errno = 0;
  private refusal: Message | undefined;
  /** Was something changed while it was listed? */
  interrupted = false;
  done = false;

  constructor(
    readonly request: Request,
    readonly sequence: number,
  ) {}

  get error(): NetlinkError | undefined {
    return this.refusal && errorOf(this.refusal, this.request);
  }

  /** Reports whether the message is one of the replies; an error or an end is noted. */
  isReply(message: Message): boolean {
    const { type, flags } = message;
    if ((flags & NLM_F_DUMP_INTR) !== 0) this.interrupted = true;
    if (type === NLMSG_NOOP) return false;
    if (type === NLMSG_OVERRUN) throw new MalformedReply("data were lost (NLMSG_OVERRUN)");
    if (type === NLMSG_ERROR || type === NLMSG_DONE) {
      this.errno = errnoIn(message);
      if (this.errno !== 0) this.refusal = message;
      this.done = true;
      return false;
    }
    if (this.request.kind === "get" && (flags & NLM_F_MULTI) === 0) this.done = true;
    return true;
  }

  keep(message: Message): void {
    this.replies.push(message);
  }
}
