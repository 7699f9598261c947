import { CniError, codes } from "../../cni/errors.ts";
import type { Link } from "../../node/links.ts";
import { propertiesOf } from "../attachment-kinds.ts";
import type { AddContext, Step } from "../context.ts";
import { mayHaveStaleGuids, restoreAdminGuids } from "../vf/admin-guids.ts";
import { netdevOf } from "../vf/netdev.ts";
import { restoreRdmaNames } from "../vf/rdma-names.ts";
import { bindDriver, netdevTimeout, rebind } from "../vf/rebind.ts";
import { waitFor } from "../vf/wait-for.ts";

/**
 * Binds a VF that has no driver, or binds it again, which creates the VF's devices again. ADD never needs this
 * step: it is that of `ib-sriov bind`.
 */
export const driver = {
  name: "driver",

  apply(attachment) {
    const { locks, record, deadline } = attachment;
    // The driver reads the GUIDs when it is bound.
    if (mayHaveStaleGuids(record)) restoreAdminGuids(attachment);
    if (!propertiesOf(record).hasRdmaDevices) {
      locks.whileNodeIsLocked(deadline, () => bindDriver(attachment));
      return;
    }
    rebind(attachment);
    restoreRdmaNames(attachment);
    attachment.netdev = waitForNetdev(attachment);
  },

  verify({ node, record: { vf, originals } }) {
    const bound = node.functions.driver(vf.pci);
    if (bound === originals.driver) return;
    throw new CniError(
      codes.node,
      `VF ${vf.pci} is bound to ${bound ?? "no driver"}, not to ${originals.driver}`,
    );
  },
} satisfies Step;

/**
 * Waits for the netdev that IPoIB creates. If the PF has no netdev, ib_ipoib is not loaded, and the VF gets none.
 * @throws {CniError} if the netdev does not appear.
 */
function waitForNetdev({ node, record: { vf, originals }, deadline }: AddContext): Link | undefined {
  const { host } = node.namespaces;
  if (netdevOf(node, host, vf.pf) === undefined) return undefined;
  const end = Math.min(node.clock.now() + netdevTimeout, deadline);
  const watch = node.links.watch(host, "links");
  try {
    const link = waitFor(watch, end, () => netdevOf(node, host, vf.pci));
    if (link !== undefined) return link;
  } finally {
    watch.close();
  }
  throw new CniError(
    node.clock.now() >= deadline ? codes.tryAgain : codes.node,
    `VF ${vf.pci} is bound to ${originals.driver}, and has no netdev ${netdevTimeout / 1000} s later; ` +
      "see dmesg for the error of ib_ipoib",
  );
}
