import { type Guid, guidFromNumber, guidToWords } from "../infiniband/guid.ts";
import type { LinkState, VfConfig, VfGuids } from "../node/links.ts";
import {
  type Attribute,
  attributeDecoder,
  decodeAttributes,
  getBytes,
  nestedAttribute,
  parseAttributes,
  u32At,
  wordsAttribute,
} from "./attributes.ts";
import type { ReceivedLink } from "./link.ts";
import { setVf } from "./link-changes.ts";
import type { Request } from "./message.ts";

/** Attributes of linux/if_link.h. */
const IFLA_VF_INFO = 1;
const IFLA_VF_LINK_STATE = 5;
const IFLA_VF_IB_NODE_GUID = 10;
const IFLA_VF_IB_PORT_GUID = 11;

/** Length of struct ifla_vf_link_state: u32 VF, u32 state. */
const LINK_STATE = 8;
/** Length of struct ifla_vf_guid on machines that align u64 to 8 bytes: u32 VF, 4 bytes of padding, u64 GUID. */
const GUID = 16;

/** The link policies by the kernel's numbers, IFLA_VF_LINK_STATE_*. */
const POLICIES: readonly LinkState[] = ["auto", "enable", "disable"];

const VF_ATTRIBUTES = attributeDecoder(
  describeVf,
  getBytes({ IFLA_VF_LINK_STATE }, LINK_STATE),
  getBytes({ IFLA_VF_IB_NODE_GUID }, GUID),
  getBytes({ IFLA_VF_IB_PORT_GUID }, GUID),
);

/** The netdev of a PF with its VFs, as {@link ReceivedLink} has them. */
export type VfList = Pick<ReceivedLink, "name" | "vfs">;

/** Returns the value of each IFLA_VF_INFO; none if the kernel sent no list. */
export function vfsIn({ name, vfs }: VfList): Uint8Array[] {
  const values: Uint8Array[] = [];
  if (vfs === undefined) return values;
  for (const { type, value } of parseAttributes(vfs, `IFLA_VFINFO_LIST of ${name}`)) {
    if (type === IFLA_VF_INFO) values.push(value);
  }
  return values;
}

/**
 * Reads the settings of a VF from the netdev of its PF. All are `undefined` if the kernel sent no list.
 * @throws {MalformedReply} if the list is malformed.
 */
export function parseVfConfig(pf: VfList, vf: number): VfConfig {
  for (const value of vfsIn(pf)) {
    const [linkState, nodeGuid, portGuid] = decodeAttributes(value, 0, VF_ATTRIBUTES, pf);
    // Every attribute of a VF_INFO begins with the VF's index.
    const any = linkState ?? nodeGuid ?? portGuid;
    if (any === undefined || u32At(any, 0) !== vf) continue;
    return { linkState: linkStateOf(linkState), nodeGuid: guidOf(nodeGuid), portGuid: guidOf(portGuid) };
  }
  return { linkState: undefined, nodeGuid: undefined, portGuid: undefined };
}

/** Reads the GUIDs of all VFs from the netdev of their PF. The list is empty if the kernel sent none. */
export function parseVfGuids(pf: VfList): VfGuids[] {
  return vfsIn(pf).flatMap((value) => {
    const [, nodeGuid, portGuid] = decodeAttributes(value, 0, VF_ATTRIBUTES, pf);
    const any = nodeGuid ?? portGuid;
    return any === undefined
      ? []
      : [{ index: u32At(any, 0), nodeGuid: guidOf(nodeGuid), portGuid: guidOf(portGuid) }];
  });
}

/** Returns which VF of a PF has an attribute, for errors. Every attribute begins with the index of the VF. */
export function describeVf({ name }: VfList, attribute: Uint8Array = new Uint8Array(0)): string {
  return attribute.length < 4 ? `a VF of ${name}` : `VF ${u32At(attribute, 0)} of ${name}`;
}

/**
 * Returns a request for each setting that is given, at the netdev of the VF's PF. The requests do not depend on each
 * other. Node and port GUID need separate messages: the kernel (do_setvfinfo) returns after it has set the node GUID.
 */
export function setVfConfig(pf: number, vf: number, config: Partial<VfConfig>): Request[] {
  const { linkState, nodeGuid, portGuid } = config;
  const requests: Request[] = [];
  if (linkState !== undefined) {
    const attribute = wordsAttribute(IFLA_VF_LINK_STATE, [vf, POLICIES.indexOf(linkState)]);
    requests.push(set(pf, attribute, `link state ${linkState} of VF ${vf} at link ${pf}`));
  }
  if (nodeGuid !== undefined) {
    const attribute = guidAttribute(IFLA_VF_IB_NODE_GUID, vf, nodeGuid);
    requests.push(set(pf, attribute, `node GUID of VF ${vf} at link ${pf}`));
  }
  if (portGuid !== undefined) {
    const attribute = guidAttribute(IFLA_VF_IB_PORT_GUID, vf, portGuid);
    requests.push(set(pf, attribute, `port GUID of VF ${vf} at link ${pf}`));
  }
  return requests;
}

function set(pf: number, attribute: Attribute, subject: string): Request {
  return setVf(pf, nestedAttribute(IFLA_VF_INFO, [attribute]), subject);
}

/** Makes an attribute of a GUID, which the kernel expects as a number in host order. */
function guidAttribute(type: number, vf: number, guid: Guid): Attribute {
  const [low, high] = guidToWords(guid);
  return wordsAttribute(type, [vf, 0, low, high]);
}

function linkStateOf(value: Uint8Array | undefined): LinkState | undefined {
  return value && POLICIES[u32At(value, 4)];
}

function guidOf(value: Uint8Array | undefined): Guid | undefined {
  return value && guidFromNumber(value.subarray(8));
}
