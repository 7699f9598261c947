import type { Namespace } from "../../node/namespaces.ts";
import type { Node } from "../../node/node.ts";
import type { RdmaDevice } from "../../node/rdma-devices.ts";
import { attempt } from "../errors.ts";
import type { Locks } from "../lock/locks.ts";

/** Moves what a container has of the VF's RDMA devices to the host, under whatever names. */
export function returnRdmaToHost(
  node: Node,
  pci: string,
  pod: Namespace,
  locks: Locks,
  deadline: number,
): void {
  locks.whileNodeIsLocked(deadline, () => {
    for (const { index, name } of rdmaDevicesIn(node, pci, pod)) {
      attempt(`move RDMA device ${name} of VF ${pci} back to the host`, () =>
        node.rdma.move(pod, index, node.namespaces.host),
      );
    }
  });
}

/** Names of the VF's RDMA devices that the host has not, but some other namespace. */
export function rdmaDevicesAway(node: Node, pci: string): string[] {
  const onHost = node.functions.rdmaDevices(pci);
  return node.functions.rdmaDevicesAnywhere(pci).filter((name) => !onHost.includes(name));
}

/** Those of them that a container has. */
export function rdmaDevicesIn(node: Node, pci: string, pod: Namespace): RdmaDevice[] {
  const names = rdmaDevicesAway(node, pci);
  return names.length === 0 ? [] : node.rdma.devices(pod).filter(({ name }) => names.includes(name));
}
