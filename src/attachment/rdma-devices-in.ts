import type { Namespace } from "../node/namespaces.ts";
import type { Node } from "../node/node.ts";
import type { RdmaDevice } from "../node/rdma-devices.ts";
import { attempt } from "./failure.ts";
import type { Locks } from "./locks.ts";

/** Moves what a container has of the VF's RDMA devices to the host, under whatever names. */
export function moveRdmaHome(node: Node, pci: string, pod: Namespace, locks: Locks, deadline: number): void {
  locks.whileNodeIsLocked(deadline, () => {
    for (const { index, name } of rdmaDevicesIn(node, pci, pod)) {
      attempt(`move RDMA device ${name} of VF ${pci} back to the host`, () =>
        node.rdma.move(pod, index, node.namespaces.host),
      );
    }
  });
}

/** The VF's RDMA devices that a container has, and the host has not. */
export function rdmaDevicesIn(node: Node, pci: string, pod: Namespace): RdmaDevice[] {
  const onHost = node.functions.rdmaDevices(pci);
  const names = node.functions.rdmaDevicesAnywhere(pci).filter((name) => !onHost.includes(name));
  return names.length === 0 ? [] : node.rdma.devices(pod).filter(({ name }) => names.includes(name));
}
