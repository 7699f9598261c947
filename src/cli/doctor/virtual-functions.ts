import { shellWord } from "../../attachment/shell-word.ts";
import { isUsableGuid } from "../../infiniband/guid.ts";
import { VFIO_DRIVER } from "../../node/pci-functions.ts";
import { type InventoriedPf, type InventoriedVf, isFree } from "../inventory.ts";
import type { DoctorContext } from "./context.ts";
import {
  error,
  type Finding,
  type FindingId,
  ok,
  type Remedy,
  type ReportProblem,
  skipped,
  warning,
} from "./finding.ts";
import { findNetdev, locationText, returningRemedy } from "./inputs/netdev-location.ts";
import { hasModule } from "./kernel.ts";
import { commandLines, listed, vfCommand } from "./shell.ts";

/** The operator's reaction to a VF that differs from its policy (its api/v1/helper.go, NeedToUpdateSriov). */
export const DRAINS_NODE = "the SR-IOV Network Operator drains the node";

/** Checks VFs: driver, netdev, MTU and link. (guids.ts checks their GUIDs.) */
export function virtualFunctions(context: DoctorContext): Finding[] {
  const { pfs = [], attached } = context;
  if (pfs.every(({ vfs }) => vfs.length === 0)) return [];
  if (attached === undefined)
    return skipped("vf-unchecked", "VFs are not checked, because the records of attachments cannot be read");
  return pfs.flatMap((pf) => {
    const { pci, vfs, netdev } = pf;
    if (vfs.length === 0) return [];
    const problems = [
      ...drivers(context, pf),
      ...netdevs(context, pf),
      ...links(context, pf),
      ...mtus(pf, { carrier: true }),
      ...mtus(pf, { carrier: false }),
    ];
    if (netdev === undefined)
      return [
        ...problems,
        ...skipped(
          "vf-unchecked",
          `VFs of ${pci}: ${hasModule(context.inventory, "ib_ipoib") ? "" : "netdevs, "}link policies and stored GUIDs are not checked, because the PF has no netdev here`,
        ),
      ];
    if (problems.some(({ level }) => level !== "ok")) return problems;
    return [
      ...problems,
      ...ok("vf-ok", `${pci}: ${vfs.length} VFs, ${vfs.filter(isFree).length} of them free`),
    ];
  });
}

function drivers(context: DoctorContext, { driver, vfs }: InventoriedPf): Finding[] {
  const { node, program } = context;
  // A call that is in progress may rebind the VF at this moment.
  const without = vfs.filter(
    ({ driver, attachment }) => driver === undefined && attachment?.condition !== "in progress",
  );
  const held = without.filter((vf) => !isFree(vf));
  const reserved = new Map(without.filter(isFree).map((vf) => [vf, node.functions.driverOverride(vf.pci)]));
  const isOthers = (name: string | undefined) => name !== undefined && name !== driver;
  return [
    ...[...new Set(reserved.values())].filter(isOthers).flatMap((name = "") => {
      const waiting = without.filter((vf) => reserved.get(vf) === name);
      const why = `no driver, and only ${name} may bind to it (driver_override)`;
      return vfFinding(error, "vf-no-driver", waiting, why, reservedRemedy(context, name, waiting));
    }),
    ...bindFinding(
      error,
      "vf-no-driver",
      program,
      without.filter((vf) => isFree(vf) && !isOthers(reserved.get(vf))),
      `no driver: no pod can get it, and ${DRAINS_NODE}`,
    ),
    ...vfFinding(error, "vf-no-driver", held, "no driver, although a container has it", {
      advice:
        "delete the pod; if the VF then still has no driver, the doctor prints the command that binds it",
    }),
  ];
}

/** Returns the remedy for VFs without a driver that are reserved for a driver. */
function reservedRemedy(
  { inventory, program }: DoctorContext,
  driver: string,
  vfs: readonly InventoriedVf[],
): Remedy {
  const command = vfCommand(
    program,
    `bind --driver ${shellWord(driver)}`,
    vfs.map(({ pci }) => pci),
  );
  const isLoaded = inventory.names(`/sys/bus/pci/drivers/${driver}`).length > 0;
  const advice = "or, to bind them to the driver of their PF: driverctl unset-override VF; ib-sriov bind VF";
  if (isLoaded) return { command, advice };
  if (driver === VFIO_DRIVER) return { command: `modprobe ${driver}\n${command}`, advice };
  return { advice: `load the driver ${driver}, and run: ${command}; ${advice}` };
}

/** Checks the netdevs of free VFs, which should be in the host namespace. */
function netdevs(context: DoctorContext, { driver = "mlx5_core", vfs }: InventoriedPf): Finding[] {
  const { node, inventory, program } = context;
  if (!hasModule(inventory, "ib_ipoib")) return [];
  const without = vfs.filter((vf) => isFree(vf) && vf.driver === driver && vf.netdev === undefined);
  const isAway = ({ pci }: InventoriedVf) => node.functions.hasNetdev(pci);
  return [
    ...without.filter(isAway).flatMap((vf) => away(context, vf)),
    ...bindFinding(
      warning,
      "vf-no-netdev",
      program,
      without.filter((vf) => !isAway(vf)),
      "no netdev: usable only with rdmaOnly",
    ),
  ];
}

