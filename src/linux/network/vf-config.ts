import type { Guid } from "../../infiniband/guid.ts";
import type { Request } from "../../netlink/message.ts";
import {
  parseVfInfo,
  setVfLinkState,
  setVfNodeGuid,
  setVfPortGuid,
  type VfLinkState,
} from "../../netlink/vf.ts";
import type { LinkState, VfConfig } from "../../node/links.ts";

/** Returns the settings of a VF in a PF's IFLA_VFINFO_LIST; all are `undefined` if the kernel sent no list. */
export function vfConfigIn(vfs: Uint8Array | undefined, vf: number): VfConfig {
  const { linkState, nodeGuid, portGuid } = parseVfInfo(vfs ?? new Uint8Array(0), vf);
  return {
    linkState: linkState === undefined ? undefined : policyOf(linkState),
    nodeGuid,
    portGuid,
  };
}

/** Returns a request for each setting that is given. The requests do not depend on each other. */
export function vfConfigRequests(pf: number, vf: number, wanted: Partial<VfConfig>): Request[] {
  const { linkState, nodeGuid, portGuid } = wanted;
  const guid = (set: typeof setVfNodeGuid, value: Guid | undefined) =>
    value === undefined ? [] : [set(pf, vf, value)];
  return [
    ...(linkState === undefined ? [] : [setVfLinkState(pf, vf, numberOf(linkState))]),
    ...guid(setVfNodeGuid, nodeGuid),
    ...guid(setVfPortGuid, portGuid),
  ];
}

function policyOf(state: VfLinkState): LinkState {
  if (state === 0) return "auto";
  return state === 1 ? "enable" : "disable";
}

function numberOf(policy: LinkState): VfLinkState {
  if (policy === "auto") return 0;
  return policy === "enable" ? 1 : 2;
}
