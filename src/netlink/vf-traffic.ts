import type { VfTraffic } from "../node/links.ts";
import {
  attributeDecoder,
  decodeAttributes,
  getBytes,
  parseAttributes,
  readU64,
  u32At,
  wrongLength,
} from "./attributes.ts";
import { describeVf, type VfList, vfsIn } from "./vf.ts";

/** Attributes of linux/if_link.h. */
const IFLA_VF_LINK_STATE = 5;
const IFLA_VF_STATS = 8;
const IFLA_VF_STATS_RX_PACKETS = 0;
const IFLA_VF_STATS_TX_PACKETS = 1;
const IFLA_VF_STATS_RX_BYTES = 2;
const IFLA_VF_STATS_TX_BYTES = 3;

const ATTRIBUTES = attributeDecoder(
  describeVf,
  getBytes({ IFLA_VF_LINK_STATE }),
  getBytes({ IFLA_VF_STATS }),
);

/**
 * Reads the traffic of all VFs from the netdev of their PF. VFs without counters are left out: if the request skips
 * statistics, no VF has counters.
 * @throws {MalformedReply} if the list is malformed.
 */
export function parseVfTraffic(pf: VfList): VfTraffic[] {
  return vfsIn(pf).flatMap((value) => {
    const [linkState, stats] = decodeAttributes(value, 0, ATTRIBUTES, pf);
    if (linkState === undefined || stats === undefined) return [];
    // The link state begins with the VF's index.
    if (linkState.length < 4)
      throw wrongLength("IFLA_VF_LINK_STATE", describeVf(pf), linkState, "at least 4");
    const index = u32At(linkState, 0);
    const object = describeVf(pf, linkState);
    const counters = parseAttributes(stats, `IFLA_VF_STATS of ${object}`);
    /** Returns a counter; 0 if it is missing. */
    const counter = (name: string, wanted: number) => {
      const found = counters.find(({ type }) => type === wanted);
      return found === undefined ? 0 : readU64(found.value, name, object);
    };
    return [
      {
        index,
        receivedBytes: counter("IFLA_VF_STATS_RX_BYTES", IFLA_VF_STATS_RX_BYTES),
        receivedPackets: counter("IFLA_VF_STATS_RX_PACKETS", IFLA_VF_STATS_RX_PACKETS),
        transmittedBytes: counter("IFLA_VF_STATS_TX_BYTES", IFLA_VF_STATS_TX_BYTES),
        transmittedPackets: counter("IFLA_VF_STATS_TX_PACKETS", IFLA_VF_STATS_TX_PACKETS),
      },
    ];
  });
}
