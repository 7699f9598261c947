import { messageOf } from "../../cni/error-document.ts";
import { CniError, codes } from "../../cni/errors.ts";
import type { Link } from "../../node/links.ts";
import type { RdmaNames } from "../../node/pci-functions.ts";
import type { StepContext } from "../context.ts";
import { attempt } from "../errors.ts";
import { requireOwnDriver } from "./driver.ts";
import { netdevOf } from "./netdev.ts";
import { waitFor } from "./wait.ts";

/** Limit for the VF's RDMA device and netdev to appear after its driver was bound, or its RDMA device moved, ms. */
export const netdevTimeout = 10_000;
/** Limit for the files of an RDMA device below /dev/infiniband to appear after the device, ms. */
const filesTime = 1000;

/**
 * Unbinds the VF's driver and binds it again, which is how new GUIDs come into effect. It brings everything
 * of the VF home from whatever namespace it is in, and makes a new netdev with default attributes. It never unbinds
 * another driver than the recorded one.
 *
 * The node's lock is held until the VF's RDMA device and its files are there: the kernel hands out names and
 * /dev/infiniband numbers anew, and another VF's rebind or RDMA move in the middle would swap theirs. The netdev is
 * waited for without the lock, so that one that does not appear does not delay the other VFs of the node.
 * @returns the new netdev; undefined where the VF is one that has none.
 */
export function rebind(attachment: StepContext): Link | undefined {
  const { node, record, locks, deadline } = attachment;
  const { pci } = record.vf;
  const { host } = node.namespaces;
  const { driver } = record.found;
  const hasNetdev = record.mode === undefined;
  const watch = hasNetdev ? node.links.watch(host, "links") : node.rdma.watch();
  try {
    const again = () => {
      const names = record.found.rdma ?? rdmaNames(attachment);
      if (requireOwnDriver(attachment) === "recorded") {
        attempt(`unbind VF ${pci} from ${driver}`, () => node.functions.unbind(pci, driver));
      }
      bind(attachment);
      const end = Math.min(node.clock.now() + netdevTimeout, deadline);
      waitForRdma(attachment, names, end);
      return end;
    };
    const until = locks.whileNodeIsLocked(deadline, again);
    if (!hasNetdev) {
      if (waitFor(watch, until, () => node.functions.rdmaDevices(pci).length > 0 || undefined))
        return undefined;
      throw new CniError(
        codes.node,
        `VF ${pci} has had no RDMA device for ${netdevTimeout / 1000} s after ${record.found.driver} was bound to it; see dmesg`,
      );
    }
    const link = waitFor(watch, until, () => netdevOf(node, host, pci));
    if (link !== undefined) return link;
  } finally {
    watch.close();
  }
  if (node.clock.now() >= deadline) {
    throw new CniError(codes.tryAgain, `time was up before VF ${pci} had a netdev again`);
  }
  throw new CniError(
    codes.node,
    `VF ${pci} has had no netdev for ${netdevTimeout / 1000} s after ${record.found.driver} was bound to it; ` +
      "is ib_ipoib loaded (modprobe ib_ipoib), and what does dmesg say?",
  );
}

/** The names of the VF's RDMA devices and files as they are now, for a record that does not have them. */
function rdmaNames({ node, record }: StepContext): RdmaNames {
  const { pci } = record.vf;
  return { devices: node.functions.rdmaDevices(pci), files: node.functions.rdmaFiles(pci) };
}

/**
 * Waits until the VF has as many RDMA devices and files below /dev/infiniband as before, under whatever names. They are
 * mostly there when `bind` returns, because the kernel registers them within the probe. What does not appear is no
 * error here: the caller reports the netdev, or the names, that are missing.
 */
function waitForRdma({ node, record }: StepContext, before: RdmaNames, end: number): void {
  const { pci } = record.vf;
  const { devices, files } = before;
  // A file appears after its device, so that the device need not be asked for.
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

/** Binds the VF's driver. A probe can fail for a moment (firmware busy): one failure is tried again. */
function bind({ node, record, warn }: StepContext): void {
  const { pci } = record.vf;
  const { driver } = record.found;
  try {
    node.functions.bind(pci, driver);
  } catch (error) {
    if (node.functions.driver(pci) === driver) return;
    warn(`${driver} did not bind to VF ${pci}, trying again: ${messageOf(error)}`);
    attempt(
      `bind VF ${pci} to ${driver}`,
      () => node.functions.bind(pci, driver),
      `the VF has no driver now; see dmesg, then: echo ${pci} > /sys/bus/pci/drivers/${driver}/bind`,
    );
  }
}
