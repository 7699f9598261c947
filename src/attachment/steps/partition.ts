import { CniError, codes } from "../../cni/errors.ts";
import { formatPKey, isOfPartition, type PKey } from "../../infiniband/pkey.ts";
import { propertiesOf } from "../attachment-kinds.ts";
import type { Step, StepContext } from "../context.ts";
import { waitFor } from "../vf/wait-for.ts";
import { interfaceIn, requireContainerNetns } from "./interface.ts";

/**
 * Interval between two reads of the pkey table, ms. The kernel reports a changed table to user space only through the
 * verbs of the device, which would have to be opened for that. IPoIB reacts visibly only if the netdev is up.
 */
const interval = 100;

/**
 * Waits until the VF's port is in the network's partition, if the network sets `waitForPkeySeconds`. The subnet manager
 * writes the pkey when it sees the VF's GUID, which it has from ib-kubernetes. IPoIB takes the pkey of its netdev from
 * index 0 of the port's table. This step changes nothing, so there is nothing to undo. It comes before the move of the
 * RDMA device, because the host cannot read the table of a device in a container.
 */
export const partition: Step = {
  name: "partition",

  isNeeded: ({ record }) => record.desired.partition !== undefined,

  apply(attachment) {
    const { node, record, deadline } = attachment;
    const { pci } = record.vf;
    const wanted = record.desired.partition;
    if (wanted === undefined) return;
    const isThere = () => keysOf(attachment).every(isIn(wanted.pkey)) || undefined;
    const end = Math.min(node.clock.now() + wanted.time, deadline);
    const watch = node.links.watch(node.namespaces.host, "links");
    try {
      for (let until = 0; until < end; ) {
        until = Math.min(node.clock.now() + interval, end);
        if (waitFor(watch, until, isThere)) return;
      }
    } finally {
      watch.close();
    }
    throw new CniError(
      codes.tryAgain,
      `VF ${pci} has not come to partition ${formatPKey(wanted.pkey)} in ${wanted.time / 1000} s: index 0 of its pkey ` +
        `table has ${keysOf(attachment).map(show).join(", ")}; check that the subnet manager has the VF's GUID in that ` +
        "partition (see ib-kubernetes), and that the VF's link is up (link_state)",
    );
  },

  verify(attachment) {
    const { node, record } = attachment;
    const wanted = record.desired.partition;
    if (wanted === undefined) return;
    if (!propertiesOf(record).hasNetdev) {
      verifyTable(attachment, wanted.pkey);
      return;
    }
    const containerNetns = requireContainerNetns(attachment);
    const { index, name } = interfaceIn(node, containerNetns, record.ifname);
    const found = node.links.pkey(containerNetns, index);
    if (isIn(wanted.pkey)(found)) return;
    throw new CniError(
      codes.node,
      `${name} is in partition ${show(found)}, not in ${formatPKey(wanted.pkey)} (apart from ` +
        "the membership bit, 0x8000)",
    );
  },
};

/**
 * Verifies the partition of a VF without a netdev by its pkey table. If a container has the RDMA device exclusively,
 * the host cannot read the table, and nothing is verified.
 */
function verifyTable(attachment: StepContext, pkey: PKey): void {
  const { node, record } = attachment;
  const { pci } = record.vf;
  if (node.functions.rdmaDevices(pci).length === 0) return;
  const other = keysOf(attachment).find((key) => !isIn(pkey)(key));
  if (other === undefined) return;
  throw new CniError(codes.node, `VF ${pci} is in partition ${show(other)}, not in ${formatPKey(pkey)}`);
}

/** Returns the first pkey of each of the VF's RDMA devices on the host. */
function keysOf({ node, record }: StepContext): (number | undefined)[] {
  const { pci } = record.vf;
  const keys = node.functions.rdmaDevices(pci).map((name) => node.functions.firstPKey(pci, name));
  return keys.length === 0 ? [undefined] : keys;
}

function isIn(pkey: PKey): (key: number | undefined) => boolean {
  return (key) => key !== undefined && isOfPartition(key, pkey);
}

function show(key: number | undefined): string {
  return key === undefined ? "none" : `0x${key.toString(16).padStart(4, "0")}`;
}
