import { guidFromNumber } from "../infiniband/guid.ts";
import type { RdmaDevice, RdmaOwner } from "../node/rdma-devices.ts";
import {
  type Attribute,
  attributeDecoder,
  decodeAttributes,
  findText,
  getBytes,
  getText,
  getU8,
  getU32,
  parseAttributes,
  readU64,
  stringAttribute,
  u8Attribute,
  u32Attribute,
} from "./attributes.ts";
import { MalformedReply } from "./errors.ts";
import type { Message, Request } from "./message.ts";

/** RDMA_NL_NLDEV of rdma/rdma_netlink.h, the upper bits of a message's type; the lower bits are the command. */
const RDMA_NL_NLDEV = 5 << 10;
/** Commands. */
const RDMA_NLDEV_CMD_GET = 1;
const RDMA_NLDEV_CMD_SET = 2;
const RDMA_NLDEV_CMD_RES_GET = 9;
const RDMA_NLDEV_CMD_RES_QP_GET = 10;
const RDMA_NLDEV_CMD_RES_PD_GET = 14;

/** Attributes. */
const RDMA_NLDEV_ATTR_DEV_INDEX = 1;
const RDMA_NLDEV_ATTR_DEV_NAME = 2;
const RDMA_NLDEV_ATTR_NODE_GUID = 6;
const RDMA_NLDEV_ATTR_RES_SUMMARY = 15;
const RDMA_NLDEV_ATTR_RES_SUMMARY_ENTRY = 16;
const RDMA_NLDEV_ATTR_RES_SUMMARY_ENTRY_NAME = 17;
const RDMA_NLDEV_ATTR_RES_SUMMARY_ENTRY_CURR = 18;
const RDMA_NLDEV_ATTR_RES_QP = 19;
const RDMA_NLDEV_ATTR_RES_QP_ENTRY = 20;
const RDMA_NLDEV_ATTR_RES_PID = 28;
const RDMA_NLDEV_ATTR_RES_KERN_NAME = 29;
const RDMA_NLDEV_ATTR_RES_PD = 46;
const RDMA_NLDEV_ATTR_RES_PD_ENTRY = 47;
const RDMA_NLDEV_NET_NS_FD = 68;
const RDMA_NLDEV_ATTR_DEV_DIM = 84;

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

/** Turns adaptive moderation of a device on or off. */
export function setAdaptiveModeration(index: number, isOn: boolean): Request {
  const attributes = [
    u32Attribute(RDMA_NLDEV_ATTR_DEV_INDEX, index),
    u8Attribute(RDMA_NLDEV_ATTR_DEV_DIM, isOn ? 1 : 0),
  ];
  return request("change", RDMA_NLDEV_CMD_SET, attributes, `adaptive moderation of RDMA device ${index}`);
}

/** The kinds of objects that the kernel lists for an RDMA device: their command, table and entry. */
const KINDS = {
  "queue pairs": [RDMA_NLDEV_CMD_RES_QP_GET, RDMA_NLDEV_ATTR_RES_QP, RDMA_NLDEV_ATTR_RES_QP_ENTRY],
  "protection domains": [RDMA_NLDEV_CMD_RES_PD_GET, RDMA_NLDEV_ATTR_RES_PD, RDMA_NLDEV_ATTR_RES_PD_ENTRY],
} as const;

/** A kind of objects that the kernel lists for an RDMA device. */
export type RdmaObjectKind = keyof typeof KINDS;

/** Objects of one kind of an RDMA device in one message of a list. */
export interface RdmaObjects {
  /** The device's name. */
  readonly device: string;
  /** The owner of each object. */
  readonly owners: readonly RdmaOwner[];
}

/** Lists objects of a device, in one or several messages. The kernel answers EINVAL for a missing device. */
export function dumpRdmaObjects(kind: RdmaObjectKind, index: number): Request {
  const attributes = [u32Attribute(RDMA_NLDEV_ATTR_DEV_INDEX, index)];
  return request("list", KINDS[kind][0], attributes, `${kind} of RDMA device ${index}`);
}

/** Returns the device of a message, for errors. */
function deviceIn(payload: Uint8Array): string {
  const name = findText(payload, 0, RDMA_NLDEV_ATTR_DEV_NAME);
  return name === undefined ? "an RDMA device" : `RDMA device ${name}`;
}

const OWNER_ATTRIBUTES = attributeDecoder(
  (objects: string) => `an entry of ${objects}`,
  getU32({ RDMA_NLDEV_ATTR_RES_PID }),
  getText({ RDMA_NLDEV_ATTR_RES_KERN_NAME }),
);
const NAME_ATTRIBUTES = attributeDecoder(deviceIn, getText({ RDMA_NLDEV_ATTR_DEV_NAME }));

/**
 * Reads objects from a message of {@link dumpRdmaObjects}.
 * @throws {MalformedReply} if the message is of another type, or malformed.
 */
