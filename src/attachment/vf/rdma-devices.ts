import type { Namespace } from "../../node/namespaces.ts";
import type { Node } from "../../node/node.ts";
import type { RdmaDevice } from "../../node/rdma-devices.ts";
import { attempt } from "../errors.ts";
import type { Locks } from "../lock/locks.ts";

/** Moves those of the VF's RDMA devices that a container has to the host. Their names are not restored here. */
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

/** Returns the names of the VF's RDMA devices that are in another namespace than the host's. */
export function rdmaDevicesAway(node: Node, pci: string): string[] {
  const onHost = node.functions.rdmaDevices(pci);
  return node.functions.rdmaDevicesAnywhere(pci).filter((name) => !onHost.includes(name));
}

/** Returns those of the VF's RDMA devices that are in a container. */
export function rdmaDevicesIn(node: Node, pci: string, pod: Namespace): RdmaDevice[] {
  const names = rdmaDevicesAway(node, pci);
  return names.length === 0 ? [] : node.rdma.devices(pod).filter(({ name }) => names.includes(name));
}
