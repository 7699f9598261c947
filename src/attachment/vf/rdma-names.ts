import { messageOf } from "../../cni/error-document.ts";
import { CniError, codes } from "../../cni/errors.ts";
import { isFileName, type RdmaNames } from "../../node/pci-functions.ts";
import type { StepContext } from "../context.ts";
import { attempt, attemptAll } from "../errors.ts";
import { isUdevRunning, waitForUdev } from "./udev.ts";

/**
 * Restores the names of the VF's RDMA devices after the kernel has created the devices again, with names of its choice.
 * If udev runs, this function first waits until udev has renamed the devices. The numbers of the files below
 * /dev/infiniband cannot be chosen.
 * @throws {CniError} if a name or a number is not restored: the container has been given the files with the old names.
 */
export function requireRdmaNames(attachment: StepContext): void {
  const changed = restoreNames(attachment, (error) => {
    throw error;
  });
  if (changed !== undefined) throw namesChangedError(changed, "its driver was bound again");
}

/** Restores the names, too, but a failure is only a warning, because restoring may be impossible. */
export function restoreRdmaNames(attachment: StepContext): void {
  const { warn } = attachment;
  const changed = restoreNames(attachment, (error) => warn(messageOf(error)));
  if (changed !== undefined) warn(`${changed}; an SR-IOV device plugin before version 3.8 must be restarted`);
}

/**
 * Restores the names of the VF's RDMA devices.
 * @param refused is called with each error of a rename.
 * @returns a description of what has changed; `undefined` if nothing has.
 */
function restoreNames(attachment: StepContext, refused: (error: unknown) => void): string | undefined {
  const { node, record } = attachment;
  const { pci } = record.vf;
  const { rdma } = record.originals;
  if (rdma === undefined || node.functions.hasRdmaNames(pci, rdma)) return undefined;
  renameHiddenDevices(attachment, rdma);
  if (node.functions.hasRdmaNames(pci, rdma)) return undefined;
  settle(attachment, rdma);
  for (const error of renameDevices(attachment, rdma)) refused(error);
  return (
    describeDifference(pci, rdma.devices, node.functions.rdmaDevices(pci)) ??
    describeDifference(pci, rdma.files, node.functions.rdmaFiles(pci))
  );
}

/**
 * Renames those of the VF's RDMA devices on the host that sysfs does not show, because a container has given them a name
 * that is not a file name. Netlink finds them by that name, and renames them by their index: to an original name or, if
 * none is missing or another device has taken it, to a new one.
 */
export function renameHiddenDevices({ node, record }: StepContext, { devices }: RdmaNames): void {
  const { host } = node.namespaces;
  const names = node.functions.rdmaDevicesAnywhere(record.vf.pci);
  const hidden = names.filter((name) => !isFileName(name));
  if (hidden.length === 0) return;
  const lost = devices.filter((name) => !names.includes(name) && isFileName(name));
  for (const { index, name } of node.rdma.devices(host).filter((device) => hidden.includes(device.name))) {
    const free = `rdma${index}`;
    try {
      node.rdma.rename(host, index, lost.shift() ?? free);
    } catch {
      attempt(`rename RDMA device "${name}" of VF ${record.vf.pci} to ${free}`, () =>
        node.rdma.rename(host, index, free),
      );
    }
  }
}

/** Describes how the names of a VF's devices or files have changed; `undefined` if the VF still has all of them. */
export function describeDifference(
  pci: string,
  before: readonly string[],
  now: readonly string[],
): string | undefined {
  if (before.every((name) => now.includes(name))) return undefined;
  return `VF ${pci} had ${before.join(", ")}, and now it has ${now.length === 0 ? "none" : now.join(", ")}`;
}

/** Returns the error of an ADD whose VF has other device or file names than before. */
export function namesChangedError(changed: string, since: string): CniError {
  return new CniError(
    codes.node,
    `${changed}, since ${since}: the pod would reach another device by the files that it has in /dev/infiniband, or ` +
      "none, and each ADD for it fails; delete the pod, and the next one is given the right files (an SR-IOV device " +
      "plugin before version 3.8 must be restarted first)",
  );
}

/** Waits until all devices and files exist again (some can appear after the netdev) and udev has renamed them. */
function settle({ node, record, deadline }: StepContext, rdma: RdmaNames): void {
  const { pci } = record.vf;
  const isUdevAwaited = isUdevRunning(node);
  const watch = node.rdma.watch();
  try {
    waitForUdev(node, watch, deadline, () => {
      const devices = node.functions.rdmaDevices(pci);
      const isNamed = !isUdevAwaited || rdma.devices.every((name) => devices.includes(name));
      const isThere =
        devices.length >= rdma.devices.length && node.functions.rdmaFiles(pci).length >= rdma.files.length;
      return (isThere && isNamed) || undefined;
    });
  } finally {
    watch.close();
  }
}

/** Renames the devices that have new names to the missing original names. Returns the errors. */
function renameDevices({ node, record }: StepContext, rdma: RdmaNames): unknown[] {
  const { pci } = record.vf;
  const { host } = node.namespaces;
  const now = node.functions.rdmaDevices(pci);
  const lost = rdma.devices.filter((name) => !now.includes(name));
  if (lost.length === 0) return [];
  const renamed = now.filter((name) => !rdma.devices.includes(name));
  const all = node.rdma.devices(host);
  const named = all.filter(({ name }) => renamed.includes(name));
  return attemptAll(
    named.slice(0, lost.length).map(({ index, name }, i) => () => {
      const old = lost[i] ?? name;
      attempt(`rename RDMA device ${name} of VF ${pci} to its original name ${old}`, () =>
        node.rdma.rename(host, index, old),
      );
    }),
  );
}
