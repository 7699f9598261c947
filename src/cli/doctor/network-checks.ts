import { parseConfiguration } from "../../cni/configuration.ts";
import { messageOf } from "../../cni/error-document.ts";
import { checkVersion } from "../../cni/versions.ts";
import { parseNetworkForStatus } from "../../network-config/settings.ts";
import { warnOfSuspiciousKeys } from "../../network-config/suspicious-keys.ts";
import type { Node } from "../../node/node.ts";
import type { CliContext } from "../context.ts";
import { type InventoriedPf, isFree } from "../inventory.ts";
import type { DoctorContext } from "./context.ts";
import { error, type Finding, ok, warning } from "./finding.ts";
import { setsGuid } from "./guids.ts";
import { fullRanges } from "./inputs/host-local.ts";
import { type Network, TYPE } from "./inputs/networks.ts";
import { ipamPlugin, type PluginProber, pluginProber } from "./plugins.ts";

/** The type of rdma-cni. */
export const RDMA_CNI = "rdma";
/** The types of plugins whose DEL fails without the container's namespace: sbr (bandwidth, routes) and rdma-cni. */
const FAILING_DEL: readonly string[] = ["sbr", RDMA_CNI];
/** The largest MTU of an InfiniBand port, 4,096 bytes, less the header of IPoIB in datagram mode. */
const LARGEST_MTU = 4092;

/** Checks whether the networks are valid, and whether their requirements are met. */
export function networkChecks(context: DoctorContext): Finding[] {
  const { networks, pfs = [] } = context;
  const prober = pluginProber(context);
  return [
    ...networks.findings,
    ...networks.networks.flatMap((network) => networkCheck(prober, pfs, network)),
  ];
}

function networkCheck(prober: PluginProber, pfs: readonly InventoriedPf[], network: Network): Finding[] {
  const { name, file, document } = network;
  const which = `${name} (${file})`;
  const warnings: string[] = [];
  warnOfSuspiciousKeys(document, warnings);
  const problems = [
    ...warnings.flatMap((each) =>
      warning("network-key", `${which}: ${each}`, { advice: "correct the file" }),
    ),
    ...mtu(pfs, network, which),
    ...rdmaOnly(pfs, network, which),
    ...order(network, which),
    ...exhausted(prober.machine, network, which),
  ];
  const others = requirements(prober, network, which);
  const isRefused = problems.some(({ level }) => level === "error");
  return [...problems, ...(isRefused ? others.filter(({ level }) => level !== "ok") : others)];
}

/** Checks whether the requirements of a network are met. */
function requirements(prober: PluginProber, { document, chain, cniPath }: Network, which: string): Finding[] {
  if (chain.includes(RDMA_CNI)) return rdmaCni(prober.machine.node, document.rdmaIsolation === true, which);
  try {
    const parsed = parseConfiguration(JSON.stringify(document));
    const { ipamType } = parseNetworkForStatus(parsed);
    const version = checkVersion("ADD", parsed.cniVersion);
    if (ipamType === undefined) return ok("network-ok", `${which}, without addresses`);
    return ipamPlugin(prober, ipamType, cniPath, version, which);
  } catch (cause) {
    return error("network-invalid", `${which}: ${messageOf(cause)}`, { advice: "correct the file" });
  }
}

/**
 * Returns the finding about a network that chains rdma-cni, which requires the exclusive mode, and moves the RDMA device
 * that it finds on the host. When an RDMA device moves, the kernel creates the netdev of the VF again.
 */
function rdmaCni({ rdma }: Node, isIsolating: boolean, which: string): Finding[] {
  const effect = effectOfRdmaCni(rdma.isExclusive(), isIsolating);
  const isolate = isIsolating ? "" : ', and set "rdmaIsolation": true in that of type "ib-sriov"';
  return error("network-rdma-cni", `${which} chains rdma-cni, ${effect}`, {
    advice: `remove the plugin of type "${RDMA_CNI}"${isolate}`,
  });
}

