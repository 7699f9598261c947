import { cancelPrint, monotonic, print, printAfter } from "host";
import type { Observe } from "../attachment/limits.ts";
import { parseLockContents } from "../attachment/lock/lock-contents.ts";
import { STATE_DIRECTORY } from "../attachment/record/state-directory.ts";
import { LinuxPciFunctions } from "../linux/pci/pci-functions.ts";
import { printable } from "../log/printable.ts";
import type { Files } from "../node/files.ts";

/** How long a command is silent before it prints what it does, ms; at most one line is printed in this time. */
const SILENCE = 1000;
/** The least time that a wait lasts before it is printed, ms: most waits end at once. */
const SHORTEST_WAIT = 100;

/** The name of the node's lock in locks.ts. */
const NODE_LOCK = "the node's RDMA devices";

/** The beginning of the silence: of the command, or after the last line. */
let silentSince: number | undefined;
/** The line of the present action; `undefined` without one. */
let present: { readonly line: string; readonly least: number } | undefined;

/**
 * Runs a part of a command. If the command is silent for a second, it prints on stderr what it does:
 * the innermost part that is running.
 * @param what e.g. "rebinding VF 0000:03:00.2".
 * @param least the time after which the part is printed at the earliest, ms.
 */
export function during<T>(what: string, action: () => T, least = 0): T {
  const outer = present;
  begin({ line: `ib-sriov: ${printable(what)}\n`, least });
  try {
    return action();
  } finally {
    begin(outer);
  }
}

function begin(next: typeof present): void {
  const now = monotonic();
  if (cancelPrint() || silentSince === undefined) silentSince = now;
  present = next;
  if (next === undefined) return;
  const rest = Math.max(silentSince + SILENCE - now, next.least);
  try {
    if (rest >= 1) {
      printAfter(Math.floor(rest), next.line);
      return;
    }
    print(2, next.line);
  } catch {
    // Stderr is closed, or the kernel has no timer left. The command must continue.
  }
  silentSince = now;
}

/** Returns an observer of the steps and waits of a command, which prints those that take long. */
export function observeProgress(files: Files): Observe {
  return (action, what, record, act) => {
    if (action === "wait") return during(`waiting for ${what}${holderOf(files, what)}`, act, SHORTEST_WAIT);
    const verb = action === "apply" ? "setting" : "restoring";
    return during(`${verb} the ${what}${record === undefined ? "" : ` of VF ${record.vf.pci}`}`, act);
  };
}

/** Completes the line of a wait for a lock of this plugin: ", held by process 12 (ADD of container c1)". */
function holderOf(files: Files, what: string): string {
  const [, pci] = /^VF (\S+)$/.exec(what) ?? [];
  const file = pci === undefined ? what === NODE_LOCK && ".node" : `.vf/${pci}`;
  if (!file) return "";
  try {
    const { holder } = parseLockContents(files.read(`${STATE_DIRECTORY}/${file}`) ?? "");
    return holder === undefined ? "" : `, held by process ${holder.pid} (${holder.verb})`;
  } catch {
    // The wait itself reports a file that cannot be read.
    return "";
  }
}

/** The PCI functions of this machine, for a command: it prints a change of a driver that takes long. */
export class ReportingPciFunctions extends LinuxPciFunctions {
  override bind(pci: string, driver: string): void {
    during(`rebinding VF ${pci} to ${driver}`, () => super.bind(pci, driver));
  }
}
