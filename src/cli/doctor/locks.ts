import { goLock } from "../../attachment/lock/go-lock.ts";
import { parseLockContents } from "../../attachment/lock/lock-contents.ts";
import { nodeLockPath, StateDirectory, vfLockPath } from "../../attachment/record/state-directory.ts";
import { messageOf } from "../../cni/error-document.ts";
import type { Lock, LockHolder } from "../../node/files.ts";
import { errnoOf, type Node } from "../../node/node.ts";
import { tryAcquire } from "../try-acquire.ts";
import type { DoctorContext } from "./context.ts";
import { error, type Finding, type FindingId, type Remedy } from "./finding.ts";
import { listed, moveCommand } from "./shell.ts";

/** The time after the end of a call from which a process that it started, and that still holds the lock, hangs, ms. */
const PATIENCE = 1000;
/** The time after which a rebind hangs, ms: drivers need seconds, and the kernel's own limits are 60 s (mlx5_core, cmd.c). */
const LONGEST_REBIND = 120_000;
/** The names of processes of this plugin, and of the Go plugin (ib-sriov-cni). */
const PLUGIN = /^ib-sriov/;

/** A lock that calls need. */
interface NeededLock {
  readonly path: string;
  /** E.g. "VF 0000:03:00.2 is". */
  readonly what: string;
  /** E.g. "no pod can get or release it". */
  readonly effect: string;
  readonly id: FindingId;
  /** How long a call can hold it, ms. */
  readonly longest: number;
}

/** Checks for locks that are held by processes that are stopped, hang, or were left by a call, and for unusable lock files. */
export function locks(context: DoctorContext): Finding[] {
  const { node, pfs = [] } = context;
  const vfs = pfs.flatMap((pf) => pf.vfs.map(({ pci }) => pci));
  if (vfs.length === 0) return [];
  const ofVfs = new StateDirectory(node.files)
    .lockedVfs()
    .filter((pci) => vfs.includes(pci))
    .map((pci): NeededLock => {
      const effect = "no pod can get or release it";
      return { path: vfLockPath(pci), what: `VF ${pci} is`, effect, id: "vf-locked", longest: Infinity };
    });
  const effect = "no VF can be bound again, so most pods cannot start or end";
  const ofNode = [
    { path: nodeLockPath, what: "the node's RDMA devices are" },
    { path: goLock, what: `the Go plugin's lock ${goLock} is` },
  ].map((each): NeededLock => ({ ...each, effect, id: "node-locked", longest: LONGEST_REBIND }));
  return [...ofVfs, ...ofNode.filter(({ path }) => node.files.exists(path))].flatMap((each) =>
    lockProblem(node, each),
  );
}

function lockProblem(node: Node, needed: NeededLock): Finding[] {
  const { path } = needed;
  let lock: Lock;
  try {
    lock = node.files.lock(path);
  } catch (cause) {
    // A link, a directory, another kind of file. A file system without space or permissions is a finding elsewhere.
    if (!["ELOOP", "EISDIR", "EINVAL", "ENXIO"].includes(errnoOf(cause) ?? "")) throw cause;
    return error("lock-file", `the lock file ${path} is not a regular file: ${messageOf(cause)}`, {
      command: moveCommand(node, path, path),
    });
  }
  try {
    return tryAcquire(lock, node.clock.now()) ? [] : heldProblem(node, needed, lock);
  } finally {
    lock.release();
  }
}

/** Returns the finding about a lock that is held. A call that is running holds the lock itself, and ends at its deadline. */
function heldProblem({ clock }: Node, needed: NeededLock, lock: Lock): Finding[] {
  const before = lock.holders();
  if (!before.some(({ isStopped }) => isStopped) && isHeldByCall(needed, lock, before, clock.wall()))
    return [];
  if (tryAcquire(lock, clock.now() + PATIENCE)) return [];
  // Another call may have taken the lock in the meantime, and may not have described itself yet.
  const holders = lock.holders().filter(({ pid }) => before.some((each) => each.pid === pid));
  const stopped = holders.filter(({ isStopped }) => isStopped);
  if (stopped.length > 0)
    return lockedBy(stopped, "which a signal has stopped", { command: `kill -CONT ${pidsOf(stopped)}` });
  if (holders.length === 0 || isHeldByCall(needed, lock, holders, clock.wall())) return [];
  const { holder } = parseLockContents(lock.read());
  const left = holders.filter(({ pids }) => holder === undefined || !pids.includes(holder.pid));
  if (left.length === holders.length)
    return lockedBy(
      holders,
      holder === undefined ? "which the lock file does not name" : `which ${holder.verb} has left behind`,
      { command: `kill -KILL ${pidsOf(holders)}` },
    );
  return lockedBy(holders, "which hangs", {
    advice: `dmesg may show why; if the kernel does not return from a driver, only a reboot helps; otherwise: kill -KILL ${pidsOf(holders)}`,
  });

  function lockedBy(by: readonly LockHolder[], state: string, remedy: Remedy): Finding[] {
    const who = listed(by.map(({ pid, command }) => `process ${pid} (${command})`));
    return error(needed.id, `${needed.what} locked by ${who}, ${state}: ${needed.effect}`, remedy);
  }
}

/** Reports whether a running call holds a lock, which it describes in the lock file; the Go plugin does not. */
function isHeldByCall(
  { path, longest }: NeededLock,
  lock: Lock,
  holders: readonly LockHolder[],
  now: number,
): boolean {
  if (holders.length === 0) return true;
  if (path === goLock) return holders.some(({ command }) => PLUGIN.test(command));
  const { holder } = parseLockContents(lock.read());
  if (holder === undefined || !holders.some(({ pids }) => pids.includes(holder.pid))) return false;
  return now - holder.since <= longest;
}

function pidsOf(holders: readonly LockHolder[]): string {
  return holders.map(({ pid }) => pid).join(" ");
}
