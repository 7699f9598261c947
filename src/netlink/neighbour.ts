import { requireAddress } from "../ip/address.ts";
import { AF } from "./address.ts";
import { bytesAttribute } from "./attributes.ts";
import { NLM_F_CREATE, type Request } from "./message.ts";

/** Type of linux/rtnetlink.h. */
const RTM_NEWNEIGH = 28;
/** Attribute of linux/neighbour.h: the address. */
const NDA_DST = 1;
/** Flag of linux/neighbour.h: act as if a packet had just been sent to the address. */
const NTF_USE = 0x01;

/**
 * Lets the kernel resolve an address through a netdev, as if a packet had just been sent to it. The kernel asks up to
 * three times, a second apart, until it has an answer.
 * @param text the address, e.g. "10.0.0.5".
 * @throws {RangeError} if the text is not an address.
 */
export function resolveNeighbour(link: number, text: string): Request {
  const address = requireAddress(text);
  // struct ndmsg: u8 family, 3 bytes of padding, s32 index, u16 state, u8 flags, u8 type.
  const header = [AF[address.family], link, NTF_USE << 16];
  return {
    type: RTM_NEWNEIGH,
    kind: "change",
    flags: NLM_F_CREATE,
    header,
    attributes: [bytesAttribute(NDA_DST, address.bytes)],
    name: "RTM_NEWNEIGH",
    subject: `${text} on link ${link}`,
  };
}
