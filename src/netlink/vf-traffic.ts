import type { VfTraffic } from "../node/links.ts";
import {
  attributeDecoder,
  decodeAttributes,
  getBytes,
  parseAttributes,
  type ReceivedAttribute,
  readU64,
  u32At,
} from "./attributes.ts";
import { MalformedReply } from "./errors.ts";

/** Attributes of linux/if_link.h. */
const IFLA_VF_INFO = 1;
const IFLA_VF_LINK_STATE = 5;
const IFLA_VF_STATS = 8;
const IFLA_VF_STATS_RX_PACKETS = 0;
const IFLA_VF_STATS_TX_PACKETS = 1;
const IFLA_VF_STATS_RX_BYTES = 2;
const IFLA_VF_STATS_TX_BYTES = 3;

const ATTRIBUTES = attributeDecoder(getBytes(IFLA_VF_LINK_STATE), getBytes(IFLA_VF_STATS));

/**
 * Reads the traffic of all VFs from the value of an IFLA_VFINFO_LIST. VFs without counters are left out: if the
 * request skips statistics, no VF has counters.
 * @throws {MalformedReply} if the list is malformed.
 */
export function parseVfTraffic(list: Uint8Array | undefined): VfTraffic[] {
  return (list === undefined ? [] : parseAttributes(list)).flatMap(({ type, value }) => {
    if (type !== IFLA_VF_INFO) return [];
    const [linkState, stats] = decodeAttributes(value, 0, ATTRIBUTES);
    if (linkState === undefined || stats === undefined) return [];
    // The link state begins with the VF's index.
    if (linkState.length < 4) throw new MalformedReply(`a VF link state of ${linkState.length} bytes`);
    const counters = parseAttributes(stats);
    return [
      {
        index: u32At(linkState, 0),
        receivedBytes: counter(counters, IFLA_VF_STATS_RX_BYTES),
        receivedPackets: counter(counters, IFLA_VF_STATS_RX_PACKETS),
        transmittedBytes: counter(counters, IFLA_VF_STATS_TX_BYTES),
        transmittedPackets: counter(counters, IFLA_VF_STATS_TX_PACKETS),
      },
    ];
  });
}

/** Returns a counter; 0 if it is missing. Above 2^53 it is not exact. */
function counter(counters: readonly ReceivedAttribute[], wanted: number): number {
  const found = counters.find(({ type }) => type === wanted);
  return found === undefined ? 0 : Number(readU64(found.value));
}
