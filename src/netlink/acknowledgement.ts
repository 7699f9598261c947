import {
  aligned,
  attributeDecoder,
  decodeAttributes,
  getBytes,
  getText,
  s32At,
  u32At,
} from "./attributes.ts";
import { errnoName, errnoText } from "./errno.ts";
import { MalformedReply, NetlinkError } from "./errors.ts";
import {
  MESSAGE_HEADER,
  type Message,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLMSG_ERROR,
  type Request,
} from "./message.ts";

/** The error as text, linux/netlink.h. */
const NLMSGERR_ATTR_MSG = 1;
/** u32: offset of the invalid attribute in the request. */
const NLMSGERR_ATTR_OFFS = 2;

/**
 * Returns the errno in an NLMSG_ERROR or NLMSG_DONE; 0 means success.
 * @throws {MalformedReply} if the message is too short.
 */
export function errnoIn({ payload }: Message): number {
  if (payload.length < 4) throw new MalformedReply(`an acknowledgement of ${payload.length} bytes`);
  // NLMSG_DONE can carry a positive number (a length); only negative ones are errors.
  return Math.max(0, -s32At(payload, 0));
}

/**
 * Returns the error that an NLMSG_ERROR or NLMSG_DONE reports for its request; `undefined` if the request succeeded.
 * @throws {MalformedReply} as {@link errnoIn}.
 */
export function errorOf(message: Message, request: Request): NetlinkError | undefined {
  const errno = errnoIn(message);
  if (errno === 0) return undefined;
  const [text, offset] = extendedAck(message);
  return new NetlinkError(
    errno,
    errnoName(errno),
    request.name,
    request.subject,
    text ?? errnoText(errno),
    offset?.length === 4 ? u32At(offset, 0) : undefined,
  );
}

const EXTENDED_ACK = attributeDecoder(
  () => "an acknowledgement",
  getText({ NLMSGERR_ATTR_MSG }),
  getBytes({ NLMSGERR_ATTR_OFFS }),
);

/** Reads the attributes at the end. Malformed attributes must not hide the errno, so they are ignored. */
function extendedAck(
  message: Message,
): readonly [text?: string | undefined, offset?: Uint8Array | undefined] {
  const { flags, payload } = message;
  if ((flags & NLM_F_ACK_TLVS) === 0) return [];
  let start = 4;
  if (message.type === NLMSG_ERROR) {
    if (payload.length < start + MESSAGE_HEADER) return [];
    // The request follows: its header only, or with its payload.
    const echoed = (flags & NLM_F_CAPPED) !== 0 ? MESSAGE_HEADER : u32At(payload, start);
    start += aligned(Math.min(echoed, payload.length));
    if (start > payload.length) return [];
  }
  try {
    return decodeAttributes(payload, start, EXTENDED_ACK, undefined);
  } catch (error) {
    if (error instanceof MalformedReply) return [];
    throw error;
  }
}
