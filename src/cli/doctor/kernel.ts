import type { Inventory } from "../../node/inventory.ts";
import { VFIO_DRIVER } from "../../node/pci-functions.ts";
import type { DoctorContext } from "./context.ts";
import { error, type Finding, ok, type Remedy, warning } from "./finding.ts";
import { listed } from "./shell.ts";

/** PCI class of an InfiniBand controller (the PCI ID database, 02 07) in sysfs, without its last byte, the interface. */
const INFINIBAND_CLASS = "0x0207";
/** Directory of PCI functions. */
export const PCI = "/sys/bus/pci/devices";

/** Checks the kernel and the modules that every attachment needs. */
export function kernel(context: DoctorContext): Finding[] {
  const { node, inventory } = context;
  const release = inventory.text("/proc/sys/kernel/osrelease");
  const version = release === undefined ? "this kernel" : `Linux ${release}`;
  // An old kernel has "dev:ino" instead of a cookie (Namespace.cookie). The VF of a netdev, IFLA_PARENT_DEV_NAME, came
  // in the same version, 5.14. The version number is not compared, because distributions backport features to older
  // kernels.
  const isOld = node.namespaces.host.cookie.includes(":");
  return [
    ...(isOld
      ? warning(
          "kernel-too-old",
          `${version} does not report which VF a netdev in a container belongs to: DEL, CHECK and GC can fail`,
          { advice: "use Linux 5.14 or later" },
        )
      : ok("kernel-ok", version)),
    ...(hasHca(context) ? modules(context) : []),
  ];
}

/** Reports whether the node has an HCA for containers, so that it needs the modules of InfiniBand. */
function hasHca({ node: { functions }, inventory, pfs = [] }: DoctorContext): boolean {
  const isUsable = (pci: string) => isInfiniband(inventory, pci) && functions.driver(pci) !== VFIO_DRIVER;
  return pfs.length > 0 || inventory.names(PCI).some(isUsable);
}

function modules({ inventory, pfs = [] }: DoctorContext): Finding[] {
  const addresses = listed(pfs.map(({ pci }) => pci));
  return [
    ...(hasModule(inventory, "ib_ipoib")
      ? []
      : error(
          "pf-no-ipoib",
          `module ib_ipoib is not loaded: PFs${addresses === "" ? "" : ` (${addresses})`} have no netdevs, through which VFs are configured`,
          loading("ib_ipoib"),
        )),
    ...(hasModule(inventory, "ib_uverbs")
      ? []
      : warning(
          "kernel-no-uverbs",
          "module ib_uverbs is not loaded: pods have only IPoIB, without RDMA",
          loading("ib_uverbs"),
        )),
  ];
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
