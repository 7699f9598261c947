import type { Inventory } from "../../node/inventory.ts";

/** The distance between two PCI functions, as `nvidia-smi topo` names it, the nearest first. */
export type Distance = "PIX" | "PXB" | "PHB" | "NODE" | "SYS";

/** The meaning of each distance. */
export const DISTANCES: Readonly<Record<Distance, string>> = {
  PIX: "at most one PCIe switch",
  PXB: "several PCIe switches, without the host bridge",
  PHB: "one PCIe host bridge",
  NODE: "several PCIe host bridges of one NUMA node",
  SYS: "the interconnect between NUMA nodes",
};

/** The place of a PCI function in the machine. */
export interface PciPlace {
  /** The sysfs path of its host bridge. */
  readonly hostBridge: string;
  /** The PCI addresses of the ports between host bridge and function: a root port, then two for each switch. */
  readonly ports: readonly string[];
  /** `undefined` if the firmware does not report it, and the machine has several nodes. */
  readonly numaNode: number | undefined;
}

/** The directory of a host bridge: domain and first bus (drivers/pci/probe.c, pci_register_host_bridge). */
const HOST_BRIDGE = /^pci[0-9a-f]+:[0-9a-f]+$/;

/** Returns the place of a PCI function. */
export function placeOf(inventory: Inventory, pci: string): PciPlace {
  const parts = inventory.sysfsDirectory(pci).split("/");
  // Intel's Volume Management Device is a host bridge below another one.
  const bridge = parts.findLastIndex((part) => HOST_BRIDGE.test(part));
  return {
    hostBridge: parts.slice(0, bridge + 1).join("/"),
    ports: parts.slice(bridge + 1, -1),
    numaNode: numaNodeOf(inventory, pci) ?? onlyNode(inventory),
  };
}

/** Returns the NUMA node of a PCI function; `undefined` if the firmware does not report it. */
export function numaNodeOf(inventory: Inventory, pci: string): number | undefined {
  const text = inventory.text(`${inventory.sysfsDirectory(pci)}/numa_node`);
  // The kernel reports -1 (NUMA_NO_NODE) if the firmware reports nothing.
  return text === undefined || text === "-1" ? undefined : Number(text);
}

/** Returns 0 if the machine has one NUMA node, or if its kernel does not support NUMA. */
function onlyNode(inventory: Inventory): number | undefined {
  const nodes = inventory.names("/sys/devices/system/node").filter((name) => /^node\d+$/.test(name));
  return nodes.length > 1 ? undefined : 0;
}

/** Returns the distance between two PCI functions. Functions whose NUMA node is not known count as on different nodes. */
export function distanceBetween(one: PciPlace, other: PciPlace): Distance {
  if (one.hostBridge !== other.hostBridge)
    return one.numaNode !== undefined && one.numaNode === other.numaNode ? "NODE" : "SYS";
  const differing = one.ports.findIndex((port, i) => port !== other.ports[i]);
  const shared = differing < 0 ? one.ports.length : differing;
  if (shared === 0) return "PHB";
  // Behind one switch, each function has at most a downstream port that the other function does not have.
  return Math.max(one.ports.length, other.ports.length) - shared <= 1 ? "PIX" : "PXB";
}
