import { fromJson, isObject } from "../../cni/document.ts";
import { messageOf } from "../../cni/error-document.ts";
import type { AddSession } from "./add-session.ts";

/**
 * The file in which kubelet keeps the answers of device plugins, because a pod has the same devices through all restarts
 * of its containers, of kubelet and of the node (kubernetes, pkg/kubelet/cm: PodDevicesEntry). Multus reads it, too.
 * Kubelet writes it before it starts the pod. The container of a DRA driver does not have it.
 */
const CHECKPOINT = "/var/lib/kubelet/device-plugins/kubelet_internal_checkpoint";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/**
 * Returns the names of the files below /dev/infiniband that kubelet gives to the containers of a pod, for all of its
 * devices; `undefined` if kubelet has not allocated the VF to the pod, gives no such file, or cannot be asked.
 */
export function filesFromKubelet(
  { node, vf, warn }: Pick<AddSession, "node" | "vf" | "warn">,
  podUid: string,
): string[] | undefined {
  let text: string | undefined;
  try {
    text = node.files.read(CHECKPOINT);
  } catch (error) {
    warn(`cannot read which device files kubelet gives to the pod: ${messageOf(error)}`);
  }
  // Most of the time goes into parsing, which another kubelet's file, or that of a pod without devices, does not need.
  if (text?.includes(podUid) !== true) return undefined;
  const entries = entriesIn(fromJson(text)).filter(({ PodUID }) => PodUID === podUid);
  if (!entries.some(({ DeviceIDs }) => JSON.stringify(DeviceIDs ?? {}).includes(`"${vf.pci}"`)))
    return undefined;
  const files = entries.flatMap(({ AllocResp }) => deviceFilesIn(AllocResp));
  return files.length > 0 ? [...new Set(files)] : undefined;
}

function entriesIn(document: unknown): Record<string, unknown>[] {
  const data = isObject(document) ? document.Data : undefined;
  const entries = isObject(data) ? data.PodDeviceEntries : undefined;
  return Array.isArray(entries) ? entries.filter(isObject) : [];
}

/**
 * Returns the names of the files in the answer of a device plugin: a ContainerAllocateResponse of kubelet's device plugin
 * API, as base64. Its encoding (protobuf) contains each path as plain text.
 */
function deviceFilesIn(answer: unknown): string[] {
  if (typeof answer !== "string") return [];
  return [...decodeBase64(answer).matchAll(/\/dev\/infiniband\/((?:uverbs|umad)\d+)/g)].flatMap(
    ([, name]) => name ?? [],
  );
}

/** Returns the bytes of a base64 text as characters below 256. */
function decodeBase64(text: string): string {
  let decoded = "";
  let value = 0;
  let bits = 0;
  for (const character of text) {
    if (character === "=") break;
    value = ((value << 6) | ALPHABET.indexOf(character)) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    decoded += String.fromCharCode((value >> bits) & 0xff);
  }
  return decoded;
}