export function parseRdmaObjects(kind: RdmaObjectKind, { type, payload }: Message): RdmaObjects {
  const [command, table, entry] = KINDS[kind];
  if (type !== (RDMA_NL_NLDEV | command)) {
    throw new MalformedReply(`message type ${type} is not an answer to ${COMMAND_NAMES[command]}`);
  }
  const [device] = decodeAttributes(payload, 0, NAME_ATTRIBUTES, payload);
  if (device === undefined) throw new MalformedReply(`the list of ${kind} has no RDMA_NLDEV_ATTR_DEV_NAME`);
  const objects = `the ${kind} of RDMA device ${device}`;
  const owners = entriesIn(payload, table, entry, objects).map((value) => {
    const [pid, module] = decodeAttributes(value, 0, OWNER_ATTRIBUTES, objects);
    return { pid, module };
  });
  return { device, owners };
}

/** Returns the entries of a nested table; none if the table is missing. `object` is for errors. */
function entriesIn(payload: Uint8Array, table: number, entry: number, object: string): Uint8Array[] {
  return parseAttributes(payload, object)
    .filter(({ type }) => type === table)
    .flatMap(({ value }) => parseAttributes(value, object))
    .filter(({ type }) => type === entry)
    .map(({ value }) => value);
}

/** Counts the objects of a device by kind. The kernel answers EINVAL for a missing device. */
export function getRdmaSummary(index: number): Request {
  const attributes = [u32Attribute(RDMA_NLDEV_ATTR_DEV_INDEX, index)];
  return request("get", RDMA_NLDEV_CMD_RES_GET, attributes, `number of objects of RDMA device ${index}`);
}

const COUNT_ATTRIBUTES = attributeDecoder(
  (objects: string) => `an entry of ${objects}`,
  getText({ RDMA_NLDEV_ATTR_RES_SUMMARY_ENTRY_NAME }),
  getBytes({ RDMA_NLDEV_ATTR_RES_SUMMARY_ENTRY_CURR }),
);

/**
 * Reads the number of objects of each kind ("qp", "ctx" for the contexts of processes …) from the answer to
 * {@link getRdmaSummary}.
 * @throws {MalformedReply} if the message is of another type, or malformed.
 */
export function parseRdmaSummary({ type, payload }: Message): ReadonlyMap<string, number> {
  if (type !== (RDMA_NL_NLDEV | RDMA_NLDEV_CMD_RES_GET)) {
    throw new MalformedReply(`message type ${type} is not an answer to RDMA_NLDEV_CMD_RES_GET`);
  }
  const objects = `the numbers of objects of ${deviceIn(payload)}`;
  const [table, entry] = [RDMA_NLDEV_ATTR_RES_SUMMARY, RDMA_NLDEV_ATTR_RES_SUMMARY_ENTRY];
  return new Map(
    entriesIn(payload, table, entry, objects).map((value) => {
      const [name, count] = decodeAttributes(value, 0, COUNT_ATTRIBUTES, objects);
      if (name === undefined || count === undefined)
        throw new MalformedReply(`an entry of ${objects} has no kind or no number`);
      return [name, readU64(count, "RDMA_NLDEV_ATTR_RES_SUMMARY_ENTRY_CURR", `${name} among ${objects}`)];
    }),
  );
}

/** Length of a node GUID, bytes: a number in host order. */
const NODE_GUID = 8;

const DEVICE_ATTRIBUTES = attributeDecoder(
  deviceIn,
  getU32({ RDMA_NLDEV_ATTR_DEV_INDEX }),
  getText({ RDMA_NLDEV_ATTR_DEV_NAME }),
  getBytes({ RDMA_NLDEV_ATTR_NODE_GUID }, NODE_GUID),
  getU8({ RDMA_NLDEV_ATTR_DEV_DIM }),
);

/**
 * Reads an RDMA device from a message of {@link dumpRdmaDevices}.
 * @throws {MalformedReply} if the message is of another type, or malformed.
 */
export function parseRdmaDevice({ type, payload }: Message): RdmaDevice {
  if (type !== (RDMA_NL_NLDEV | RDMA_NLDEV_CMD_GET)) {
    throw new MalformedReply(`message type ${type} is not an answer to RDMA_NLDEV_CMD_GET`);
  }
  const [index, name, guid, moderation] = decodeAttributes(payload, 0, DEVICE_ATTRIBUTES, payload);
  if (index === undefined || name === undefined) {
    const missing = name === undefined ? "RDMA_NLDEV_ATTR_DEV_NAME" : "RDMA_NLDEV_ATTR_DEV_INDEX";
    throw new MalformedReply(`${deviceIn(payload)} has no ${missing}`);
  }
  return {
    index,
    name,
    nodeGuid: guid && guidFromNumber(guid),
    adaptiveModeration: moderation === undefined ? undefined : moderation !== 0,
  };
}

const COMMAND_NAMES = {
  [RDMA_NLDEV_CMD_GET]: "RDMA_NLDEV_CMD_GET",
  [RDMA_NLDEV_CMD_SET]: "RDMA_NLDEV_CMD_SET",
  [RDMA_NLDEV_CMD_RES_GET]: "RDMA_NLDEV_CMD_RES_GET",
  [RDMA_NLDEV_CMD_RES_QP_GET]: "RDMA_NLDEV_CMD_RES_QP_GET",
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
