import type { Port } from "../../node/inventory.ts";
import { VFIO_DRIVER } from "../../node/pci-functions.ts";
import type { CliContext } from "../context.ts";
import type { InventoriedPf } from "../inventory.ts";
import type { DoctorContext } from "./context.ts";
import { error, type Finding, type MissingTool, ok, warning } from "./finding.ts";
import { hasModule } from "./kernel.ts";

/** PCI class of an InfiniBand controller (the PCI ID database, 02 07), as sysfs shows it; the rest is its interface. */
const INFINIBAND_CLASS = "0x0207";
const PCI = "/sys/bus/pci/devices";
const RDMA = "/sys/class/infiniband";

/** The PFs: their drivers, netdevs, VFs and ports. */
export function physicalFunctions(patient: DoctorContext): Finding[] {
  const { pfs, inventory } = patient;
  if (pfs === undefined) return [];
  const unusable = inventory.names(PCI).flatMap((pci) => unused(patient, pci, pfs));
  if (pfs.length === 0) return unusable.length > 0 ? unusable : nothing(patient);
  // Some may be for the node alone; where none has a VF there is nothing to attach.
  const lack: MissingTool = pfs.some(({ vfs }) => vfs.length > 0) ? warning : error;
  const used = pfs.flatMap((pf) => {
    const short = [
      ...netdevOf(patient, pf),
      ...vfsOf(pf, lack),
      ...pf.ports.flatMap((port) => portOf(pf, port)),
    ];
    return short.length > 0 ? short : ok(description(pf));
  });
  return [...unusable, ...used];
}

function description({ pci, driver, netdev, rdma, ports, vfs, possibleVfs }: InventoriedPf): string {
  const links = ports.map(
    ({ state, rate, subnetManager }) => `${state}, ${rate}, subnet manager at LID ${subnetManager}`,
  );
  return `${pci} (${netdev?.name}, ${rdma}, ${driver}): ${links.join("; ")}; ${vfs.length} of ${possibleVfs} VFs`;
}

/** What an InfiniBand function lacks that is there, but no PF that could be used. */
function unused({ node, inventory }: CliContext, pci: string, pfs: readonly InventoriedPf[]): Finding[] {
  const directory = `${PCI}/${pci}`;
  const isInfiniband = inventory.text(`${directory}/class`)?.startsWith(INFINIBAND_CLASS);
  if (!isInfiniband || inventory.names(`${directory}/physfn`).length > 0) return [];
  const lack: MissingTool = pfs.length > 0 ? warning : error;
  const { functions } = node;
  const driver = functions.driver(pci);
  if (driver === VFIO_DRIVER) return ok(`${pci} is bound to ${driver}, to be handed out as a whole`);
  if (driver === undefined)
    return lack(`${pci} has no driver`, {
      command: `modprobe mlx5_core; echo ${pci} >/sys/bus/pci/drivers_probe`,
    });
  // In exclusive mode a container can have it; its uverbs tell.
  if (functions.rdmaDevices(pci).length + functions.rdmaDevicesAnywhere(pci).length > 0) return [];
  return lack(`${pci} (${driver}) has no RDMA device`, { command: "modprobe mlx5_ib" });
}

function nothing({ inventory }: CliContext): Finding[] {
  const found = "no PF of this node has a driver and an InfiniBand port";
  const ethernet = inventory
    .names(RDMA)
    .filter((device) => inventory.text(`${RDMA}/${device}/ports/1/link_layer`) === "Ethernet");
  if (ethernet.length === 0) return error(found);
  const toInfiniband = (device: string) =>
    `mstconfig -y -d $(basename $(readlink -f ${RDMA}/${device}/device)) set LINK_TYPE_P1=1`;
  return error(`${found}; those of ${ethernet.join(", ")} are Ethernet ones`, {
    command: ethernet.map(toInfiniband).join("; "),
    advice: "if they are VPI; then reboot",
  });
}

/** Without ib_ipoib none has one, which is told of the kernel. */
function netdevOf({ node, inventory }: CliContext, { pci, netdev, vfs }: InventoriedPf): Finding[] {
  if (netdev !== undefined || vfs.length === 0 || !hasModule(inventory, "ib_ipoib")) return [];
  return error(`${pci} has no netdev on the host: its VFs cannot be configured`, {
    advice: node.functions.hasNetdev(pci) ? RETURN_PF_COMMAND : "dmesg tells why ib_ipoib made none",
  });
}

/** For a netdev in another network namespace, which has no name here. */
export const RETURN_PF_COMMAND = "bring it home: ip -n NAMESPACE link set NETDEV netns 1";

function vfsOf({ pci, vfs, possibleVfs }: InventoriedPf, lack: MissingTool): Finding[] {
  if (vfs.length > 0) return [];
  if (possibleVfs === undefined)
    return lack(`the SR-IOV of ${pci} is off in its firmware`, {
      // Any number; one that is often used.
      command: `mstconfig -y -d ${pci} set SRIOV_EN=1 NUM_OF_VFS=8`,
      advice: "then reboot; the BIOS must allow it, too",
    });
  return lack(`${pci} has none of the ${possibleVfs} VFs that it can have`, {
    command: `echo ${possibleVfs} >${PCI}/${pci}/sriov_numvfs`,
    advice: "at every boot: a udev rule, or an operator",
  });
}

/** What a PF's port lacks. A pod with a VF of one that does not work has no network. */
function portOf({ pci, vfs }: InventoriedPf, port: Port): Finding[] {
  const { device, number, linkLayer, state, physicalState, subnetManager } = port;
  if (linkLayer !== "InfiniBand") return [];
  const lack: MissingTool = vfs.length > 0 ? error : warning;
  const found = `port ${number} of ${pci} (${device}) is ${state}`;
  if (state === "DOWN")
    return lack(`${found} (${physicalState})`, {
      advice: "look at the cable and its other end",
    });
  if (state === "ACTIVE" && subnetManager !== 0) return [];
  return lack(`${found}, and there is no subnet manager`, {
    advice: "start one in the subnet: UFM, a switch's, or opensm",
  });
}
