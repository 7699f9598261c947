import { isUsableGuid } from "../../infiniband/guid.ts";
import type { CliContext } from "../context.ts";
import type { InventoriedPf, InventoriedVf } from "../inventory.ts";
import type { DoctorContext } from "./context.ts";
import { error, type Finding, type MissingTool, ok, type Remedy, unknown, warning } from "./finding.ts";
import { hasModule } from "./kernel.ts";
import { RETURN_PF_COMMAND } from "./physical-functions.ts";
import { forEachRow, listed, rebindCommand, shellWord } from "./shell.ts";

/** What the operator does (its api/v1/helper.go, NeedToUpdateSriov) when a VF is not what its policy says. */
export const DRAIN = "the SR-IOV Network Operator drains the node";

/** The VFs: driver, netdev, MTU and link. (For their GUIDs see guids.ts.) */
export function virtualFunctions(patient: DoctorContext): Finding[] {
  return (patient.pfs ?? []).flatMap((pf) => {
    const { pci, vfs } = pf;
    const short = [...lacks(patient, pf), ...mtus(pf, true), ...mtus(pf, false)];
    if (short.length > 0 || vfs.length === 0) return short;
    return ok(`${pci}: ${vfs.length} VFs, ${vfs.filter(isFree).length} of them free`);
  });
}

function lacks(
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
    // What nobody has should have its netdev on the host.
    if (isFree(vf) && vf.driver === driver && vf.netdev === undefined && hasIpoib)
      (node.functions.hasNetdev(pci) ? away : bare).push(vf);
    // What its network has asked for is as it shall be.
    if ((holder?.record?.wanted ?? holder?.reference)?.linkState === "disable") continue;
    if (vf.config.linkState === undefined && netdev !== undefined) silent.push(vf);
    else if (vf.config.linkState === "disable") disabled.push(vf);
    else if (isUp && portGuid !== undefined && isUsableGuid(portGuid) && isDown(vf)) down.push(vf);
  }
  const bind = `echo $1 >/sys/bus/pci/drivers/${driver}/bind`;
  const enable = netdev && `ip link set ${shellWord(netdev.name)} vf $1 state auto`;
  return [
    ...formatError(error, undriven, `without a driver: no pod can get one, and ${DRAIN}`, {
      command: forEachRow(rowsOf(undriven), bind),
    }),
    ...formatError(error, away, "with a netdev elsewhere, but no record", {
      advice: RETURN_PF_COMMAND,
    }),
    ...formatError(warning, bare, "without a netdev: only for networks with rdmaOnly", {
      command: forEachRow(rowsOf(bare), rebindCommand("$1", driver)),
    }),
    ...formatError(
      warning,
      disabled,
      'with link policy "disable": a pod has no carrier, unless its network has link_state',
      {
        command: enable && forEachRow(rowsOf(disabled, "index"), enable),
      },
    ),
    // "Message too long", where there are many.
    ...formatError(unknown, silent, "with a link policy that the kernel does not tell", {}),
    ...formatError(warning, down, "with a port that is not ACTIVE, while the PF's is", {
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

/** PCI addresses, or indices, for {@link forEachRow}. */
function rowsOf(vfs: readonly InventoriedVf[], key: "pci" | "index" = "pci"): string[][] {
  return vfs.map((vf) => [`${vf[key]}`]);
}

/**
 * The policy that the operator compares with is not on the node, so they are compared with the PF's, and with each
 * other: those that have a carrier and those that have none apart, since only the former know what the subnet allows.
 */
function mtus({ netdev, vfs }: InventoriedPf, carrier: boolean): Finding[] {
  const alike = vfs.filter(isFree).flatMap((vf) => (vf.netdev?.carrier === carrier ? vf.netdev : []));
  const isLikePf = netdev?.carrier === carrier;
  // The largest is what the kernel begins with, before anybody has set one.
  const expected = isLikePf ? netdev.mtu : Math.max(...alike.map(({ mtu }) => mtu));
  const others = alike.filter(({ mtu }) => mtu !== expected);
  if (others.length === 0) return [];
  const names = listed(others.map(({ name, mtu }) => `${name} ${mtu}`));
  const whose = isLikePf ? "PF" : "others";
  return warning(`MTU of VFs: ${names}, of the ${whose} ${expected}; where its policy has one, ${DRAIN}`, {
    command: others.map(({ name }) => `ip link set ${shellWord(name)} mtu ${expected}`).join("; "),
  });
}

/** What is to be said of some VFs, if there are any: e.g. "2 VFs (0000:03:00.2, 0000:03:00.3) without a driver". */
export function formatError(
  lack: MissingTool,
  vfs: readonly InventoriedVf[],
  what: string,
  remedy: Remedy,
): Finding[] {
  if (vfs.length === 0) return [];
  const names = listed(vfs.map(({ pci }) => pci));
  return lack(`${vfs.length === 1 ? `VF ${names}` : `${vfs.length} VFs (${names})`} ${what}`, remedy);
}
