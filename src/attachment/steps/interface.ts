import { CniError, codes } from "../../cni/errors.ts";
import type { Link } from "../../node/links.ts";
import type { Namespace } from "../../node/namespaces.ts";
import type { Node } from "../../node/node.ts";
import type { Attachment, Step } from "../attachment.ts";
import { attempt } from "../failure.ts";
import { hostNetdevOf, netdevOf } from "../vf-netdev.ts";

/** The VF's netdev: in the container, under CNI_IFNAME. */
export const netInterface: Step = {
  name: "interface",

  apply(attachment) {
    const { node, record } = attachment;
    const { host } = node.namespaces;
    const pod = living(attachment);
    const { pci } = record.vf;
    // Seen a moment ago, but udev may have renamed it and given it alternative names since.
    const link = node.links.byIndex(host, attachment.netdev.index) ?? hostNetdevOf(attachment);
    // Those move along and would collide with the container's own.
    if (link.altnames.length > 0) {
      attempt(`take the alternative names off ${link.name} of VF ${pci}`, () =>
        node.links.removeAltnames(host, link.index, link.altnames),
      );
    }
    attempt(`move ${link.name} of VF ${pci} to ${record.netns} as ${record.ifname}`, () =>
      node.links.move(host, link.index, pod, record.ifname),
    );
    const moved = interfaceIn(node, pod, record.ifname);
    attachment.netdev = moved;
    // A rebind has forgotten the MTU that the node's operator gave to this VF.
    if (moved.mtu !== record.found.mtu) {
      attempt(`set the MTU of ${record.ifname} to ${record.found.mtu}`, () =>
        node.links.set(pod, moved.index, { mtu: record.found.mtu }),
      );
    }
  },

  undo(attachment) {
    const { node, record, pod } = attachment;
    const { host } = node.namespaces;
    const { pci } = record.vf;
    if (pod === undefined || netdevOf(node, host, pci) !== undefined) {
      hostNetdevOf(attachment);
      return;
    }
    // Not by name: a move that failed half-way leaves the netdev there under another one.
    const link = netdevOf(node, pod, pci);
    if (link === undefined) {
      hostNetdevOf(attachment);
      return;
    }
    attempt(`move ${link.name} of VF ${pci} from ${record.netns} back to the host`, () => {
      try {
        node.links.move(pod, link.index, host, record.found.name);
      } catch (error) {
        // With its name taken on the host it comes home all the same, under another one.
        if (netdevOf(node, host, pci) === undefined) throw error;
      }
    });
  },

  verify(attachment) {
    const { node, record } = attachment;
    const link = interfaceIn(node, living(attachment), record.ifname);
    if (link.pci !== undefined && link.pci !== record.vf.pci) {
      throw new CniError(codes.node, `${record.ifname} belongs to ${link.pci}, not to VF ${record.vf.pci}`);
    }
    if (!link.up) throw new CniError(codes.node, `${record.ifname} is down`);
  },
};

/**
 * The container's namespace.
 * @throws {CniError} where it is gone.
 */
export function living({ pod, record }: Attachment): Namespace {
  if (pod !== undefined) return pod;
  throw new CniError(codes.badNamespace, `the network namespace ${record.netns} is gone`);
}

/**
 * The container's interface.
 * @throws {CniError} where it is not there (any more).
 */
export function interfaceIn(node: Node, pod: Namespace, ifname: string): Link {
  const link = attempt(`read ${ifname}`, () => node.links.byName(pod, ifname));
  if (link !== undefined) return link;
  throw new CniError(codes.node, `the container has no interface ${ifname}`);
}
