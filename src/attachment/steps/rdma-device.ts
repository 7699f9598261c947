import { CniError, codes } from "../../cni/errors.ts";
import type { Namespace } from "../../node/namespaces.ts";
import type { RdmaNames } from "../../node/pci-functions.ts";
import { propertiesOf } from "../attachment-kinds.ts";
import type { AddContext, Step, StepContext } from "../context.ts";
import { netdevOf, netnsTeardownTimeout } from "../vf/netdev.ts";
import { hostRdmaDevices, rdmaDevicesIn, reasonToRebind, returnRdmaToHost } from "../vf/rdma-devices.ts";
import {
  describeDifference,
  namesChangedError,
  renameHiddenDevices,
  restoreRdmaNames,
} from "../vf/rdma-names.ts";
import { netdevTimeout, rebind } from "../vf/rebind.ts";
import { waitFor } from "../vf/wait-for.ts";
import { requireContainerNetns } from "./interface.ts";

/**
 * Moves the VF's RDMA devices to the container, and to no other namespace, if the network sets `rdmaIsolation`. The
 * kernel creates the VF's netdev again with each move, so apply and undo both run before those of the interface step.
 */
export const rdmaDevice: Step = {
  name: "RDMA device",

  apply(attachment) {
    if (attachment.record.desired.rdmaIsolation !== true) return;
    moveToContainer(attachment, requireContainerNetns(attachment));
  },

  undo(attachment) {
    const { node, record } = attachment;
    const { rdma } = record.originals;
    // A VF without a driver has no RDMA device. The step that failed to bind the driver reports it.
    if (
      rdma !== undefined &&
      !node.functions.hasRdmaNames(record.vf.pci, rdma) &&
      node.functions.driver(record.vf.pci) !== undefined
    ) {
      if (record.desired.rdmaIsolation === true) moveToHost(attachment, rdma);
      restoreRdmaNames(attachment);
    }
    // With a netdev, the interface step does it, which needs the list of devices, too.
    if (!propertiesOf(record).hasNetdev) resetDevices(attachment);
  },

  verify({ node, record, containerNetns }) {
    if (record.desired.rdmaIsolation !== true) return;
    const { pci } = record.vf;
    const names = node.functions.rdmaDevicesAnywhere(pci);
    const inPod =
      containerNetns === undefined ? [] : rdmaDevicesIn(node, pci, containerNetns).map(({ name }) => name);
    const missing = names.filter((name) => !inPod.includes(name));
    if (names.length > 0 && missing.length === 0) return;
    const what = names.length === 0 ? "an RDMA device" : `the RDMA device ${missing.join(", ")}`;
    throw new CniError(codes.node, `the container lacks ${what} of VF ${pci}`);
  },
};

/** Restores adaptive moderation, and rebinds the VF if that fails or if processes use its RDMA device. */
function resetDevices(attachment: StepContext): void {
  const { node, record } = attachment;
  const why = reasonToRebind(attachment, hostRdmaDevices(node, record.vf.pci).own);
  if (why === undefined) return;
  attachment.warn(why);
  rebind(attachment);
  restoreRdmaNames(attachment);
}

/**
 * Moves all RDMA devices of the VF to the container. If one cannot be moved, undo moves the others back. The lock of
 * the node is held for the moves only: the files below /dev/infiniband exist again when a move returns, and the wait
 * for the netdev does not need the lock.
 */
function moveToContainer(attachment: AddContext, containerNetns: Namespace): void {
  const { node, record, locks, deadline } = attachment;
  const { pci } = record.vf;
  const { host } = node.namespaces;
  const watch = node.links.watch(host, "links");
  try {
    locks.whileNodeIsLocked(deadline, () => {
      const names = node.functions.rdmaDevices(pci);
      const devices = node.rdma.devices(host).filter(({ name }) => names.includes(name));
      if (devices.length === 0) throw new CniError(codes.node, `VF ${pci} has no RDMA device on the host`);
      for (const { index } of devices) node.rdma.move(host, index, containerNetns);
    });
    requireSameFiles(attachment);
    if (!propertiesOf(record).hasNetdev) return;
    const seen = waitFor(watch, Math.min(node.clock.now() + netdevTimeout, deadline), () =>
      // The kernel creates the new netdev in the initial namespace or, since Linux 6.17, in that of the RDMA device.
      [host, containerNetns]
        .map((where) => ({ where, link: netdevOf(node, where, pci) }))
        .find(({ link }) => link !== undefined),
    );
    if (seen?.link === undefined) {
      throw new CniError(
        codes.node,
        `VF ${pci} has no netdev any more since its RDMA device was moved; see dmesg`,
      );
    }
    attachment.netdev = seen.link;
    attachment.netdevIn = seen.where;
  } finally {
    watch.close();
  }
}

/**
 * Requires that the VF's files below /dev/infiniband have their original names. The container has been given these
 * names; after a change they would belong to another device, or to none.
 */
function requireSameFiles({ node, record }: AddContext): void {
  const { pci } = record.vf;
  const changed = describeDifference(pci, record.originals.rdma?.files ?? [], node.functions.rdmaFiles(pci));
  if (changed !== undefined) throw namesChangedError(changed, "its RDMA device was moved");
}

/**
 * Moves the VF's RDMA devices to the host. The kernel moves those of a deleted namespace.
 * @throws {CniError} code 11 if one does not appear on the host.
 */
function moveToHost(attachment: StepContext, rdma: RdmaNames): void {
  const { node, record, containerNetns, deadline } = attachment;
  const { pci } = record.vf;
  const areOnHost = () => {
    if (node.functions.rdmaDevices(pci).length < rdma.devices.length) renameHiddenDevices(attachment, rdma);
    return node.functions.rdmaDevices(pci).length >= rdma.devices.length || undefined;
  };
  if (areOnHost()) return;
  const watch = node.rdma.watch();
  try {
    if (containerNetns !== undefined) returnRdmaToHost(attachment, pci, containerNetns);
    if (waitFor(watch, Math.min(node.clock.now() + netnsTeardownTimeout, deadline), areOnHost)) return;
  } finally {
    watch.close();
  }
  const away = node.functions.rdmaDevicesAnywhere(pci);
  // Another driver may be bound, one without RDMA devices.
  if (away.length === 0) return;
  throw new CniError(
    codes.tryAgain,
    `another network namespace still holds the RDMA device ${away.join(", ")} of VF ${pci}`,
  );
}
