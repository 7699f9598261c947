import * as host from "host";
import { withVfLock } from "../../attachment/lock/locks.ts";
import type { Session } from "../../attachment/lock/session.ts";
import { countPkeyChildren } from "../../attachment/vf/pkey-children.ts";
import { hostRdmaDevices } from "../../attachment/vf/rdma-devices.ts";
import { messageOf } from "../../cni/error-document.ts";
import { isLinkLocal } from "../../ip/text.ts";
import { readDirectory } from "../../linux/files/read.ts";
import { ENDED, processIds } from "../../linux/procfs.ts";
import { VFIO_DRIVER } from "../../node/pci-functions.ts";
import { UsageError } from "../command.ts";
import type { InventoriedPf, InventoriedVf } from "../inventory.ts";

/** Time limit for the lock of a VF, ms: a call that holds it for longer is working on the VF. */
const LOCK_TIMEOUT = 1000;

/** A free VF and its PF. */
export interface FreeVf {
  readonly vf: InventoriedVf;
  readonly pf: InventoriedPf;
}

/**
 * Returns the VFs for the test: the named ones; with `all`, every free VF; otherwise two free VFs of one PF, or one if
 * no PF has two.
 * @throws {Error} if no VF is free, or a named one is not: with the reason for each.
 */
export function chooseVfs(
  session: Session,
  pfs: readonly InventoriedPf[],
  { named, all }: { readonly named: readonly string[]; readonly all: boolean },
): FreeVf[] {
  const every = pfs.flatMap((pf) => pf.vfs.map((vf) => ({ vf, pf })));
  const unknown = named.find((pci) => !every.some(({ vf }) => vf.pci === pci));
  if (unknown !== undefined) throw new UsageError(`${unknown} is not a VF of an InfiniBand PF of this node`);
  const asked = named.length === 0 ? every : every.filter(({ vf }) => named.includes(vf.pci));
  const openFiles = filesInUse();
  const examined = asked.map((each) => ({ ...each, why: whyNotFree(session, each.vf, openFiles) }));
  const refused = examined.filter(({ why }) => why !== undefined);
  const free = examined.filter(({ why }) => why === undefined);
  if (free.length === 0 || (named.length > 0 && refused.length > 0)) {
    const reasons = refused.map(({ vf, why }) => `\n  VF ${vf.pci}: ${why}`).join("");
    if (every.length === 0)
      throw new Error("choose VFs: this node has no InfiniBand VF; see docs/how-to/hardware.md");
    throw new Error(
      `choose VFs: ${free.length === 0 ? "no VF is free" : "not all of them are free"}:${reasons}`,
    );
  }
  if (named.length > 0 || all) return free;
  const pair = pfs.map((pf) => free.filter((each) => each.pf === pf)).find(({ length }) => length > 1);
  return (pair ?? free).slice(0, pair === undefined ? 1 : 2);
}

/** Returns why a VF must not be used for a test; `undefined` if it is free. */
function whyNotFree(
  session: Session,
  vf: InventoriedVf,
  openFiles: ReadonlyMap<string, string>,
): string | undefined {
  const { driver, netdev, holder, files } = vf;
  if (holder !== undefined)
    return `a container has it, or its record was left (${holder.condition}): ${holder.path}`;
  if (driver === undefined) return "it has no driver";
  if (driver === VFIO_DRIVER) return `it is bound to ${VFIO_DRIVER}`;
  if (netdev === undefined) return "it has no netdev on the host";
  const open = files.find((file) => openFiles.has(file));
  if (open !== undefined) return `process ${openFiles.get(open)} has opened /dev/infiniband/${open}`;
  const { node, state } = session;
  const deadline = node.clock.now() + LOCK_TIMEOUT;
  try {
    return withVfLock({ ...session, deadline, state }, vf.pci, "selftest", () => whyUsed(session, vf));
  } catch (error) {
    return messageOf(error);
  }
}

/** Returns how the host uses a VF with a netdev; `undefined` if it does not. */
function whyUsed({ node }: Session, { pci, netdev, rdma }: InventoriedVf): string | undefined {
  if (netdev === undefined) return undefined;
  if (netdev.master !== undefined) return `its netdev ${netdev.name} is a port of another netdev`;
  const addresses = node.links.addresses(node.namespaces.host, netdev.index).map(({ cidr }) => cidr);
  const global = addresses.filter((cidr) => !isLinkLocal(cidr));
  if (global.length > 0) return `its netdev ${netdev.name} has the address ${global.join(", ")}`;
  const children = countPkeyChildren(node, pci, hostRdmaDevices(node, pci, rdma).own) ?? 0;
  return children > 0 ? `its netdev ${netdev.name} has pkey children` : undefined;
}

/** Returns the files below /dev/infiniband that processes have open, by name, with the ID of one process. */
function filesInUse(): Map<string, string> {
  const inUse = new Map<string, string>();
  for (const pid of processIds()) {
    const directory = `/proc/${pid}/fd`;
    for (const fd of readDirectory(directory, ENDED) ?? []) {
      const [, name] =
        /^\/dev\/infiniband\/(.+)$/.exec(host.readLink(`${directory}/${fd}`, ENDED) ?? "") ?? [];
      if (name !== undefined) inUse.set(name, pid);
    }
  }
  return inUse;
}
