import type { Node } from "../../node/node.ts";
import type { RdmaDevice } from "../../node/rdma-devices.ts";

/** RDMA devices that the host can see. */
export interface HostRdmaDevices {
  /** The VF's. */
  readonly own: readonly RdmaDevice[];
  /** The devices of all other functions. In the shared mode these include devices that containers use. */
  readonly others: readonly RdmaDevice[];
}

/** How often the VF's devices are named again while udev renames them between the two looks. */
const ATTEMPTS = 3;

/**
 * Lists the node's RDMA devices. RDMA netlink does not tell whose a device is, and sysfs does not tell its number.
 * @param known names of the VF's devices, if the caller has just looked.
 */
export function hostRdmaDevices(node: Node, pci: string, known?: readonly string[]): HostRdmaDevices {
  let names = known ?? node.functions.rdmaDevices(pci);
  for (let attempt = 1; ; attempt++) {
    const all = node.rdma.devices(node.namespaces.host);
    const own = all.filter(({ name }) => names.includes(name));
    if (own.length === names.length || attempt === ATTEMPTS)
      return { own, others: all.filter((device) => !own.includes(device)) };
    names = node.functions.rdmaDevices(pci);
  }
}
