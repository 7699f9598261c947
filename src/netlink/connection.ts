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

/** Exchanges datagrams with the kernel: a socket, or a replacement in a test. */
export interface Transport {
  /** Sends one datagram. */
  send(datagram: Uint8Array): void;
  /** Receives the next datagram, in order of arrival. It can throw, e.g. at a deadline. */
  receive(): Uint8Array;
}

/** The outcome of one request. */
export interface RequestOutcome {
  /** The messages of the answer, without acknowledgements. */
  readonly replies: readonly Message[];
  /** The kernel's errno, e.g. 17; 0 if the request succeeded. */
  readonly errno: number;
  /**
   * The error with its text and offset, `undefined` if the request succeeded. Made on access, because it costs time.
   */
  readonly error: NetlinkError | undefined;
}

/**
 * Maximum number of requests in a datagram: their acknowledgements must fit in the socket's receive buffer (208 KiB).
 */
const BATCH = 64;
/** How often a dump is tried if objects change while the kernel lists them. */
const DUMP_ATTEMPTS = 5;
/** Limits for an answer that is kept, far above the longest real answer: 64 MiB, and a number of datagrams. */
const MAX_BYTES = 1 << 26;
const MAX_DATAGRAMS = 1 << 16;

/** Requests and their answers on one netlink socket. */
export class Connection {
  private sequence = 0;

  constructor(private readonly transport: Transport) {}

  /**
   * Sends requests in one datagram, or in several datagrams if there are more than 64 requests. The kernel continues
   * after a request that failed.
   * @throws {NetlinkError} the error of the first request that failed. All answers are read first, so that none is left
   * on the socket for the next request.
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
   * Sends one request that is answered by one message, and returns this message.
   * @returns `undefined` if the netdev does not exist (ENODEV).
   * @throws {NetlinkError}
   * @throws {MalformedReply} also if the answer contains no message.
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
   * Lists all objects. The request has the kind "list" and is sent alone; it is repeated if objects change during the list.
   * @param keep returns the part of an object to keep, or `undefined`: a whole list can be larger than the memory.
   * @throws {NetlinkError} also with EAGAIN if objects changed during each of five attempts.
   * @throws {MalformedReply}
   */
  dump<T>(request: Request, keep: (message: Message) => T | undefined): readonly T[] {
    for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
      const kept: T[] = [];
      const sent = this.send([request]);
      this.receiveAll(sent, (message) => {
        const value = keep(message);
        if (value !== undefined) kept.push(value);
      });
      const only = sent[0];
      if (only === undefined) continue;
      if (only.errno !== 0) throw only.error;
      if (!only.interrupted) return kept;
    }
    const reason = `the list changed while it was read, ${DUMP_ATTEMPTS} times in a row; try again`;
    throw new NetlinkError(EAGAIN, errnoName(EAGAIN), request.name, request.subject, reason, undefined);
  }

  /**
   * Sends requests as {@link request} does, but returns the outcome of each, and does not throw if a request failed.
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

  private exchangeBatch(requests: readonly Request[]): readonly SentRequest[] {
    const sent = this.send(requests);
    this.receiveAll(sent);
    return sent;
  }

  private send(requests: readonly Request[]): SentRequest[] {
    const first = this.takeSequence(requests.length);
    this.transport.send(encodeRequests(requests, first));
    const sent: SentRequest[] = [];
    for (let i = 0; i < requests.length; i++) sent.push(new SentRequest(requests[i] as Request, first + i));
    return sent;
  }

  /**
   * Receives datagrams until the last request is answered; then the requests before it are done, too.
   * @param keep receives each reply instead of {@link SentRequest}. The number of replies is not limited then, because the
   * kernel ends a dump, and a container determines how long it is. Only datagrams without a reply are counted.
   */
  private receiveAll(sent: readonly SentRequest[], keep?: (message: Message) => void): void {
    const first = sent[0]?.sequence ?? 0;
    let bytes = 0;
    let datagrams = 0;
    while (sent[sent.length - 1]?.done === false) {
      const datagram = this.transport.receive();
      bytes += datagram.length;
      if (++datagrams > MAX_DATAGRAMS || (keep === undefined && bytes > MAX_BYTES))
        throw new MalformedReply("the reply does not end");
      const messages = parseMessages(datagram);
      for (let i = 0; i < messages.length; i++) {
        const message = messages[i] as Message;
        // Events, and late answers to an earlier request that an exception ended, have other sequence numbers.
        const request = sent[message.sequence - first];
        if (request?.done !== false || !request.isReply(message)) continue;
        if (keep === undefined) {
          request.keep(message);
        } else {
          keep(message);
          datagrams = 0;
        }
      }
    }
    for (let i = 0; i < sent.length; i++) {
      const { request, done } = sent[i] as SentRequest;
      if (done || request.kind === "change") continue;
      throw new MalformedReply(`no answer to ${request.name} ${request.subject}`);
    }
  }

  /** Reserves consecutive sequence numbers, and returns the first. They restart at 1, because 0 means an event. */
  private takeSequence(count: number): number {
    const first = this.sequence + count > 0xffffffff ? 1 : this.sequence + 1;
    this.sequence = first + count - 1;
    return first;
  }
}

/** A request that was sent. */
class SentRequest implements RequestOutcome {
  readonly replies: Message[] = [];
  errno = 0;
  private refusal: Message | undefined;
  /** Whether objects changed while the kernel listed them. */
  interrupted = false;
  done = false;

  constructor(
    readonly request: Request,
    readonly sequence: number,
  ) {}

  get error(): NetlinkError | undefined {
    return this.refusal && errorOf(this.refusal, this.request);
  }

  /** Reports whether the message is a reply to keep. If it is an error or an end, records this instead. */
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
