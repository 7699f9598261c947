import type { Inventory, Port } from "../../node/inventory.ts";
import type { Link } from "../../node/links.ts";
import { VFIO_DRIVER } from "../../node/pci-functions.ts";
import type { CliContext } from "../context.ts";
import type { InventoriedPf } from "../inventory.ts";
import type { DoctorContext } from "./context.ts";
import { error, type Finding, ok, type ReportProblem, warning } from "./finding.ts";
import { findNetdev, locationText, returningRemedy } from "./inputs/netdev-location.ts";
import { hasModule, isInfiniband, PCI } from "./kernel.ts";
import { listed } from "./shell.ts";

/** PCI vendor ID of Mellanox, now NVIDIA, in sysfs. */
const NVIDIA = "0x15b3";
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
      ...vfsOf(context.inventory, pf, report),
      ...pf.ports.flatMap((port) => portOf(pf, port)),
    ];
    // Without ib_ipoib a PF has no netdev. That is one finding of the kernel for all PFs.
    return problems.length > 0 || pf.netdev === undefined
      ? problems
      : ok("pf-ok", description(pf, pf.netdev));
  });
  return [...unusable, ...used];
}

function description({ pci, driver, rdma, ports, vfs, possibleVfs }: InventoriedPf, netdev: Link): string {
  const names = [netdev.name, ...rdma, ...(driver === undefined ? [] : [driver])].join(", ");
  const links = ports.map(
    ({ state, rate, subnetManager }) => `${state}, ${rate}, subnet manager at LID ${subnetManager}; `,
  );
  return `${pci} (${names}): ${links.join("")}${vfs.length} of ${possibleVfs ?? vfs.length} VFs`;
}

/** Checks why an InfiniBand function is not a usable PF. */
function unused({ node, inventory }: CliContext, pci: string, pfs: readonly InventoriedPf[]): Finding[] {
  if (!isInfiniband(inventory, pci) || isVirtual(inventory, pci)) return [];
  const report: ReportProblem = pfs.length > 0 ? warning : error;
  const { functions } = node;
  const driver = functions.driver(pci);
  if (driver === VFIO_DRIVER)
    return ok("pf-vfio", `${pci} is bound to ${driver}, and can be attached as a whole`);
  if (driver === undefined) {
    const reserved = functions.driverOverride(pci);
    return report("pf-no-driver", `${pci} has no driver`, {
      ...(reserved !== undefined
        ? { advice: `driver_override reserves it for ${reserved}` }
        : isNvidia(inventory, pci)
          ? { command: `modprobe mlx5_core; echo ${pci} >/sys/bus/pci/drivers_probe` }
          : { advice: `load the driver that 'lspci -k -s ${pci}' names` }),
    });
  }
  // In exclusive mode a container can have the RDMA device; its uverbs directory shows that.
  if (functions.rdmaDevices(pci).length + functions.rdmaDevicesAnywhere(pci).length > 0) return [];
  const found = `${pci} (${driver}) has no RDMA device`;
  return report(
    "pf-no-rdma",
    found,
    driver === "mlx5_core"
      ? { command: "modprobe mlx5_ib" }
      : { advice: `load the RDMA module of ${driver}` },
  );
}

function isVirtual(inventory: Inventory, pci: string): boolean {
  return inventory.names(`${PCI}/${pci}/physfn`).length > 0;
}

function isNvidia(inventory: Inventory, pci: string): boolean {
  return inventory.text(`${PCI}/${pci}/vendor`) === NVIDIA;
}

function nothing({ inventory }: CliContext): Finding[] {
  if (inventory.names(PCI).length === 0)
    return error("pf-none", `no PCI device can be seen in ${PCI}`, {
      advice: "run the doctor on the host, not in a container; sysfs must be mounted at /sys",
    });
  const found = "no PF of this node has a driver and an InfiniBand port";
  const ethernet = inventory
    .names(RDMA)
    .filter((device) => inventory.text(`${RDMA}/${device}/ports/1/link_layer`) === "Ethernet");
  if (ethernet.length === 0) return error("pf-none", found);
  const commands = inventory
    .names(PCI)
    .filter((pci) => canBecomeInfiniband(inventory, pci))
    .map((pci) => `mstconfig -d ${pci} set LINK_TYPE_P${Number(pci.at(-1)) + 1}=1`);
  return error("pf-none", `${found}; the ports of ${listed(ethernet)} are Ethernet ports`, {
    advice:
      commands.length === 0
        ? undefined
        : `if the card is a VPI card, and its port has the cable of an InfiniBand network: ${listed(commands)}; then reboot. That ends Ethernet on the port`,
  });
}

/** Reports whether a function may be a PF whose firmware is set to Ethernet by mistake: no port has an Ethernet link. */
function canBecomeInfiniband(inventory: Inventory, pci: string): boolean {
  const ports = inventory.ports(pci);
  const isUnlinked = ports.every(({ linkLayer, state }) => linkLayer === "Ethernet" && state === "DOWN");
  return ports.length > 0 && isUnlinked && isNvidia(inventory, pci) && !isVirtual(inventory, pci);
}

/** Checks the netdev of a PF. Without ib_ipoib no PF has a netdev, which is a finding of the kernel. */
function netdevOf(context: DoctorContext, { pci, netdev, vfs }: InventoriedPf): Finding[] {
  if (netdev !== undefined || vfs.length === 0 || !hasModule(context.inventory, "ib_ipoib")) return [];
  const effect = "its VFs cannot be configured";
  if (!context.node.functions.hasNetdev(pci))
    return error("pf-no-netdev", `${pci} has no netdev: ${effect}`, {
      advice: "see dmesg for the error of ib_ipoib",
    });
  const location = findNetdev(context, pci);
  return error(
    "pf-netdev-away",
    `the netdev of ${pci} is ${locationText(location)}: ${effect}`,
    returningRemedy(location),
  );
}

function vfsOf(inventory: Inventory, pf: InventoriedPf, report: ReportProblem): Finding[] {
  const { pci, vfs, possibleVfs } = pf;
  if (vfs.length > 0) return [];
  if (possibleVfs === undefined)
    return report("pf-sriov-off", `SR-IOV of ${pci} is off in its firmware`, {
      // Any number is possible; 8 is often used.
      advice: isNvidia(inventory, pci)
        ? `if pods are to have VFs of it: mstconfig -d ${pci} set SRIOV_EN=1 NUM_OF_VFS=8; then reboot. SR-IOV must be on in the BIOS, too`
        : "enable SR-IOV in its firmware and in the BIOS",
    });
  return report("pf-no-vfs", `${pci} has no VFs, and can have ${possibleVfs}`, {
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
    return report("pf-port-down", `${found} (${physicalState})`, {
      advice: "check the cable and its other end",
    });
  if (state === "ACTIVE" && subnetManager !== 0) return [];
  return report("pf-no-sm", `${found}, without a subnet manager`, {
    advice: "start a subnet manager in the subnet: UFM, that of a switch, or opensm",
  });
}
