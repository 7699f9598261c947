import { parseLockContents } from "../../attachment/lock/vf-owner.ts";
import { StateDirectory } from "../../attachment/record/state-directory.ts";
import type { Lock, LockHolder } from "../../node/files.ts";
import type { Node } from "../../node/node.ts";
import { tryAcquire } from "../try-acquire.ts";
import type { DoctorContext } from "./context.ts";
import { error, type Finding } from "./finding.ts";
import { listed } from "./shell.ts";

/** The time after the end of a call from which a process that it started, and that still holds the lock, hangs, ms. */
const PATIENCE = 1000;

/** Checks for VFs that are locked by processes that a call has left: a child of an IPAM plugin that hangs. */
export function locks({ node, pfs = [] }: DoctorContext): Finding[] {
  const state = new StateDirectory(node.files);
  const vfs = pfs.flatMap((pf) => pf.vfs.map(({ pci }) => pci));
  if (vfs.length === 0) return [];
  return state
    .lockedVfs()
    .filter((pci) => vfs.includes(pci))
    .flatMap((pci) => {
      const lock = state.vfLock(pci);
      try {
        return leftBehind(node, pci, lock);
      } finally {
        lock.release();
      }
    });
}

function leftBehind({ clock }: Node, pci: string, lock: Lock): Finding[] {
  if (tryAcquire(lock, clock.now())) return [];
  const holders = lock.holders();
  const { holder } = parseLockContents(lock.read());
  // A call that is running holds the lock itself, and ends at its deadline.
  if (holders.length === 0 || holders.some(({ pids }) => holder === undefined || pids.includes(holder.pid)))
    return [];
  if (tryAcquire(lock, clock.now() + PATIENCE)) return [];
  const who = listed(holders.map(({ pid, command }) => `process ${pid} (${command})`));
  return error(
    "vf-locked",
    `VF ${pci} is locked by ${who}, which ${holder?.verb ?? "a call"} has left behind: no pod can get or release it`,
    { command: `kill -KILL ${holders.map(({ pid }: LockHolder) => pid).join(" ")}` },
  );
}