function effectOfRdmaCni(isExclusive: boolean, isIsolating: boolean): string {
  if (!isExclusive) return "which refuses every ADD, because RDMA devices are shared";
  if (isIsolating)
    return "which refuses every ADD, because rdmaIsolation has moved the RDMA device to the pod already";
  return "which moves the RDMA device to the pod, so that the pod loses its interface, although ADD succeeds";
}

/**
 * Checks whether the VFs of this node fit a network with rdmaOnly, which is for VFs without a netdev. On a node without
 * ib_ipoib, PFs have no netdev either, through which alone the kernel sets the GUID and the link policy of a VF.
 */
function rdmaOnly(pfs: readonly InventoriedPf[], network: Network, which: string): Finding[] {
  const { document } = network;
  const vfs = pfs.flatMap((pf) => pf.vfs.filter(isFree));
  if (document.rdmaOnly !== true || vfs.length === 0) return [];
  if (vfs.every(({ netdev }) => netdev !== undefined))
    return error("network-rdma-only", `${which} sets rdmaOnly, but all free VFs have netdevs`, {
      advice: "remove rdmaOnly, or do not load ib_ipoib on this node",
    });
  const configured = [
    ...((document.link_state ?? "") === "" ? [] : ["link_state"]),
    ...(document.guid !== "auto" && setsGuid(network) ? ["a GUID"] : []),
  ];
  if (configured.length === 0 || pfs.some(({ netdev }) => netdev !== undefined)) return [];
  const found = `${which} sets rdmaOnly and ${configured.join(" and ")}, but no PF has a netdev, through which VFs are configured`;
  return error("network-rdma-only", found, {
    advice:
      "remove them from the network, and configure the VFs in advance: docs/reference/configuration.md, VFs without a netdev",
  });
}

/**
 * Checks the order of a list. A runtime calls DEL in the reverse order, and stops at the first plugin that fails. The
 * plugins of {@link FAILING_DEL} fail at each DEL if the container's namespace is gone, for example after a reboot.
 */
function order({ chain }: Network, which: string): Finding[] {
  const following = chain.slice(chain.indexOf(TYPE) + 1).filter((type) => FAILING_DEL.includes(String(type)));
  if (following.length === 0) return [];
  const names = following.join(" and ");
  return warning(
    "network-order",
    `${which} calls ${names} after ${TYPE}: if the namespace of a pod is gone, DEL of ${names} fails each time, and ${TYPE} is not called`,
    {
      advice: `put the plugin of type "${TYPE}" last, or remove ${names} (sbr works only after it, because it needs the interface); 'ib-sriov gc', which the agent runs, releases such VFs`,
    },
  );
}

/** Checks whether a range of host-local has no free address. */
function exhausted({ node }: CliContext, { name, document }: Network, which: string): Finding[] {
  return fullRanges(node.files, name, document.ipam).flatMap(({ range, directory }) =>
    error("ipam-exhausted", `${which}: host-local has no free address in ${range}`, {
      advice: `enlarge the range; or, if a file in ${directory} contains a container that has ended, remove that file`,
    }),
  );
}

/**
 * Checks the MTU of a network. The kernel does not report the limit of a port. But a new netdev has the largest MTU that
 * its port allows, and then the largest of its subnet. In connected mode there is another limit.
 */
function mtu(pfs: readonly InventoriedPf[], { document }: Network, which: string): Finding[] {
  const wanted = document.mtu;
  const netdevs = pfs.flatMap(({ netdev, vfs }) => [netdev, ...vfs.map((vf) => vf.netdev)]).filter(Boolean);
  if (typeof wanted !== "number" || netdevs.some((link) => link?.settings.mode === 1)) return [];
  const found = `${which} has MTU ${wanted}`;
  if (wanted > LARGEST_MTU)
    return error("network-mtu", `${found}: InfiniBand ports allow at most ${LARGEST_MTU} in datagram mode`, {
      advice: "lower mtu in the network",
    });
  const largest = Math.max(...netdevs.map((link) => link?.mtu ?? 0));
  if (netdevs.length === 0 || wanted <= largest) return [];
  return warning("network-mtu", `${found}, but no PF and no VF of this node has more than ${largest}`, {
    advice:
      "lower mtu in the network, or raise the MTU of the port and of the subnet (OpenSM: partitions.conf)",
  });
}
