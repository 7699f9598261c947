import type { Inventory } from "../../node/inventory.ts";
import { tellsParents } from "../../node/namespaces.ts";
import { VFIO_DRIVER } from "../../node/pci-functions.ts";
import type { DoctorContext } from "./context.ts";
import { error, type Finding, ok, type Remedy, warning } from "./finding.ts";
import { isReadOnly } from "./inputs/mounts.ts";
import { listed } from "./shell.ts";

/** PCI class of an InfiniBand controller (the PCI ID database, 02 07) in sysfs, without its last byte, the interface. */
const INFINIBAND_CLASS = "0x0207";
const SYSFS = "/sys";
/** Directory of PCI functions. */
export const PCI = "/sys/bus/pci/devices";

/** Checks the kernel and the modules that every attachment needs. */
export function kernel(context: DoctorContext): Finding[] {
  const { node, inventory } = context;
  const release = inventory.text("/proc/sys/kernel/osrelease");
  const version = release === undefined ? "this kernel" : `Linux ${release}`;
  return [
    ...(tellsParents(node.namespaces.host)
      ? ok("kernel-ok", version)
      : warning(
          "kernel-too-old",
          `${version} does not report which VF a netdev in a container belongs to: DEL, CHECK and GC can fail`,
          { advice: "use Linux 5.14 or later" },
        )),
    ...(isReadOnly(node, SYSFS)
      ? error("sysfs-read-only", `${SYSFS} is read-only: no VF can get a GUID or a driver`, {
          command: `mount -o remount,rw ${SYSFS}`,
          advice: "in a container: mount the host's /sys there",
        })
      : []),
    ...(hasHca(context) ? modules(context) : []),
  ];
}

/** Reports whether the node has an HCA for containers, so that it needs the modules of InfiniBand. */
function hasHca({ node: { functions }, inventory, pfs = [] }: DoctorContext): boolean {
  const isUsable = (pci: string) => isInfiniband(inventory, pci) && functions.driver(pci) !== VFIO_DRIVER;
  return pfs.length > 0 || inventory.names(PCI).some(isUsable);
}

function modules(context: DoctorContext): Finding[] {
  const { inventory } = context;
  const uverbs = "module ib_uverbs is not loaded: pods have only IPoIB, without RDMA";
  return [
    ...(hasModule(inventory, "ib_ipoib") ? [] : withoutIpoib(context)),
    ...(hasModule(inventory, "ib_uverbs") ? [] : warning("kernel-no-uverbs", uverbs, loading("ib_uverbs"))),
  ];
}

/** Returns the finding that ib_ipoib is not loaded. For pods with only RDMA, it must not be loaded. */
function withoutIpoib({ pfs = [], networks: { networks } }: DoctorContext): Finding[] {
  const missing = "module ib_ipoib is not loaded";
  if (networks.length > 0 && networks.every(({ document }) => document.rdmaOnly === true))
    return ok("pf-no-ipoib", `${missing}: VFs keep their GUIDs and link policies`);
  const addresses = listed(pfs.map(({ pci }) => pci));
  return error(
    "pf-no-ipoib",
    `${missing}: PFs${addresses === "" ? "" : ` (${addresses})`} have no netdevs, through which VFs are configured`,
    loading("ib_ipoib"),
  );
}

/** Returns the remedy for a module that is not loaded. */
function loading(module: string): Remedy {
  return {
    command: `modprobe ${module}`,
    advice: `at every boot: echo ${module} >>/etc/modules-load.d/ib-sriov.conf`,
    fix: { kind: "load module", module },
  };
}

/** Reports whether a kernel module is loaded or built in. Modules with parameters are visible in both cases. */
export function hasModule(inventory: Inventory, name: string): boolean {
  return inventory.names(`/sys/module/${name}`).length > 0;
}

/** Reports whether a PCI function is an InfiniBand controller. */
export function isInfiniband(inventory: Inventory, pci: string): boolean {
  return inventory.text(`${PCI}/${pci}/class`)?.startsWith(INFINIBAND_CLASS) === true;
}
