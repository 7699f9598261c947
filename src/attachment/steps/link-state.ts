import { CniError, codes } from "../../cni/errors.ts";
import { propertiesOf } from "../attachment-kinds.ts";
import type { Step, StepContext } from "../context.ts";
import { changesGuid } from "../record/record.ts";
import { netdevOf } from "../vf/netdev.ts";
import { waitFor } from "../vf/wait-for.ts";

/**
 * Time from the beginning of ADD until the subnet administrator has usually answered the kernel's first query, ms. The
 * kernel sends the query 1000 ms after the port came up (IB_SA_CPI_RETRY_WAIT of drivers/infiniband/core/sa_query.c); the
 * rest is for bringing the port up, and for the answer.
 */
const firstAnswer = 1300;

/**
 * Time from the beginning of ADD until IPoIB has joined the multicast groups of every interface, also those of IPv6,
 * ms.
 */
const allJoined = 3000;

/** Time for the subnet administrator to answer when IPoIB leaves its groups, ms. */
const leaveTime = 150;

/** Time limit for the netdev to lose its carrier after the port was taken down, ms (10 to 30 ms were measured). */
const carrierLoss = 500;

/** Sets the VF's link policy at the PF. */
export const linkState: Step = {
  name: "link state",

  isNeeded: ({ record }) => record.desired.linkState !== undefined,

  apply({ node, record, pf }) {
    const { linkState } = record.desired;
    if (linkState === undefined || linkState === record.originals.linkState) return;
    node.links.setVfConfig(pf().index, record.vf.index, { linkState });
  },

  undo(attachment) {
    const { node, record, pf, vfConfig } = attachment;
    const desired = record.desired.linkState;
    // If the kernel did not report the original policy, undo sets the default policy of a new VF.
    const original = record.originals.linkState ?? "auto";
    if (desired === undefined || desired === original) return;
    const now = vfConfig().linkState;
    if (now !== undefined && now !== desired) return;
    const restore = () => node.links.setVfConfig(pf().index, record.vf.index, { linkState: original });
    if (original !== "disable" || hasNewDevice(attachment)) restore();
    else takeDown(attachment, restore);
  },

  verify({ record, vfConfig }) {
    const wanted = record.desired.linkState;
    if (wanted === undefined) return;
    const found = vfConfig().linkState;
    if (found === undefined || found === wanted) return;
    throw new CniError(codes.node, `the link state of VF ${record.vf.pci} is ${found}, not ${wanted}`);
  },
};

/**
 * Reports whether the VF's RDMA device was created after ADD set the policy, or is about to be created: a rebind, or a
 * move between namespaces, has ended the kernel's queries for the old device.
 */
function hasNewDevice({ record }: StepContext): boolean {
  const { desired, originals } = record;
  return (
    !propertiesOf(record).hasRdmaDevices || changesGuid(desired, originals) || desired.rdmaIsolation === true
  );
}

/**
 * Takes the VF's port down at a moment when the kernel has no open query to the subnet administrator. With the port
 * down, the kernel would wait for each answer for seconds:
 * - for the first answer in a work queue that all RDMA devices share, so that each unbind on the node waits, too
 *   (ib_sa_remove_one);
 * - for a group that IPoIB joins while the netdev is taken down, under the lock of all netdevs;
 * - for a group that IPoIB leaves at the next unbind of the VF.
 */
function takeDown(attachment: StepContext, disable: () => void): void {
  const { node, record, containerNetns, deadline } = attachment;
  const where = containerNetns ?? node.namespaces.host;
  const link = propertiesOf(record).hasNetdev ? netdevOf(node, where, record.vf.pci) : undefined;
  const watch = node.links.watch(where, "links");
  const waitAtMost = (time: number, look: () => true | undefined) =>
    waitFor(watch, Math.min(node.clock.now() + time, deadline), look);
  try {
    const age = node.clock.wall() - record.since;
    // A negative age means that the wall clock has been set back.
    if (age >= 0 && age < allJoined) {
      if (link?.up === true) node.links.set(where, link.index, { up: false });
      waitAtMost(Math.max(firstAnswer - age, leaveTime), () => undefined);
      disable();
      return;
    }
    // Disable the port while the netdev is up: IPoIB then drops its groups without a message to the administrator.
    disable();
    if (link?.carrier !== true) return;
    waitAtMost(carrierLoss, () => node.links.byIndex(where, link.index)?.carrier !== true || undefined);
  } finally {
    watch.close();
  }
}
