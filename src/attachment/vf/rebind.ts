import { messageOf } from "../../cni/error-document.ts";
import { CniError, codes } from "../../cni/errors.ts";
import type { Link } from "../../node/links.ts";
import type { RdmaNames } from "../../node/pci-functions.ts";
import { propertiesOf } from "../attachment-kinds.ts";
import type { StepContext } from "../context.ts";
import { requireOwnDriver } from "./foreign-driver.ts";
import { netdevOf } from "./netdev.ts";
import { waitFor } from "./wait-for.ts";

/** Time limit for the VF's RDMA device and netdev to appear after a bind, or after a move of the RDMA device, ms. */
export const netdevTimeout = 10_000;
/** Time limit for the files of an RDMA device below /dev/infiniband to appear after the device, ms. */
const filesTime = 1000;

/**
 * Unbinds the VF's driver and binds it again, which is how new GUIDs take effect. A rebind returns all devices of the
 * VF to the host, from any namespace, and makes a new netdev with default attributes. It never unbinds another driver
 * than the recorded one.
 *
 * The lock of the node is held until the VF's RDMA device and its files exist: the kernel assigns new names and
 * /dev/infiniband numbers, and a rebind or an RDMA move of another VF at the same time could swap theirs. The wait for
 * the netdev does not hold the lock, so that a netdev that does not appear does not delay the other VFs of the node.
 * @returns the new netdev; `undefined` if the VF has no netdev by design.
 */
export function rebind(attachment: StepContext): Link | undefined {
  const { node, record, locks, deadline, observe } = attachment;
  const { pci } = record.vf;
  const { host } = node.namespaces;
  const { driver } = record.originals;
  const { hasNetdev } = propertiesOf(record);
  const watch = hasNetdev ? node.links.watch(host, "links") : node.rdma.watch();
  try {
    const unbindAndBind = () => {
      const names = record.originals.rdma ?? rdmaNames(attachment);
      if (requireOwnDriver(attachment) === "recorded")
        observe("wait", "driver unbind", undefined, () => node.functions.unbind(pci, driver));
      observe("wait", "driver bind", undefined, () => bindDriver(attachment));
      const end = Math.min(node.clock.now() + netdevTimeout, deadline);
      waitForRdma(attachment, names, end);
      return end;
    };
    const until = locks.whileNodeIsLocked(deadline, unbindAndBind);
    if (!hasNetdev) {
      if (waitFor(watch, until, () => node.functions.rdmaDevices(pci).length > 0 || undefined))
        return undefined;
      throw new CniError(
        codes.node,
        `VF ${pci} has had no RDMA device for ${netdevTimeout / 1000} s after ${driver} was bound to it; see dmesg`,
      );
    }
    const link = observe("wait", "netdev", undefined, () =>
      waitFor(watch, until, () => netdevOf(node, host, pci)),
    );
    if (link !== undefined) return link;
  } finally {
    watch.close();
  }
  if (node.clock.now() >= deadline) {
    throw new CniError(
      codes.tryAgain,
      `rebind VF ${pci}: the time limit passed before it had a netdev again`,
    );
  }
  throw new CniError(
    codes.node,
    `VF ${pci} has had no netdev for ${netdevTimeout / 1000} s after ${record.originals.driver} was bound to it; ` +
      "check that ib_ipoib is loaded (modprobe ib_ipoib), and see dmesg",
  );
}

/** Returns the present names of the VF's RDMA devices and files, for a record that does not contain them. */
function rdmaNames({ node, record }: StepContext): RdmaNames {
  const { pci } = record.vf;
  return { devices: node.functions.rdmaDevices(pci), files: node.functions.rdmaFiles(pci) };
}

/**
 * Waits until the VF has as many RDMA devices and files below /dev/infiniband as before, under any names. They mostly
 * exist when `bind` returns, because the kernel registers them within the probe. A missing device or file is not an
 * error here: the caller reports a missing netdev or name.
 */
function waitForRdma({ node, record }: StepContext, before: RdmaNames, end: number): void {
  const { pci } = record.vf;
  const { devices, files } = before;
  // A file appears after its device, so checking the files is enough.
  const usual = files.length > 0 ? { devices: [], files } : before;
  if (node.functions.hasRdmaNames(pci, usual)) return;
  const watch = node.rdma.watch();
  try {
    waitFor(watch, end, () => node.functions.rdmaDevices(pci).length >= devices.length || undefined);
    const filesEnd = Math.min(node.clock.now() + filesTime, end);
    waitFor(watch, filesEnd, () => node.functions.rdmaFiles(pci).length >= files.length || undefined);
  } finally {
    watch.close();
  }
}

/** Binds the VF's driver. It tries twice, because a probe can fail temporarily (firmware busy). */
export function bindDriver({ node, record, warn }: StepContext): void {
  const { pci } = record.vf;
  const { driver } = record.originals;
  try {
    node.functions.bind(pci, driver);
  } catch (error) {
    if (node.functions.driver(pci) === driver) return;
    warn(`${driver} did not bind to VF ${pci}, trying again: ${messageOf(error)}`);
    try {
      node.functions.bind(pci, driver);
    } catch (cause) {
      throw new CniError(
        codes.node,
        `cannot bind VF ${pci} to ${driver}: ${messageOf(cause)}; the VF has no driver now; see dmesg, then: ` +
          `ib-sriov bind ${pci}`,
        { cause },
      );
    }
  }
}
