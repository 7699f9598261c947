import { fromJson, isObject } from "../../cni/document.ts";
import { CniError, codes } from "../../cni/errors.ts";
import type { Node } from "../../node/node.ts";
import type { Step } from "../context.ts";
import type { AttachmentRecord } from "../record/record.ts";

/** Key of the RDMA devices' names. They are one comma-separated string, as the SR-IOV device plugin writes them. */
const KEY = "rdma-device";

/** The mode that the library of the Network Plumbing Working Group gives such files (nad:pkg/utils/cniconfig.go). */
const MODE = 0o444;

/**
 * Writes the names of the container's RDMA devices into the device information file that Multus has made for this
 * attachment (runtimeConfig.CNIDeviceInfoFile). The SR-IOV device plugin wrote the names that the devices had at the
 * Allocate (before version 3.9: at its own start). A rebind since then may have changed them. If the file does not
 * exist, this step does nothing.
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
    else write(node, deviceInfo, document, rdmaDeviceNames(record));
  },

  undo({ node, record }) {
    const { deviceInfo } = record.desired;
    if (deviceInfo === undefined || record.originals.deviceInfo === rdmaDeviceNames(record)) return;
    node.files.remove(temporaryOf(deviceInfo));
    const document = documentIn(node, deviceInfo);
    if (document === undefined || document.pci[KEY] !== rdmaDeviceNames(record)) return;
    write(node, deviceInfo, document, record.originals.deviceInfo);
  },

  verify({ node, record }) {
    const { deviceInfo } = record.desired;
    if (deviceInfo === undefined) return;
    const document = documentIn(node, deviceInfo);
    if (document === undefined || document.pci[KEY] === rdmaDeviceNames(record)) return;
    throw new CniError(
      codes.node,
      `${deviceInfo} names RDMA device ${document.pci[KEY]}, but the container has ${rdmaDeviceNames(record)}`,
    );
  },
};

/** Returns the RDMA devices that such a file names; `undefined` if it names none. */
export function rdmaDeviceIn(node: Node, path: string): string | undefined {
  const text = documentIn(node, path)?.pci[KEY];
  return typeof text === "string" ? text : undefined;
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

function write(node: Node, path: string, document: Document, names: string | undefined): void {
  if (document.pci[KEY] === names) return;
  // JSON.stringify omits a key whose value is undefined.
  const text = JSON.stringify({ ...document, pci: { ...document.pci, [KEY]: names } });
  node.files.replaceForeign(path, text, MODE, temporaryOf(path));
}

/** Returns the name of the file while it is written. A killed process leaves this file, and undo removes it. */
function temporaryOf(path: string): string {
  return `${path}.ib-sriov`;
}

function rdmaDeviceNames({ originals }: AttachmentRecord): string | undefined {
  const { devices = [] } = originals.rdma ?? {};
  return devices.length === 0 ? undefined : devices.join(",");
}