/** Returns the finding about a netdev in another namespace. In that of a running container it must stay there. */
function away(context: DoctorContext, { pci }: InventoriedVf): Finding[] {
  const location = findNetdev(context, pci);
  const found = `the netdev of VF ${pci} is ${locationText(location)}, but no record of an attachment names it`;
  const isOrphaned = location?.isInUse === false;
  const note = isOrphaned ? "" : ": another program may have given it to a container";
  return (isOrphaned ? error : warning)("vf-netdev-away", `${found}${note}`, returningRemedy(location));
}

/** Checks link policies and ports, as far as the PF reports the policy. */
function links(context: DoctorContext, { netdev, ports, vfs }: InventoriedPf): Finding[] {
  if (netdev === undefined) return [];
  const isUp = ports.some(({ state }) => state === "ACTIVE");
  // The network of the container can request "disable"; then its link is as it should be.
  const checked = vfs.filter(
    ({ attachment }) => (attachment?.record?.desired ?? attachment?.goCache)?.linkState !== "disable",
  );
  const disabled = checked.filter(({ config }) => config.linkState === "disable");
  const down = checked.filter(
    ({ config: { linkState }, portGuid, ports: own }) =>
      isUp &&
      linkState !== undefined &&
      linkState !== "disable" &&
      portGuid !== undefined &&
      isUsableGuid(portGuid) &&
      own.some(({ state }) => state !== "ACTIVE"),
  );
  return [
    ...disabledLinks(context, netdev.name, disabled),
    // With many VFs the kernel answers "message too long".
    ...vfFinding(
      skipped,
      "vf-link-unknown",
      checked.filter(({ config }) => config.linkState === undefined),
      "a link policy that the kernel does not report, so its port is not checked",
    ),
    ...vfFinding(warning, "vf-port-down", down, "a port that is not ACTIVE, although the PF's port is", {
      advice: 'the subnet manager must serve VFs (OpenSM: "virt_enabled 2" in opensm.conf)',
    }),
  ];
}

/**
 * Returns the finding about VFs with the link policy "disable", which is the default of mlx5. It is a problem only for
 * networks that leave the policy as it is: their pods get no carrier.
 */
function disabledLinks(
  { networks: { networks } }: DoctorContext,
  netdev: string,
  vfs: readonly InventoriedVf[],
): Finding[] {
  const what = 'the link policy "disable"';
  const needing = networks.filter(({ document }) => (document.link_state ?? "") === "");
  if (needing.length === 0) return vfFinding(ok, "vf-link-disabled", vfs, what);
  const names = listed(needing.map(({ name }) => name));
  const command = commandLines(
    vfs.map(({ index }) => `ip link set ${shellWord(netdev)} vf ${index} state auto`),
  );
  return vfFinding(
    warning,
    "vf-link-disabled",
    vfs,
    `${what}: pods of network ${names} have no link, because it sets no link_state`,
    { command, advice: `${command === undefined ? "" : "or "}set "link_state": "auto" in the network` },
  );
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
  const command = commandLines(others.map(({ name }) => `ip link set ${shellWord(name)} mtu ${expected}`));
  return warning(
    "vf-mtu",
    `MTU of VFs: ${names}, of the ${whose} ${expected}; if its policy sets an MTU, ${DRAINS_NODE}`,
    command === undefined ? { advice: `for each of them: ip link set NETDEV mtu ${expected}` } : { command },
  );
}

/** Returns a finding about VFs whose remedy is to bind them to the driver of their PF. */
function bindFinding(
  report: ReportProblem,
  id: FindingId,
  program: string,
  vfs: readonly InventoriedVf[],
  what: string,
): Finding[] {
  const addresses = vfs.map(({ pci }) => pci);
  return vfFinding(report, id, vfs, what, {
    command: vfCommand(program, "bind", addresses),
    fix: { kind: "bind", vfs: addresses },
  });
}

/**
 * Returns a finding about VFs, e.g. "2 VFs (0000:03:00.2, 0000:03:00.3) have no driver"; no finding for an empty list.
 * @param what the VFs have, e.g. "no driver".
 */
export function vfFinding(
  report: ReportProblem,
  id: FindingId,
  vfs: readonly InventoriedVf[],
  what: string,
  remedy: Remedy = {},
): Finding[] {
  if (vfs.length === 0) return [];
  const names = listed(vfs.map(({ pci }) => pci));
  const subject = vfs.length === 1 ? `VF ${names} has` : `${vfs.length} VFs (${names}) have`;
  return report(id, `${subject} ${what}`, remedy);
}
