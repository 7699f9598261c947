import { type Guid, guidFromBytes, guidToBytes } from "./guid.ts";

/** Bits of an EUI-64's first byte: locally administered, and group (IEEE 802, 8.2). */
const LOCAL = 0x02;
const GROUP = 0x01;
/** Offset of the VF's number: the two bytes between the vendor's part and the device's part. */
const MIDDLE = 3;
/** Distance between the numbers of one VF. No PF has as many VFs. */
const STRIDE = 4096;

/** Number of GUIDs that can be derived for one VF. */
export const DERIVED_GUIDS = 16;

/**
 * Returns a GUID for a VF that is always the same for that VF, because it is derived from the PF's port GUID and the
 * VF's index: the port GUID with the "locally administered" bit set, and with its middle two bytes XORed with index +
 * 1.
 *
 * The GUID is unique in a fabric, however many VFs the fabric has, because port GUIDs are unique. These are EUI-64s.
 * They begin with three bytes that identify the vendor and end with the other three bytes of the MAC address, and all
 * HCAs have the same two bytes in the middle (Mellanox and NVIDIA 03:00, the IEEE's own mapping ff:fe). So the six
 * bytes around the middle are already unique to the port, and the middle has room for 65,535 VFs of each port. (A hash
 * could collide: of a million VFs, two have the same hash with a probability of 1 in 10 million. And a hash would not
 * show which PF a GUID belongs to.) The local bit distinguishes the GUID from those that vendors assign, and the
 * number, which is never 0, from the port GUID itself.
 * @param choice 0, or up to {@link DERIVED_GUIDS} - 1 if the GUIDs before it are taken, for example by hand.
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
