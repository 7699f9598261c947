import type { CliContext } from "../context.ts";
import { error, type Finding, ok, type ReportProblem, warning } from "./finding.ts";

/** Checks the kernel and the modules that every attachment needs. */
export function kernel({ node, inventory }: CliContext): Finding[] {
  const version = `Linux ${inventory.text("/proc/sys/kernel/osrelease")}`;
  // An old kernel has "dev:ino" instead of a cookie (Namespace.cookie). The VF of a netdev, IFLA_PARENT_DEV_NAME, came
  // in the same version, 5.14. The version number is not compared, because distributions backport features to older
  // kernels.
  const isOld = node.namespaces.host.cookie.includes(":");
  const age = isOld
    ? warning(
        `${version} does not report which VF a netdev in a container belongs to: DEL, CHECK and GC can fail`,
        {
          advice: "use Linux 5.14 or later",
        },
      )
    : ok(version);
  const without = (name: string, find: ReportProblem, effect: string) =>
    hasModule(inventory, name)
      ? []
      : find(`module ${name} is not loaded: ${effect}`, {
          command: `modprobe ${name}`,
          fix: { kind: "load module", module: name },
          advice: `at every boot: echo ${name} >/etc/modules-load.d/${name}.conf`,
        });
  return [
    ...age,
    ...without("ib_ipoib", error, "no PF has the netdev through which VFs are configured"),
    ...without("ib_uverbs", warning, "pods have only IPoIB, without RDMA"),
  ];
}

/** Reports whether a kernel module is loaded or built in. Modules with parameters are visible in both cases. */
export function hasModule(inventory: CliContext["inventory"], name: string): boolean {
  return inventory.names(`/sys/module/${name}`).length > 0;
}
