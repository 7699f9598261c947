import { CniError, codes } from "../../cni/errors.ts";
import type { Step, StepContext } from "../context.ts";
import { attempt } from "../errors.ts";
import { changesGuid } from "../record/record.ts";
import { netdevOf } from "../vf/netdev.ts";
import { waitFor } from "../vf/wait.ts";

/**
 * How long after ADD began the kernel's first question to the subnet administrator is answered, ms: 1000 after the port
 * has come up it asks what the administrator can do (IB_SA_CPI_RETRY_WAIT of drivers/infiniband/core/sa_query.c).
 */
const firstAnswer = 1300;

/** How long after ADD began IPoIB has joined the multicast groups that every interface wants, also those of IPv6, ms. */
const allJoined = 3000;

/** How long the subnet administrator may take to answer that IPoIB leaves its groups, ms. */
const leaveTime = 150;

/** How long the netdev may take to lose its carrier when the port is taken down, ms (10 to 30 were measured). */
const carrierLoss = 500;

/** The policy of the VF's link, set through the PF. */
export const linkState: Step = {
  name: "link state",

  isNeeded: ({ record }) => record.wanted.linkState !== undefined,

  apply({ node, record, pf }) {
    const { linkState } = record.wanted;
    if (linkState === undefined || linkState === record.found.linkState) return;
    attempt(`set the link state of VF ${record.vf.pci} to ${linkState}`, () =>
      node.links.setVfConfig(pf().index, record.vf.index, { linkState }),
    );
  },

  undo(attachment) {
    const { node, record, pf, vfConfig } = attachment;
    const ours = record.wanted.linkState;
    // Where the kernel could not tell what there was, the default of a new VF's policy goes back.
    const original = record.found.linkState ?? "auto";
    if (ours === undefined || ours === original) return;
    attempt(`put the link state of VF ${record.vf.pci} back to ${original}`, () => {
      const now = vfConfig().linkState;
      if (now !== undefined && now !== ours) return;
      const restore = () => node.links.setVfConfig(pf().index, record.vf.index, { linkState: original });
      if (original !== "disable" || hasNewDevice(attachment)) restore();
      else takeDown(attachment, restore);
    });
  },

  verify({ record, vfConfig }) {
    const wanted = record.wanted.linkState;
    if (wanted === undefined) return;
    const found = vfConfig().linkState;
    if (found === undefined || found === wanted) return;
    throw new CniError(codes.node, `the link state of VF ${record.vf.pci} is ${found}, not ${wanted}`);
  },
};

/**
 * Reports whether the VF's RDMA device is another one than when ADD set the policy, or is about to be: a rebind, or a move
 * between namespaces, has ended what the kernel asked on behalf of the old one.
 */
function hasNewDevice({ record }: StepContext): boolean {
  const { wanted, found, mode } = record;
  return mode === "vfio" || changesGuid(wanted, found) || wanted.rdmaIsolation === true;
}

/**
 * Takes the VF's port down so that the kernel waits for no answer of the subnet administrator. It would wait for seconds:
 * for the first one in a work queue that all RDMA devices share, and each unbind on the node with it (ib_sa_remove_one);
 * for a group that IPoIB joins while the netdev is taken down, under the lock of all netdevs; for one that it leaves when
 * the VF is unbound next.
 */
function takeDown(attachment: StepContext, disable: () => void): void {
  const { node, record, pod, deadline } = attachment;
  const where = pod ?? node.namespaces.host;
  const link = record.mode === undefined ? netdevOf(node, where, record.vf.pci) : undefined;
  const watch = node.links.watch(where, "links");
  const waitAtMost = (time: number, look: () => true | undefined) =>
    waitFor(watch, Math.min(node.clock.now() + time, deadline), look);
  try {
    const age = node.clock.wall() - record.since;
    // The wall clock may have been set since.
    if (age >= 0 && age < allJoined) {
      if (link?.up === true) node.links.set(where, link.index, { up: false });
      waitAtMost(Math.max(firstAnswer - age, leaveTime), () => undefined);
      disable();
      return;
    }
    // While the netdev is up: IPoIB then drops its groups without telling the administrator.
    disable();
    if (link?.carrier !== true) return;
    waitAtMost(carrierLoss, () => node.links.byIndex(where, link.index)?.carrier !== true || undefined);
  } finally {
    watch.close();
  }
}
