import { type Guid, guidFromBytes, guidToBytes } from "../infiniband/guid.ts";
import type { Connection } from "../netlink/connection.ts";
import { getLinkByIndex, parseLink } from "../netlink/link.ts";
import type { Request } from "../netlink/message.ts";
import {
  parseVfInfo,
  setVfLinkState,
  setVfNodeGuid,
  setVfPortGuid,
  type VfLinkState,
} from "../netlink/vf.ts";
import type { LinkState, VfConfig } from "../node/links.ts";
import { errnoOf } from "../node/node.ts";

/** What a PF, by the index of its netdev, says of a VF. A reply that is too long to be sent says nothing. */
export function readVfConfig(rtnetlink: Connection, pf: number, vf: number): VfConfig {
  const { linkState, nodeGuid, portGuid } = parseVfInfo(vfList(rtnetlink, pf), vf);
  return {
    linkState: linkState === undefined ? undefined : policyOf(linkState),
    nodeGuid: nodeGuid === undefined ? undefined : guidFromBytes(nodeGuid),
    portGuid: portGuid === undefined ? undefined : guidFromBytes(portGuid),
  };
}

/** The requests that set what is given, in an order in which each stands for itself. */
export function vfConfigRequests(pf: number, vf: number, wanted: Partial<VfConfig>): Request[] {
  const { linkState, nodeGuid, portGuid } = wanted;
  const guid = (set: typeof setVfNodeGuid, value: Guid | undefined) =>
    value === undefined ? [] : [set(pf, vf, guidToBytes(value))];
  return [
    ...(linkState === undefined ? [] : [setVfLinkState(pf, vf, numberOf(linkState))]),
    ...guid(setVfNodeGuid, nodeGuid),
    ...guid(setVfPortGuid, portGuid),
  ];
}

/** IFLA_VFINFO_LIST of a PF; empty where the kernel cannot send it (EMSGSIZE, with many VFs). */
function vfList(rtnetlink: Connection, pf: number): Uint8Array {
  try {
    return parseLink(rtnetlink.get(getLinkByIndex(pf, true))).vfs ?? new Uint8Array(0);
  } catch (error) {
    if (errnoOf(error) === "EMSGSIZE") return new Uint8Array(0);
    throw error;
  }
}

function policyOf(state: VfLinkState): LinkState {
  if (state === 0) return "auto";
  return state === 1 ? "enable" : "disable";
}

function numberOf(policy: LinkState): VfLinkState {
  if (policy === "auto") return 0;
  return policy === "enable" ? 1 : 2;
}
