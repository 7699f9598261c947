import { VFIO_DRIVER } from "../../attachment/steps/passthrough.ts";
import type { Port } from "../../node/inventory.ts";
import type { Machine } from "../machine.ts";
import type { SurveyedPf } from "../survey.ts";
import { bad, doubtful, type Finding, good, type Lack } from "./finding.ts";
import { hasModule } from "./kernel.ts";
import type { Patient } from "./patient.ts";

/** PCI class of an InfiniBand controller (the PCI ID database, 02 07), as sysfs shows it; the rest is its interface. */
const INFINIBAND_CLASS = "0x0207";
const PCI = "/sys/bus/pci/devices";
const RDMA = "/sys/class/infiniband";

/** The PFs: their drivers, netdevs, VFs and ports. */
export function physicalFunctions(patient: Patient): Finding[] {
  const { pfs, inventory } = patient;
  if (pfs === undefined) return [];
  const unusable = inventory.names(PCI).flatMap((pci) => unused(patient, pci, pfs));
  if (pfs.length === 0) return unusable.length > 0 ? unusable : nothing(patient);
  // Some may be for the node alone; where none has a VF there is nothing to attach.
  const lack: Lack = pfs.some(({ vfs }) => vfs.length > 0) ? doubtful : bad;
  const used = pfs.flatMap((pf) => {
    const short = [
      ...netdevOf(patient, pf),
      ...vfsOf(pf, lack),
      ...pf.ports.flatMap((port) => portOf(pf, port)),
    ];
    return short.length > 0 ? short : good(description(pf));
  });
  return [...unusable, ...used];
}

function description({ pci, driver, netdev, rdma, ports, vfs, possibleVfs }: SurveyedPf): string {
  const links = ports.map(
    ({ state, rate, subnetManager }) => `${state}, ${rate}, subnet manager at LID ${subnetManager}`,
  );
  return `${pci} (${netdev?.name}, ${rdma}, ${driver}): ${links.join("; ")}; ${vfs.length} of ${possibleVfs} VFs`;
}

/** What an InfiniBand function lacks that is there, but no PF that could be used. */
function unused({ node, inventory }: Machine, pci: string, pfs: readonly SurveyedPf[]): Finding[] {
  const directory = `${PCI}/${pci}`;
  const isInfiniband = inventory.text(`${directory}/class`)?.startsWith(INFINIBAND_CLASS);
  if (!isInfiniband || inventory.names(`${directory}/physfn`).length > 0) return [];
  const lack: Lack = pfs.length > 0 ? doubtful : bad;
  const { functions } = node;
  const driver = functions.driver(pci);
  if (driver === VFIO_DRIVER) return good(`${pci} is bound to ${driver}, to be handed out as a whole`);
  if (driver === undefined)
    return lack(`${pci} has no driver`, {
      command: `modprobe mlx5_core; echo ${pci} >/sys/bus/pci/drivers_probe`,
    });
  // In exclusive mode a container can have it; its uverbs tell.
  if (functions.rdmaDevices(pci).length + functions.rdmaDevicesAnywhere(pci).length > 0) return [];
  return lack(`${pci} (${driver}) has no RDMA device`, { command: "modprobe mlx5_ib" });
}

function nothing({ inventory }: Machine): Finding[] {
  const found = "no PF of this node has a driver and an InfiniBand port";
  const ethernet = inventory
    .names(RDMA)
    .filter((device) => inventory.text(`${RDMA}/${device}/ports/1/link_layer`) === "Ethernet");
  if (ethernet.length === 0) return bad(found);
  const toInfiniband = (device: string) =>
    `mstconfig -y -d $(basename $(readlink -f ${RDMA}/${device}/device)) set LINK_TYPE_P1=1`;
  return bad(`${found}; those of ${ethernet.join(", ")} are Ethernet ones`, {
    command: ethernet.map(toInfiniband).join("; "),
    advice: "if they are VPI; then reboot",
  });
}

/** Without ib_ipoib none has one, which is told of the kernel. */
function netdevOf({ node, inventory }: Machine, { pci, netdev, vfs }: SurveyedPf): Finding[] {
  if (netdev !== undefined || vfs.length === 0 || !hasModule(inventory, "ib_ipoib")) return [];
  return bad(`${pci} has no netdev on the host: its VFs cannot be configured`, {
    advice: node.functions.hasNetdev(pci) ? BRING_HOME : "dmesg tells why ib_ipoib made none",
  });
}

/** For a netdev in another network namespace, which has no name here. */
export const BRING_HOME = "bring it home: ip -n NAMESPACE link set NETDEV netns 1";

function vfsOf({ pci, vfs, possibleVfs }: SurveyedPf, lack: Lack): Finding[] {
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
function portOf({ pci, vfs }: SurveyedPf, port: Port): Finding[] {
  const { device, number, linkLayer, state, physicalState, subnetManager } = port;
  if (linkLayer !== "InfiniBand") return [];
  const lack: Lack = vfs.length > 0 ? bad : doubtful;
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
