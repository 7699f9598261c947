import { fromJson, isObject } from "../../cni/document.ts";
import { CniError, codes } from "../../cni/errors.ts";
import type { Node } from "../../node/node.ts";
import type { Step } from "../context.ts";
import { attempt } from "../errors.ts";
import type { AttachmentRecord } from "../record/record.ts";

/** The names are one text, as the SR-IOV device plugin writes them. */
const KEY = "rdma-device";

/** As the library of the Network Plumbing Working Group writes such files (nad:pkg/utils/cniconfig.go). */
const MODE = 0o444;

/**
 * The device information file that Multus made for this attachment (runtimeConfig.CNIDeviceInfoFile): it names
 * the RDMA devices that the container really has. The device plugin wrote down what they were called when it was
 * started. Where there is no file, nobody wants to know.
 */
export const deviceInfo: Step = {
  name: "device information",

  isNeeded: ({ record }) => record.wanted.deviceInfo !== undefined,

  apply({ node, record, warn }) {
    const { deviceInfo } = record.wanted;
    if (deviceInfo === undefined) return;
    const document = read(node, deviceInfo);
    if (document === "absent") return;
    if (document === "strange")
      warn(`${deviceInfo} is no device information of a PCI device; it is left as it is`);
    else write(node, deviceInfo, document, ourText(record));
  },

  undo({ node, record }) {
    const { deviceInfo } = record.wanted;
    if (deviceInfo === undefined || record.found.deviceInfo === ourText(record)) return;
    attempt(`remove ${temporaryOf(deviceInfo)}`, () => node.files.remove(temporaryOf(deviceInfo)));
    const document = documentIn(node, deviceInfo);
    if (document === undefined || document.pci[KEY] !== ourText(record)) return;
    write(node, deviceInfo, document, record.found.deviceInfo);
  },

  verify({ node, record }) {
    const { deviceInfo } = record.wanted;
    if (deviceInfo === undefined) return;
    const document = documentIn(node, deviceInfo);
    if (document === undefined || document.pci[KEY] === ourText(record)) return;
    throw new CniError(
      codes.node,
      `${deviceInfo} says that the container has RDMA device ${document.pci[KEY]}, and it has ${ourText(record)}`,
    );
  },
};

/** What such a file says of RDMA devices; undefined where it says nothing. */
export function rdmaDeviceIn(node: Node, path: string): string | undefined {
  const text = documentIn(node, path)?.pci[KEY];
  return typeof text === "string" ? text : undefined;
}

/** Of a document all that we need to know. Its other keys are kept. */
interface Document {
  readonly pci: Record<string, unknown>;
}

/** undefined where there is nothing that we could change. */
function documentIn(node: Node, path: string): Document | undefined {
  const document = read(node, path);
  return document === "absent" || document === "strange" ? undefined : document;
}

function read(node: Node, path: string): Document | "absent" | "strange" {
  const text = attempt(`read the device information ${path}`, () => node.files.read(path));
  if (text === undefined) return "absent";
  const document = fromJson(text);
  if (!isObject(document) || !isObject(document.pci)) return "strange";
  return { ...document, pci: document.pci };
}

function write(node: Node, path: string, document: Document, names: string | undefined): void {
  if (document.pci[KEY] === names) return;
  // JSON.stringify leaves out what is undefined.
  const text = JSON.stringify({ ...document, pci: { ...document.pci, [KEY]: names } });
  attempt(`write the device information ${path}`, () =>
    node.files.replaceForeign(path, text, MODE, temporaryOf(path)),
  );
}

/** Its name while it is written. A kill leaves it, and undo removes it. */
function temporaryOf(path: string): string {
  return `${path}.ib-sriov`;
}

function ourText({ found }: AttachmentRecord): string | undefined {
  const { devices = [] } = found.rdma ?? {};
  return devices.length === 0 ? undefined : devices.join(",");
}
