import { type Guid, guidFromBytes } from "./guid.ts";
import { bytesOfPairs, colonPairs } from "./hex.ts";

/** Length of an IPoIB hardware address in bytes: INFINIBAND_ALEN, linux/if_infiniband.h. */
export const HARDWARE_ADDRESS_LENGTH = 20;

/** Offset of the port GUID: after 4 bytes of flags and QPN and 8 of subnet prefix (RFC 4391, section 9.1.1). */
const PORT_GUID_OFFSET = 12;

/** Formats any hardware address as lower-case pairs with colons; "" for an empty address. */
export function formatHardwareAddress(address: Uint8Array): string {
  return colonPairs(address);
}

/**
 * Parses an IPoIB hardware address: 20 pairs with colons, in upper or lower case.
 * @returns 20 bytes in network order; `undefined` if the text is another kind of address, e.g. of Ethernet.
 */
export function parseHardwareAddress(text: string): Uint8Array | undefined {
  if (!ADDRESS.test(text)) return undefined;
  return bytesOfPairs(text);
}

const ADDRESS = /^(?:[0-9a-f]{2}:){19}[0-9a-f]{2}$/i;

/**
 * Returns the port GUID in an IPoIB hardware address (bytes 12 to 19). It is the effective GUID, and the only part of
 * the address that stays when the queue pair changes.
 * @returns `undefined` if the address does not have 20 bytes, which means that the netdev is not an IPoIB netdev.
 */
export function portGuidOf(address: Uint8Array): Guid | undefined {
  if (address.length !== HARDWARE_ADDRESS_LENGTH) return undefined;
  return guidFromBytes(address.subarray(PORT_GUID_OFFSET));
}
