import { fromJson, isObject } from "../../cni/document.ts";
import { CniError, codes } from "../../cni/errors.ts";
import { isUsableGuid } from "../../infiniband/guid.ts";
import type { Node } from "../../node/node.ts";
import type { Step } from "../context.ts";
import type { AttachmentRecord } from "../record/record.ts";

/** Key of the RDMA devices' names. They are one comma-separated string, as the SR-IOV device plugin writes them. */
const RDMA_DEVICE = "rdma-device";
/** Key of the port GUID of a PF that a virtual machine has. No other program writes it. */
const PORT_GUID = "port-guid";

/** The mode that the library of the Network Plumbing Working Group gives such files (nad:pkg/utils/cniconfig.go). */
const MODE = 0o444;

/**
 * Writes the names of the container's RDMA devices, or the port GUID of a PF that a virtual machine gets, into the device
 * information file that Multus has made for this attachment (runtimeConfig.CNIDeviceInfoFile). The SR-IOV device plugin
 * wrote the names that the devices had at the Allocate (before version 3.9: at its own start). A rebind since then may
 * have changed them. If the file does not exist, this step does nothing.
 */
export const deviceInfo: Step = {
  name: "device information",

  isNeeded: ({ record }) => record.desired.deviceInfo !== undefined,

  apply({ node, record, warn }) {
    const { deviceInfo } = record.desired;
    if (deviceInfo === undefined) return;
    const document = read(node, deviceInfo);
    if (document === "absent") return;
    if (document === "other")
      warn(`${deviceInfo} is not the device information of a PCI device; it stays unchanged`);
    else write(node, deviceInfo, document, entryOf(record));
  },

  undo({ node, record }) {
    const { deviceInfo } = record.desired;
    const { key, value } = entryOf(record);
    if (deviceInfo === undefined || record.originals.deviceInfo === value) return;
    node.files.remove(temporaryOf(deviceInfo));
    const document = documentIn(node, deviceInfo);
    if (document === undefined || document.pci[key] !== value) return;
    write(node, deviceInfo, document, { key, value: record.originals.deviceInfo });
  },

  verify({ node, record }) {
    const { deviceInfo } = record.desired;
    if (deviceInfo === undefined) return;
    const { key, value } = entryOf(record);
    const document = documentIn(node, deviceInfo);
    if (document === undefined || document.pci[key] === value) return;
    throw new CniError(
      codes.node,
      `${deviceInfo} names ${key} ${document.pci[key]}, but the container has ${value}`,
    );
  },
};

/**
 * Returns what the device information file of an attachment has in the place of what this step writes; `undefined` if it has
 * nothing, or the attachment has no such file.
 */
export function originalDeviceInfo(
  node: Node,
  { deviceInfo }: AttachmentRecord["desired"],
  kind: AttachmentRecord["kind"],
): string | undefined {
  const text = deviceInfo === undefined ? undefined : documentIn(node, deviceInfo)?.pci[keyOf(kind)];
  return typeof text === "string" ? text : undefined;
}

function keyOf(kind: AttachmentRecord["kind"]): string {
  return kind === "vfio-pf" ? PORT_GUID : RDMA_DEVICE;
}

/** The device information of a PCI device. Writing it keeps the keys that this type does not have. */
interface Document {
  readonly pci: Record<string, unknown>;
}

/** Returns a PCI device's information; `undefined` if the file does not exist or contains something else. */
function documentIn(node: Node, path: string): Document | undefined {
  const document = read(node, path);
  return document === "absent" || document === "other" ? undefined : document;
}

function read(node: Node, path: string): Document | "absent" | "other" {
  const text = node.files.read(path);
  if (text === undefined) return "absent";
  const document = fromJson(text);
  if (!isObject(document) || !isObject(document.pci)) return "other";
  return { ...document, pci: document.pci };
}

function write(node: Node, path: string, document: Document, { key, value }: Entry): void {
  if (document.pci[key] === value) return;
  // JSON.stringify omits a key whose value is undefined.
  const text = JSON.stringify({ ...document, pci: { ...document.pci, [key]: value } });
  node.files.replaceForeign(path, text, MODE, temporaryOf(path));
}

/** Returns the name of the file while it is written. A killed process leaves this file, and undo removes it. */
function temporaryOf(path: string): string {
  return `${path}.ib-sriov`;
}

/** A key of the file, and the value that the attachment gives to it. */
interface Entry {
  readonly key: string;
  readonly value: string | undefined;
}

function entryOf({ kind, originals }: AttachmentRecord): Entry {
  const key = keyOf(kind);
  if (key === PORT_GUID)
    return { key, value: isUsableGuid(originals.portGuid) ? originals.portGuid : undefined };
  const { devices = [] } = originals.rdma ?? {};
  return { key, value: devices.length === 0 ? undefined : devices.join(",") };
}
