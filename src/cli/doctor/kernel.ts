import type { CliContext } from "../context.ts";
import type { DoctorContext } from "./context.ts";
import { error, type Finding, ok, type Remedy, warning } from "./finding.ts";
import { listed } from "./shell.ts";

/** Checks the kernel and the modules that every attachment needs. */
export function kernel({ node, inventory, pfs = [] }: DoctorContext): Finding[] {
  const release = inventory.text("/proc/sys/kernel/osrelease");
  const version = release === undefined ? "this kernel" : `Linux ${release}`;
  // An old kernel has "dev:ino" instead of a cookie (Namespace.cookie). The VF of a netdev, IFLA_PARENT_DEV_NAME, came
  // in the same version, 5.14. The version number is not compared, because distributions backport features to older
  // kernels.
  const isOld = node.namespaces.host.cookie.includes(":");
  const addresses = listed(pfs.map(({ pci }) => pci));
  return [
    ...(isOld
      ? warning(
          "kernel-too-old",
          `${version} does not report which VF a netdev in a container belongs to: DEL, CHECK and GC can fail`,
          { advice: "use Linux 5.14 or later" },
        )
      : ok("kernel-ok", version)),
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
    advice: `at every boot: echo ${module} >/etc/modules-load.d/${module}.conf`,
    fix: { kind: "load module", module },
  };
}

/** Reports whether a kernel module is loaded or built in. Modules with parameters are visible in both cases. */
export function hasModule(inventory: CliContext["inventory"], name: string): boolean {
  return inventory.names(`/sys/module/${name}`).length > 0;
}
