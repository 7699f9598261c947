import type { Port } from "../../node/inventory.ts";
import { VFIO_DRIVER } from "../../node/pci-functions.ts";
import type { CliContext } from "../context.ts";
import type { InventoriedPf } from "../inventory.ts";
import type { DoctorContext } from "./context.ts";
import { error, type Finding, ok, type ReportProblem, warning } from "./finding.ts";
import { hasModule } from "./kernel.ts";

/**
 * PCI class of an InfiniBand controller (the PCI ID database, 02 07) in sysfs, without the last byte, its interface.
 */
const INFINIBAND_CLASS = "0x0207";
const PCI = "/sys/bus/pci/devices";
const RDMA = "/sys/class/infiniband";

/** Checks PFs: their drivers, netdevs, VFs and ports. */
export function physicalFunctions(context: DoctorContext): Finding[] {
  const { pfs, inventory } = context;
  if (pfs === undefined) return [];
  const unusable = inventory.names(PCI).flatMap((pci) => unused(context, pci, pfs));
  if (pfs.length === 0) return unusable.length > 0 ? unusable : nothing(context);
  // Some PFs can be for the node itself. If no PF has a VF, nothing can be attached.
  const report: ReportProblem = pfs.some(({ vfs }) => vfs.length > 0) ? warning : error;
  const used = pfs.flatMap((pf) => {
    const problems = [
      ...netdevOf(context, pf),
      ...vfsOf(pf, report),
      ...pf.ports.flatMap((port) => portOf(pf, port)),
    ];
    return problems.length > 0 ? problems : ok(description(pf));
  });
  return [...unusable, ...used];
}

function description({ pci, driver, netdev, rdma, ports, vfs, possibleVfs }: InventoriedPf): string {
  const links = ports.map(
    ({ state, rate, subnetManager }) => `${state}, ${rate}, subnet manager at LID ${subnetManager}`,
  );
  return `${pci} (${netdev?.name}, ${rdma}, ${driver}): ${links.join("; ")}; ${vfs.length} of ${possibleVfs} VFs`;
}

/** Checks why an InfiniBand function is not a usable PF. */
function unused({ node, inventory }: CliContext, pci: string, pfs: readonly InventoriedPf[]): Finding[] {
  const directory = `${PCI}/${pci}`;
  const isInfiniband = inventory.text(`${directory}/class`)?.startsWith(INFINIBAND_CLASS);
  if (!isInfiniband || inventory.names(`${directory}/physfn`).length > 0) return [];
  const report: ReportProblem = pfs.length > 0 ? warning : error;
  const { functions } = node;
  const driver = functions.driver(pci);
  if (driver === VFIO_DRIVER) return ok(`${pci} is bound to ${driver}, and can be attached as a whole`);
  if (driver === undefined)
    return report(`${pci} has no driver`, {
      command: `modprobe mlx5_core; echo ${pci} >/sys/bus/pci/drivers_probe`,
    });
  // In exclusive mode a container can have the RDMA device; its uverbs directory shows that.
  if (functions.rdmaDevices(pci).length + functions.rdmaDevicesAnywhere(pci).length > 0) return [];
  return report(`${pci} (${driver}) has no RDMA device`, { command: "modprobe mlx5_ib" });
}

function nothing({ inventory }: CliContext): Finding[] {
  const found = "no PF of this node has a driver and an InfiniBand port";
  const ethernet = inventory
    .names(RDMA)
    .filter((device) => inventory.text(`${RDMA}/${device}/ports/1/link_layer`) === "Ethernet");
  if (ethernet.length === 0) return error(found);
  const toInfiniband = (device: string) =>
    `mstconfig -y -d $(basename $(readlink -f ${RDMA}/${device}/device)) set LINK_TYPE_P1=1`;
  return error(`${found}; the ports of ${ethernet.join(", ")} are Ethernet ports`, {
    command: ethernet.map(toInfiniband).join("; "),
    advice: "if these are VPI cards; then reboot",
  });
}

/** Checks the netdev of a PF. Without ib_ipoib no PF has a netdev, which is a finding of the kernel. */
function netdevOf({ node, inventory }: CliContext, { pci, netdev, vfs }: InventoriedPf): Finding[] {
  if (netdev !== undefined || vfs.length === 0 || !hasModule(inventory, "ib_ipoib")) return [];
  return error(`${pci} has no netdev on the host: its VFs cannot be configured`, {
    advice: node.functions.hasNetdev(pci) ? RETURN_PF_COMMAND : "see dmesg for the error of ib_ipoib",
  });
}

/** For a netdev in another network namespace, whose name is not known here. */
export const RETURN_PF_COMMAND = "move it to the host namespace: ip -n NAMESPACE link set NETDEV netns 1";

function vfsOf({ pci, vfs, possibleVfs }: InventoriedPf, report: ReportProblem): Finding[] {
  if (vfs.length > 0) return [];
  if (possibleVfs === undefined)
    return report(`SR-IOV of ${pci} is off in its firmware`, {
      // Any number is possible; 8 is often used.
      command: `mstconfig -y -d ${pci} set SRIOV_EN=1 NUM_OF_VFS=8`,
      advice: "then reboot; SR-IOV must be on in the BIOS, too",
    });
  return report(`${pci} has no VFs, and can have ${possibleVfs}`, {
    command: `echo ${possibleVfs} >${PCI}/${pci}/sriov_numvfs`,
    advice: "to create them at every boot, use a udev rule or an operator",
  });
}

/** Checks a port of a PF. If it does not work, pods with a VF of this PF have no network. */
function portOf({ pci, vfs }: InventoriedPf, port: Port): Finding[] {
  const { device, number, linkLayer, state, physicalState, subnetManager } = port;
  if (linkLayer !== "InfiniBand") return [];
  const report: ReportProblem = vfs.length > 0 ? error : warning;
  const found = `port ${number} of ${pci} (${device}) is ${state}`;
  if (state === "DOWN")
    return report(`${found} (${physicalState})`, {
      advice: "check the cable and its other end",
    });
  if (state === "ACTIVE" && subnetManager !== 0) return [];
  return report(`${found}, without a subnet manager`, {
    advice: "start a subnet manager in the subnet: UFM, that of a switch, or opensm",
  });
}
