import { type Attribute, aligned, encodedLength, packU32, s32At, u32At } from "./attributes.ts";
import { MalformedReply } from "./errors.ts";

/** NLM_F_REQUEST of linux/netlink.h: the message is a request. {@link encodeRequests} sets it. */
const NLM_F_REQUEST = 0x01;
/** The message is part of a series, which NLMSG_DONE ends. */
export const NLM_F_MULTI = 0x02;
/** Answer with an NLMSG_ERROR of 0 when the request is done. */
const NLM_F_ACK = 0x04;
/** A dump that is not consistent, because objects changed while the kernel listed them. */
export const NLM_F_DUMP_INTR = 0x10;
/** NLM_F_ROOT | NLM_F_MATCH: list all objects. */
const NLM_F_DUMP = 0x300;
/** An NLMSG_ERROR without the payload of the request that it answers. */
export const NLM_F_CAPPED = 0x100;
/** An NLMSG_ERROR or NLMSG_DONE with attributes (extended ACK) at its end. */
export const NLM_F_ACK_TLVS = 0x200;
/** Fail if the object exists (in requests that create an object). */
export const NLM_F_EXCL = 0x200;
/** Create the object if it does not exist. */
export const NLM_F_CREATE = 0x400;
/** Add to the objects that exist. */
export const NLM_F_APPEND = 0x800;

/** A message without meaning. */
export const NLMSG_NOOP = 1;
/** An error, or an acknowledgement (errno 0). */
export const NLMSG_ERROR = 2;
/** The end of several messages. */
export const NLMSG_DONE = 3;
/** Data were lost. */
export const NLMSG_OVERRUN = 4;

/** Length of struct nlmsghdr: u32 length, u16 type, u16 flags, u32 sequence, u32 port. */
export const MESSAGE_HEADER = 16;

/** A message from the kernel. */
export interface Message {
  readonly type: number;
  readonly flags: number;
  /** Sequence number of the request that it answers, 0 for an event. */
  readonly sequence: number;
  /** The bytes after the header, without padding. A view of the datagram. */
  readonly payload: Uint8Array;
}

/** A message to the kernel. */
export interface Request {
  readonly type: number;
  /** The kind of answer: "get": one message; "change": success or error only; "list": a series of messages. */
  readonly kind: "get" | "change" | "list";
  /** NLM_F_CREATE, NLM_F_EXCL and NLM_F_APPEND, as the request needs them; 0 for none. The connection adds all other flags. */
  readonly flags: number;
  /** The struct that begins the payload, e.g. struct ifinfomsg, as words of 32 bits in host order. */
  readonly header: readonly number[];
  readonly attributes: readonly Attribute[];
  /** For errors: the name of the type, e.g. "RTM_NEWADDR". */
  readonly name: string;
  /** For errors: the object of the request, e.g. "10.0.0.5/24 on link 3". */
  readonly subject: string;
}

/**
 * Encodes requests as one datagram, numbered from `sequence` on. Only the last request asks for an acknowledgement. The
 * kernel sends errors in any case, and executes requests in order, so when it answers the last, the others are done.
 */
export function encodeRequests(requests: readonly Request[], sequence: number): Uint8Array {
  let words: number[] = [];
  for (let i = 0; i < requests.length; i++) {
    const request = requests[i] as Request;
    const { header, attributes } = request;
    const flags = NLM_F_REQUEST | request.flags | answerFlags(request, i === requests.length - 1);
    const length = MESSAGE_HEADER + 4 * header.length + encodedLength(attributes);
    // The port is 0, because the kernel knows the sender.
    words = words.concat([length, request.type | (flags << 16), sequence + i, 0], header, ...attributes);
  }
  return packU32(words);
}

function answerFlags({ kind }: Request, acknowledge: boolean): number {
  if (kind === "list") return NLM_F_DUMP;
  return kind === "change" && acknowledge ? NLM_F_ACK : 0;
}

/**
 * Returns the messages of one datagram.
 * @throws {MalformedReply} if the datagram is empty or a length does not fit.
 */
export function parseMessages(datagram: Uint8Array): Message[] {
  if (datagram.length === 0) throw new MalformedReply("an empty datagram");
  const messages: Message[] = [];
  let at = 0;
  while (at < datagram.length) {
    const left = datagram.length - at;
    const length = left < MESSAGE_HEADER ? left : u32At(datagram, at);
    if (length < MESSAGE_HEADER || length > left) {
      throw new MalformedReply(`a message of ${length} bytes, but ${left} bytes are left`);
    }
    const word = s32At(datagram, at + 4);
    messages.push({
      type: word & 0xffff,
      flags: word >>> 16,
      sequence: u32At(datagram, at + 8),
      payload: datagram.subarray(at + MESSAGE_HEADER, at + length),
    });
    at += aligned(length);
  }
  return messages;
}
