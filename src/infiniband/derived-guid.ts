import { type Guid, guidFromBytes, guidToBytes } from "./guid.ts";

/** First byte of an EUI-64: set where it is locally administered, and where it names a group (IEEE 802, 8.2). */
const LOCAL = 0x02;
const GROUP = 0x01;
/** Where the VF's number goes: the two bytes between the vendor's part and the device's. */
const MIDDLE = 3;
/** How far the numbers of a VF are apart; no PF has as many VFs. */
const STRIDE = 4096;

/** How many GUIDs there are for a VF to choose from. */
export const DERIVED_GUIDS = 16;

/**
 * A GUID for a VF, made of its PF's port GUID and its index, so that it is always the same for that VF: the port's
 * own, with the bit that says "locally administered", and with index + 1 laid over (xor) its middle two bytes.
 *
 * It is unique over a fabric, however many VFs that has, because the port GUIDs are. Those are EUI-64s, for which a
 * vendor has a prefix of three bytes; all HCAs fill in the MAC address's other three bytes at the end and the same
 * two in the middle (Mellanox and NVIDIA 03:00, the IEEE's own mapping ff:fe). So the six bytes around the middle
 * are already unique to the port, and the middle, which says nothing, has room for 65,535 VFs of each port. (A hash
 * would need luck: of a million VFs two collide with a probability of 1 in 10 million, and nobody could read from a
 * GUID whose it is.) The local bit keeps it apart from the GUIDs that vendors hand out, the number, which is never
 * 0, from the port itself.
 * @param choice 0, or up to {@link DERIVED_GUIDS} - 1 where somebody has taken those before it by hand.
 */
export function derivedGuid(portGuid: Guid, vf: number, choice = 0): Guid {
  const bytes = guidToBytes(portGuid);
  const number = vf + 1 + choice * STRIDE;
  const set = (at: number, change: (byte: number) => number) => {
    bytes[at] = change(bytes[at] ?? 0);
  };
  set(0, (byte) => (byte | LOCAL) & ~GROUP);
  set(MIDDLE, (byte) => byte ^ ((number >> 8) & 0xff));
  set(MIDDLE + 1, (byte) => byte ^ (number & 0xff));
  return guidFromBytes(bytes);
}
