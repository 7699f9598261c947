import type { Namespace } from "../../node/namespaces.ts";
import type { Node } from "../../node/node.ts";
import { isFileName } from "../../node/pci-functions.ts";
import type { RdmaDevice } from "../../node/rdma-devices.ts";
import type { StepContext } from "../context.ts";
import { attemptAll } from "../errors.ts";
import type { VfSession } from "../lock/locks.ts";

/** Moves those of the VF's RDMA devices that a container has to the host. Their names are not restored here. */
export function returnRdmaToHost(
  { node, locks, deadline }: VfSession,
  pci: string,
  containerNetns: Namespace,
): void {
  locks.whileNodeIsLocked(deadline, () => {
    for (const { index } of rdmaDevicesIn(node, pci, containerNetns))
      node.rdma.move(containerNetns, index, node.namespaces.host);
  });
}

/** Returns the names of the VF's RDMA devices that are in another namespace than the host's. */
export function rdmaDevicesAway(node: Node, pci: string): string[] {
  const onHost = node.functions.rdmaDevices(pci);
  const away = node.functions.rdmaDevicesAnywhere(pci).filter((name) => !onHost.includes(name));
  if (away.every(isFileName)) return away;
  // A container has given the device a name that sysfs cannot show, and its namespace may be gone since.
  const names = node.rdma.devices(node.namespaces.host).map(({ name }) => name);
  return away.filter((name) => !names.includes(name));
}

/** Returns those of the VF's RDMA devices that are in a container. */
export function rdmaDevicesIn(node: Node, pci: string, containerNetns: Namespace): RdmaDevice[] {
  const names = rdmaDevicesAway(node, pci);
  return names.length === 0
    ? []
    : node.rdma.devices(containerNetns).filter(({ name }) => names.includes(name));
}

/** The RDMA devices that are visible on the host. */
export interface HostRdmaDevices {
  /** The devices of the VF. */
  readonly own: readonly RdmaDevice[];
  /** The devices of all other functions. In the shared mode these include devices that containers use. */
  readonly others: readonly RdmaDevice[];
}

/** How often the VF's devices are read again if udev renames them between the two reads. */
const ATTEMPTS = 3;

/**
 * Lists the node's RDMA devices. It needs both RDMA netlink, which does not report a device's PCI function, and sysfs,
 * which does not report a device's index.
 * @param known names of the VF's devices, if the caller has just read them.
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

/**
 * Restores adaptive moderation of a VF's RDMA devices, unless processes use a device.
 * @param devices the VF's RDMA devices on the host.
 * @returns why the VF must be rebound before the next container gets it; `undefined` if it need not be.
 */
export function reasonToRebind(attachment: StepContext, devices: readonly RdmaDevice[]): string | undefined {
  return processesOf(attachment, devices) ?? restoreModeration(attachment, devices);
}

/**
 * Restores adaptive moderation, which CAP_NET_ADMIN suffices to change, in shared mode even for devices of the host.
 * @returns the message that it cannot be restored; `undefined` if it is.
 */
function restoreModeration(
  { node, record }: StepContext,
  devices: readonly RdmaDevice[],
): string | undefined {
  const { adaptiveModeration: on, rdma } = record.originals;
  if (on === undefined) return undefined;
  for (const { index, name, adaptiveModeration } of devices) {
    // A name that a container has changed may not be restored.
    const wanted = rdma?.devices.includes(name) === false ? on.length > 0 : on.includes(name);
    if (adaptiveModeration === undefined || adaptiveModeration === wanted) continue;
    const set = () => node.rdma.setAdaptiveModeration(node.namespaces.host, index, wanted);
    // Try twice: a failure can be temporary, and a rebind costs much more.
    if (attemptAll([set]).length > 0 && attemptAll([set]).length > 0)
      return `cannot restore adaptive moderation of ${name}: VF ${record.vf.pci} is rebound to reset it`;
  }
  return undefined;
}

/**
 * Returns the message that processes still use a VF's RDMA device, which a rebind ends: a process of a container that
 * has ended would send and receive over the VF while the next container has it. `undefined` if no process uses it.
 * @param devices the VF's RDMA devices on the host.
 */
function processesOf({ node, record }: StepContext, devices: readonly RdmaDevice[]): string | undefined {
  const { host } = node.namespaces;
  const device = devices.find(({ index }) => (node.rdma.contexts(host, index) ?? 0) > 0);
  return (
    device &&
    `a process still uses the RDMA device ${device.name} of VF ${record.vf.pci}; its driver is bound again`
  );
}
