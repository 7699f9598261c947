import { messageOf } from "../../cni/error-document.ts";
import { CniError, codes } from "../../cni/errors.ts";
import type { RdmaNames } from "../../node/pci-functions.ts";
import type { StepContext } from "../context.ts";
import { attempt, attemptAll } from "../errors.ts";
import { isUdevRunning, udevTimeout, waitFor } from "./wait.ts";

/**
 * Sees to it that the VF's RDMA devices, which were made anew, have the names that they had: the kernel names
 * them as it likes. A name that udev is about to give back is waited for, any other is given back here. The
 * numbers of files below /dev/infiniband nobody can choose.
 * @throws {CniError} where something is not as it was: the container has been given what bore the old names.
 */
export function requireRdmaNames(attachment: StepContext): void {
  const changed = restored(attachment, (error) => {
    throw error;
  });
  if (changed !== undefined) throw namesChangedError(changed, "its driver was bound anew");
}

/** The same, where it is no reason to fail: as with a netdev's name, there may be nobody who can give it back. */
export function restoreRdmaNames(attachment: StepContext): void {
  const { warn } = attachment;
  const changed = restored(attachment, (error) => warn(messageOf(error)));
  if (changed !== undefined) warn(`${changed}; the SR-IOV device plugin may have to be restarted`);
}

/**
 * @param refused is told why a name could not be given back.
 * @returns what is not as it was, in words; undefined where all is.
 */
function restored(attachment: StepContext, refused: (error: unknown) => void): string | undefined {
  const { node, record } = attachment;
  const { pci } = record.vf;
  const { rdma } = record.found;
  if (rdma === undefined || node.functions.hasRdmaNames(pci, rdma)) return undefined;
  settle(attachment, rdma);
  for (const error of nameAgain(attachment, rdma)) refused(error);
  return (
    describeDifference(pci, rdma.devices, node.functions.rdmaDevices(pci)) ??
    describeDifference(pci, rdma.files, node.functions.rdmaFiles(pci))
  );
}

/** Says what became of names that a VF had; undefined where it has them all. */
export function describeDifference(
  pci: string,
  before: readonly string[],
  now: readonly string[],
): string | undefined {
  if (before.every((name) => now.includes(name))) return undefined;
  return `VF ${pci} had ${before.join(", ")}, and now it has ${now.length === 0 ? "none" : now.join(", ")}`;
}

/** The error of an ADD that finds other names than there were. */
export function namesChangedError(changed: string, since: string): CniError {
  return new CniError(
    codes.node,
    `${changed}, since ${since}: a container that was given the old ones in /dev/infiniband would reach another ` +
      "device by them, or none; restart the SR-IOV device plugin and start the pod anew",
  );
}

/** Waits until all are there again, some of which can come after the netdev, and udev has done what it will do. */
function settle({ node, record, deadline }: StepContext, rdma: RdmaNames): void {
  const { pci } = record.vf;
  const isUdevAwaited = isUdevRunning(node);
  const watch = node.rdma.watch();
  try {
    waitFor(watch, Math.min(node.clock.now() + udevTimeout, deadline), () => {
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

/** Gives names back, to the devices that have others. Returns what went wrong. */
function nameAgain({ node, record }: StepContext, rdma: RdmaNames): unknown[] {
  const { pci } = record.vf;
  const { host } = node.namespaces;
  const now = node.functions.rdmaDevices(pci);
  const lost = rdma.devices.filter((name) => !now.includes(name));
  if (lost.length === 0) return [];
  const strange = now.filter((name) => !rdma.devices.includes(name));
  const all = attempt("list the node's RDMA devices", () => node.rdma.devices(host));
  const named = all.filter(({ name }) => strange.includes(name));
  return attemptAll(
    named.slice(0, lost.length).map(({ index, name }, i) => () => {
      const old = lost[i] ?? name;
      attempt(`give the RDMA device ${name} of VF ${pci} its name ${old} back`, () =>
        node.rdma.rename(host, index, old),
      );
    }),
  );
}
