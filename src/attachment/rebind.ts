import { messageOf } from "../cni/error-document.ts";
import { CniError, codes } from "../cni/errors.ts";
import type { Link } from "../node/links.ts";
import type { Attachment } from "./attachment.ts";
import { attempt } from "./failure.ts";
import { netdevOf } from "./vf-netdev.ts";
import { waitFor } from "./wait.ts";

/** How long the VF's netdev may take to be there once its driver was bound, or its RDMA device moved, ms. */
export const registration = 10_000;

/**
 * Unbinds the VF's driver and binds it again, which is how new GUIDs come into effect. It brings everything
 * of the VF home from whatever namespace it is in, and makes a new netdev with default attributes.
 *
 * The node's lock is held meanwhile: the kernel hands out /dev/infiniband numbers anew, and another VF's
 * rebind or RDMA move in the middle would swap theirs.
 * @returns the new netdev; undefined where the VF is one that has none.
 */
export function rebind(attachment: Attachment): Link | undefined {
  const { node, record, locks, deadline } = attachment;
  const { pci } = record.vf;
  const { host } = node.namespaces;
  return locks.whileNodeIsLocked(deadline, () => {
    const hasNetdev = record.mode === undefined;
    const watch = hasNetdev ? node.links.watch(host, "links") : node.rdma.watch();
    try {
      const bound = node.functions.driver(pci);
      if (bound !== undefined) {
        attempt(`unbind VF ${pci} from ${bound}`, () => node.functions.unbind(pci, bound));
      }
      bind(attachment);
      const until = Math.min(node.clock.now() + registration, deadline);
      if (!hasNetdev) {
        if (waitFor(watch, until, () => node.functions.rdmaDevices(pci).length > 0 || undefined))
          return undefined;
        throw new CniError(
          codes.node,
          `VF ${pci} has had no RDMA device for ${registration / 1000} s after ${record.found.driver} was bound to it; see dmesg`,
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
      `VF ${pci} has had no netdev for ${registration / 1000} s after ${record.found.driver} was bound to it; ` +
        "is ib_ipoib loaded (modprobe ib_ipoib), and what does dmesg say?",
    );
  });
}

/** Binds the VF's driver. A probe can fail for a moment (firmware busy): one failure is tried again. */
function bind({ node, record, warn }: Attachment): void {
  const { pci } = record.vf;
  const { driver } = record.found;
  try {
    node.functions.bind(pci, driver);
  } catch (error) {
    if (node.functions.driver(pci) !== undefined) return;
    warn(`${driver} did not bind to VF ${pci}, trying again: ${messageOf(error)}`);
    attempt(
      `bind VF ${pci} to ${driver}`,
      () => node.functions.bind(pci, driver),
      `the VF has no driver now; see dmesg, then: echo ${pci} > /sys/bus/pci/drivers/${driver}/bind`,
    );
  }
}
