import { useOfFreeVf, useText } from "../../attachment/in-use/in-use.ts";
import { withVfLock } from "../../attachment/lock/locks.ts";
import type { Session } from "../../attachment/lock/session.ts";
import { messageOf } from "../../cni/error-document.ts";
import { VFIO_DRIVER } from "../../node/pci-functions.ts";
import { UsageError } from "../command.ts";
import { type InventoriedPf, type InventoriedVf, isFree } from "../inventory.ts";

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
  const examined = asked.map((each) => ({ ...each, why: whyNotFree(session, each.vf) }));
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
function whyNotFree(session: Session, vf: InventoriedVf): string | undefined {
  const { driver, netdev, attachment } = vf;
  if (!isFree(vf) && attachment !== undefined)
    return `a container has it, or its record was left (${attachment.condition}): ${attachment.path}`;
  if (driver === undefined) return "it has no driver";
  if (driver === VFIO_DRIVER) return `it is bound to ${VFIO_DRIVER}`;
  if (netdev === undefined) return "it has no netdev on the host";
  const { node, state } = session;
  const deadline = node.clock.now() + LOCK_TIMEOUT;
  try {
    const use = withVfLock({ ...session, deadline, state }, vf.pci, "selftest", (locked) =>
      useOfFreeVf(locked, vf.pci),
    );
    return use && useText(use);
  } catch (error) {
    return messageOf(error);
  }
}
