import type { CliContext } from "../context.ts";
import { error, type Finding, type MissingTool, ok, warning } from "./finding.ts";

/** The kernel and its modules that every attachment needs. */
export function kernel({ node, inventory }: CliContext): Finding[] {
  const version = `Linux ${inventory.text("/proc/sys/kernel/osrelease")}`;
  // "dev:ino" instead of a number (Namespace.cookie). What tells a netdev's VF, IFLA_PARENT_DEV_NAME, came with it in
  // 5.14. Asked for itself, since distributions bring things to older kernels.
  const isOld = node.namespaces.host.cookie.includes(":");
  const age = isOld
    ? warning(
        `${version} does not tell which netdev in a container is whose VF's: DEL, CHECK and GC can fail`,
        {
          advice: "Linux 5.14 or newer does",
        },
      )
    : ok(version);
  const without = (name: string, find: MissingTool, effect: string) =>
    hasModule(inventory, name)
      ? []
      : find(`module ${name} is not loaded: ${effect}`, {
          command: `modprobe ${name}`,
          advice: `at every boot: echo ${name} >/etc/modules-load.d/${name}.conf`,
        });
  return [
    ...age,
    ...without("ib_ipoib", error, "no PF has the netdev through which VFs are configured"),
    ...without("ib_uverbs", warning, "pods have no RDMA, IPoIB only"),
  ];
}

/** Is a module of the kernel there, loaded or built in? One that has parameters shows in either case. */
export function hasModule(inventory: CliContext["inventory"], name: string): boolean {
  return inventory.names(`/sys/module/${name}`).length > 0;
}
