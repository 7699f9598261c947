import { isUsableGuid } from "../../infiniband/guid.ts";
import type { CliContext } from "../context.ts";
import type { InventoriedPf, InventoriedVf } from "../inventory.ts";
import type { DoctorContext } from "./context.ts";
import { error, type Finding, ok, type Remedy, type ReportProblem, unknown, warning } from "./finding.ts";
import { hasModule } from "./kernel.ts";
import { RETURN_PF_COMMAND } from "./physical-functions.ts";
import { forEachRow, listed, rebindCommand, shellWord } from "./shell.ts";

/** The operator's reaction to a VF that differs from its policy (its api/v1/helper.go, NeedToUpdateSriov). */
export const DRAINS_NODE = "the SR-IOV Network Operator drains the node";

/** Checks VFs: driver, netdev, MTU and link. (guids.ts checks their GUIDs.) */
export function virtualFunctions(context: DoctorContext): Finding[] {
  return (context.pfs ?? []).flatMap((pf) => {
    const { pci, vfs } = pf;
    const problems = [
      ...problemsOf(context, pf),
      ...mtus(pf, { carrier: true }),
      ...mtus(pf, { carrier: false }),
    ];
    if (problems.length > 0 || vfs.length === 0) return problems;
    return ok(`${pci}: ${vfs.length} VFs, ${vfs.filter(isFree).length} of them free`);
  });
}

function problemsOf(
  { node, inventory }: CliContext,
  { driver = "mlx5_core", netdev, ports, vfs }: InventoriedPf,
): Finding[] {
  const isUp = ports.some(({ state }) => state === "ACTIVE");
  const hasIpoib = hasModule(inventory, "ib_ipoib");
  const undriven: InventoriedVf[] = [];
  const away: InventoriedVf[] = [];
  const bare: InventoriedVf[] = [];
  const disabled: InventoriedVf[] = [];
  const down: InventoriedVf[] = [];
  const silent: InventoriedVf[] = [];
  for (const vf of vfs) {
    const { pci, holder, portGuid } = vf;
    if (vf.driver === undefined && holder?.condition !== "in progress") undriven.push(vf);
    // A free VF should have its netdev in the host namespace.
    if (isFree(vf) && vf.driver === driver && vf.netdev === undefined && hasIpoib)
      (node.functions.hasNetdev(pci) ? away : bare).push(vf);
    // The network of the container requests "disable", so its link is as it should be.
    if ((holder?.record?.desired ?? holder?.goCache)?.linkState === "disable") continue;
    if (vf.config.linkState === undefined && netdev !== undefined) silent.push(vf);
    else if (vf.config.linkState === "disable") disabled.push(vf);
    else if (isUp && portGuid !== undefined && isUsableGuid(portGuid) && isDown(vf)) down.push(vf);
  }
  const bind = `echo $1 >/sys/bus/pci/drivers/${driver}/bind`;
  const enable = netdev && `ip link set ${shellWord(netdev.name)} vf $1 state auto`;
  return [
    ...vfFinding(error, undriven, `without a driver: no pod can get one, and ${DRAINS_NODE}`, {
      command: forEachRow(rowsOf(undriven), bind),
      fix: { kind: "bind", vfs: undriven.filter(isFree).map(({ pci }) => pci) },
    }),
    ...vfFinding(error, away, "with a netdev in another network namespace, but no record", {
      advice: RETURN_PF_COMMAND,
    }),
    ...vfFinding(warning, bare, "without a netdev: usable only with rdmaOnly", {
      command: forEachRow(rowsOf(bare), rebindCommand("$1", driver)),
      fix: { kind: "bind", vfs: bare.map(({ pci }) => pci) },
    }),
    ...vfFinding(
      warning,
      disabled,
      'with link policy "disable": a pod has no carrier, unless its network has link_state',
      {
        command: enable && forEachRow(rowsOf(disabled, "index"), enable),
      },
    ),
    // With many VFs the kernel answers "message too long".
    ...vfFinding(unknown, silent, "with a link policy that the kernel does not report", {}),
    ...vfFinding(warning, down, "with a port that is not ACTIVE, although the PF's port is", {
      advice: 'the subnet manager must serve VFs (OpenSM: "virt_enabled 2" in opensm.conf)',
    }),
  ];
}

function isFree({ holder }: InventoriedVf): boolean {
  return holder === undefined;
}

function isDown({ ports }: InventoriedVf): boolean {
  return ports.some(({ state }) => state !== "ACTIVE");
}

/** Returns PCI addresses, or indexes, for {@link forEachRow}. */
function rowsOf(vfs: readonly InventoriedVf[], key: "pci" | "index" = "pci"): string[][] {
  return vfs.map((vf) => [`${vf[key]}`]);
}

/**
 * Compares the MTUs of free VFs with the PF's MTU, or with each other, because the operator's policy is not on the
 * node. VFs with and without a carrier are compared separately, because only those with a carrier know which MTU the
 * subnet allows.
 */
function mtus({ netdev, vfs }: InventoriedPf, { carrier }: { readonly carrier: boolean }): Finding[] {
  const alike = vfs.filter(isFree).flatMap((vf) => (vf.netdev?.carrier === carrier ? vf.netdev : []));
  const isLikePf = netdev?.carrier === carrier;
  // A new netdev has the largest MTU, so the largest of them was not changed.
  const expected = isLikePf ? netdev.mtu : Math.max(...alike.map(({ mtu }) => mtu));
  const others = alike.filter(({ mtu }) => mtu !== expected);
  if (others.length === 0) return [];
  const names = listed(others.map(({ name, mtu }) => `${name} ${mtu}`));
  const whose = isLikePf ? "PF" : "others";
  return warning(
    `MTU of VFs: ${names}, of the ${whose} ${expected}; if its policy sets an MTU, ${DRAINS_NODE}`,
    {
      command: others.map(({ name }) => `ip link set ${shellWord(name)} mtu ${expected}`).join("; "),
    },
  );
}

/**
 * Returns a finding about VFs, e.g. "2 VFs (0000:03:00.2, 0000:03:00.3) without a driver"; no finding for an empty
 * list.
 */
export function vfFinding(
  report: ReportProblem,
  vfs: readonly InventoriedVf[],
  what: string,
  remedy: Remedy,
): Finding[] {
  if (vfs.length === 0) return [];
  const names = listed(vfs.map(({ pci }) => pci));
  return report(`${vfs.length === 1 ? `VF ${names}` : `${vfs.length} VFs (${names})`} ${what}`, remedy);
}
