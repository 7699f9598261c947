import { type Guid, guidFromNumber, guidToWords } from "../infiniband/guid.ts";
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
import { MalformedReply } from "./errors.ts";
import { setVf } from "./link.ts";
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

/** IFLA_VF_LINK_STATE_*: 0 auto, 1 enable, 2 disable. */
export type VfLinkState = 0 | 1 | 2;

/** The settings of one VF at its PF; `undefined` if the kernel does not report them. */
export interface VfInfo {
  readonly linkState: VfLinkState | undefined;
  /** Zeros if it was never set. */
  readonly nodeGuid: Guid | undefined;
  readonly portGuid: Guid | undefined;
}

const VF_ATTRIBUTES = attributeDecoder(
  getBytes(IFLA_VF_LINK_STATE),
  getBytes(IFLA_VF_IB_NODE_GUID),
  getBytes(IFLA_VF_IB_PORT_GUID),
);

/**
 * Reads the settings of a VF from the value of an IFLA_VFINFO_LIST.
 * @throws {MalformedReply} if the list is malformed.
 */
export function parseVfInfo(list: Uint8Array, vf: number): VfInfo {
  for (const { type, value } of parseAttributes(list)) {
    if (type !== IFLA_VF_INFO) continue;
    const [linkState, nodeGuid, portGuid] = decodeAttributes(value, 0, VF_ATTRIBUTES);
    // Every attribute of a VF_INFO begins with the VF's index.
    const any = linkState ?? nodeGuid ?? portGuid;
    if (any === undefined || indexOf(any) !== vf) continue;
    return { linkState: linkStateOf(linkState), nodeGuid: guidOf(nodeGuid), portGuid: guidOf(portGuid) };
  }
  return { linkState: undefined, nodeGuid: undefined, portGuid: undefined };
}

/** Sets the link policy of a VF, at the netdev of its PF. */
export function setVfLinkState(pf: number, vf: number, state: VfLinkState): Request {
  return set(
    pf,
    wordsAttribute(IFLA_VF_LINK_STATE, [vf, state]),
    `link state ${state} of VF ${vf} at link ${pf}`,
  );
}

/**
 * Sets a VF's node GUID, at the netdev of its PF. Node and port GUID need separate messages: the kernel (do_setvfinfo)
 * returns after it has set the node GUID.
 */
export function setVfNodeGuid(pf: number, vf: number, guid: Guid): Request {
  return set(pf, guidAttribute(IFLA_VF_IB_NODE_GUID, vf, guid), `node GUID of VF ${vf} at link ${pf}`);
}

/** Sets a VF's port GUID, see {@link setVfNodeGuid}. */
export function setVfPortGuid(pf: number, vf: number, guid: Guid): Request {
  return set(pf, guidAttribute(IFLA_VF_IB_PORT_GUID, vf, guid), `port GUID of VF ${vf} at link ${pf}`);
}

function set(pf: number, attribute: Attribute, subject: string): Request {
  return setVf(pf, nestedAttribute(IFLA_VF_INFO, [attribute]), subject);
}

/** Makes an attribute of a GUID, which the kernel expects as a number in host order. */
function guidAttribute(type: number, vf: number, guid: Guid): Attribute {
  const [low, high] = guidToWords(guid);
  return wordsAttribute(type, [vf, 0, low, high]);
}

function indexOf(value: Uint8Array): number {
  if (value.length < 4) throw new MalformedReply(`VF information of ${value.length} bytes`);
  return u32At(value, 0);
}

function linkStateOf(value: Uint8Array | undefined): VfLinkState | undefined {
  if (value === undefined) return undefined;
  if (value.length !== LINK_STATE) throw new MalformedReply(`a VF link state of ${value.length} bytes`);
  const state = u32At(value, 4);
  return state === 0 || state === 1 || state === 2 ? state : undefined;
}

function guidOf(value: Uint8Array | undefined): Guid | undefined {
  if (value === undefined) return undefined;
  if (value.length !== GUID) throw new MalformedReply(`a VF GUID of ${value.length} bytes`);
  return guidFromNumber(value.subarray(8));
}
