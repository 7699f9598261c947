import { requireAttachable } from "../../../attachment/admin/require-attachable.ts";
import { parseLockContents } from "../../../attachment/lock/lock-contents.ts";
import { openSession, type Session } from "../../../attachment/lock/session.ts";
import { messageOf } from "../../../cni/error-document.ts";
import { isFree } from "../../inventory.ts";
import { tryAcquire } from "../../try-acquire.ts";
import type { DoctorContext } from "../context.ts";
import { error, type Finding } from "../finding.ts";

/**
 * Checks which free VFs ADD refuses, by the questions of ADD itself: VFs that the host uses, that have two ports, and so
 * on. VFs without a driver or a netdev are findings already.
 */
export function refusedVfs({ node, pfs = [], attached, networks: { networks } }: DoctorContext): Finding[] {
  const vfs = pfs.flatMap((pf) => pf.vfs.filter((vf) => isFree(vf) && vf.netdev !== undefined));
  if (attached === undefined || vfs.length === 0) return [];
  const session = openSession(node, {
    deadline: node.clock.now(),
    warn() {},
    observe: (_1, _2, _3, act) => act(),
  });
  const isIsolating = networks.some(({ document }) => document.rdmaIsolation === true);
  const settings = isIsolating && node.rdma.isExclusive() ? ({ rdmaIsolation: true } as const) : {};
  return vfs.flatMap(({ pci }) => {
    const why = refusal(() => requireAttachable(session, pci, settings));
    // A call may have taken the VF since it was read.
    if (why === undefined || !isUntouched(session, pci)) return [];
    return error("vf-refused", `ADD refuses VF ${pci}, which is free: ${why}`, {
      advice: "if the host is to keep it, remove it from the resource of the device plugin",
    });
  });
}

function refusal(ask: () => void): string | undefined {
  try {
    ask();
    return undefined;
  } catch (cause) {
    return messageOf(cause);
  }
}

/** Reports whether no call works on a VF, and no attachment has it. It creates no lock file. */
function isUntouched({ node, state }: Session, pci: string): boolean {
  if (!state.lockedVfs().includes(pci)) return true;
  try {
    const lock = state.vfLock(pci);
    try {
      if (!tryAcquire(lock, node.clock.now())) return false;
      const { owner } = parseLockContents(lock.read());
      return owner === undefined || state.findAny(owner)?.record?.vf.pci !== pci;
    } finally {
      lock.release();
    }
  } catch {
    // The lock file is unusable, which is a finding of the locks.
    return true;
  }
}
