import { type Guid, guidFromBytes } from "./guid.ts";
import { bytesOfPairs, colonPairs } from "./hex.ts";

/** Length of an IPoIB hardware address in bytes: INFINIBAND_ALEN, linux/if_infiniband.h. */
export const HARDWARE_ADDRESS_LENGTH = 20;

/** Where the port GUID begins: after 4 bytes of flags and QPN and 8 of subnet prefix (RFC 4391, section 9.1.1). */
const PORT_GUID_OFFSET = 12;

/** Any hardware address as lower-case pairs with colons, "" for an empty one. */
export function formatHardwareAddress(address: Uint8Array): string {
  return colonPairs(address);
}

/**
 * Reads an IPoIB hardware address: 20 pairs with colons, in any case.
 * @returns 20 bytes in network order; undefined where the text is no such address (an Ethernet one, say).
 */
export function parseHardwareAddress(text: string): Uint8Array | undefined {
  if (!ADDRESS.test(text)) return undefined;
  return bytesOfPairs(text);
}

const ADDRESS = /^(?:[0-9a-f]{2}:){19}[0-9a-f]{2}$/i;

/**
 * The port GUID that an IPoIB hardware address carries (bytes 12 to 19). It is the GUID in effect, and the
 * only part of the address that stays when the queue pair changes.
 * @returns undefined where the address is not 20 bytes long: not an IPoIB netdev.
 */
export function portGuidOf(address: Uint8Array): Guid | undefined {
  if (address.length !== HARDWARE_ADDRESS_LENGTH) return undefined;
  return guidFromBytes(address.subarray(PORT_GUID_OFFSET));
}
