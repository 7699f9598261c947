import { type Guid, guidFromNumber } from "../infiniband/guid.ts";
import type { RdmaDevice } from "../node/rdma-devices.ts";
import {
  type Attribute,
  attributeDecoder,
  decodeAttributes,
  getBytes,
  getText,
  getU32,
  parseAttributes,
  stringAttribute,
  u32Attribute,
} from "./attributes.ts";
import { MalformedReply } from "./errors.ts";
import type { Message, Request } from "./message.ts";

/** RDMA_NL_NLDEV of rdma/rdma_netlink.h, the upper bits of a message's type; the lower bits are the command. */
const RDMA_NL_NLDEV = 5 << 10;
/** Commands. */
const RDMA_NLDEV_CMD_GET = 1;
const RDMA_NLDEV_CMD_SET = 2;
const RDMA_NLDEV_CMD_RES_PD_GET = 14;

/** Attributes. */
const RDMA_NLDEV_ATTR_DEV_INDEX = 1;
const RDMA_NLDEV_ATTR_DEV_NAME = 2;
const RDMA_NLDEV_ATTR_NODE_GUID = 6;
const RDMA_NLDEV_ATTR_RES_KERN_NAME = 29;
const RDMA_NLDEV_ATTR_RES_PD = 46;
const RDMA_NLDEV_ATTR_RES_PD_ENTRY = 47;
const RDMA_NLDEV_NET_NS_FD = 68;

/** Lists the devices of the socket's namespace. */
export function dumpRdmaDevices(): Request {
  return request("list", RDMA_NLDEV_CMD_GET, [], "RDMA devices");
}

/** Moves a device to the namespace of a descriptor. The kernel answers EOPNOTSUPP in shared mode. */
export function moveRdmaDevice(index: number, namespace: number): Request {
  const attributes = [
    u32Attribute(RDMA_NLDEV_ATTR_DEV_INDEX, index),
    u32Attribute(RDMA_NLDEV_NET_NS_FD, namespace),
  ];
  return request(
    "change",
    RDMA_NLDEV_CMD_SET,
    attributes,
    `move of RDMA device ${index} to another namespace`,
  );
}

/** Renames a device. */
export function renameRdmaDevice(index: number, name: string): Request {
  const attributes = [
    u32Attribute(RDMA_NLDEV_ATTR_DEV_INDEX, index),
    stringAttribute(RDMA_NLDEV_ATTR_DEV_NAME, name),
  ];
  return request("change", RDMA_NLDEV_CMD_SET, attributes, `name ${name} of RDMA device ${index}`);
}

/** The protection domains of an RDMA device in one message of a list. */
export interface ProtectionDomains {
  /** The device's name. */
  readonly device: string;
  /** The kernel module that each domain belongs to; `undefined` if it belongs to a process. */
  readonly modules: readonly (string | undefined)[];
}

/**
 * Lists the protection domains of a device, in one or several messages. The kernel answers EINVAL for a missing device.
 */
export function dumpProtectionDomains(index: number): Request {
  return request(
    "list",
    RDMA_NLDEV_CMD_RES_PD_GET,
    [u32Attribute(RDMA_NLDEV_ATTR_DEV_INDEX, index)],
    `protection domains of RDMA device ${index}`,
  );
}

const DOMAINS_ATTRIBUTES = attributeDecoder(
  getText(RDMA_NLDEV_ATTR_DEV_NAME),
  getBytes(RDMA_NLDEV_ATTR_RES_PD),
);
const DOMAIN_ATTRIBUTES = attributeDecoder(getText(RDMA_NLDEV_ATTR_RES_KERN_NAME));

/**
 * Reads protection domains from a message of {@link dumpProtectionDomains}.
 * @throws {MalformedReply} if the message is of another type, or malformed.
 */
export function parseProtectionDomains({ type, payload }: Message): ProtectionDomains {
  if (type !== (RDMA_NL_NLDEV | RDMA_NLDEV_CMD_RES_PD_GET)) {
    throw new MalformedReply(`message type ${type} is not an answer to RDMA_NLDEV_CMD_RES_PD_GET`);
  }
  const [device, table] = decodeAttributes(payload, 0, DOMAINS_ATTRIBUTES);
  if (device === undefined) throw new MalformedReply("protection domains of an RDMA device without a name");
  const entries = table === undefined ? [] : parseAttributes(table);
  const modules = entries
    .filter((entry) => entry.type === RDMA_NLDEV_ATTR_RES_PD_ENTRY)
    .map(({ value }) => decodeAttributes(value, 0, DOMAIN_ATTRIBUTES)[0]);
  return { device, modules };
}

const DEVICE_ATTRIBUTES = attributeDecoder(
  getU32(RDMA_NLDEV_ATTR_DEV_INDEX),
  getText(RDMA_NLDEV_ATTR_DEV_NAME),
  getBytes(RDMA_NLDEV_ATTR_NODE_GUID),
);

/**
 * Reads an RDMA device from a message of {@link dumpRdmaDevices}.
 * @throws {MalformedReply} if the message is of another type, or malformed.
 */
export function parseRdmaDevice({ type, payload }: Message): RdmaDevice {
  if (type !== (RDMA_NL_NLDEV | RDMA_NLDEV_CMD_GET)) {
    throw new MalformedReply(`message type ${type} is not an answer to RDMA_NLDEV_CMD_GET`);
  }
  const [index, name, guid] = decodeAttributes(payload, 0, DEVICE_ATTRIBUTES);
  if (index === undefined || name === undefined) {
    throw new MalformedReply("an RDMA device without number or name");
  }
  return { index, name, nodeGuid: guid === undefined ? undefined : guidOf(guid) };
}

/** Reads a GUID, which the kernel sends as a number in host order. */
function guidOf(value: Uint8Array): Guid {
  if (value.length !== 8) throw new MalformedReply(`a node GUID of ${value.length} bytes`);
  return guidFromNumber(value);
}

const COMMAND_NAMES = {
  [RDMA_NLDEV_CMD_GET]: "RDMA_NLDEV_CMD_GET",
  [RDMA_NLDEV_CMD_SET]: "RDMA_NLDEV_CMD_SET",
  [RDMA_NLDEV_CMD_RES_PD_GET]: "RDMA_NLDEV_CMD_RES_PD_GET",
} as const;

function request(
  kind: Request["kind"],
  command: keyof typeof COMMAND_NAMES,
  attributes: readonly Attribute[],
  subject: string,
): Request {
  const name = COMMAND_NAMES[command];
  return { type: RDMA_NL_NLDEV | command, kind, flags: 0, header: [], attributes, name, subject };
}
