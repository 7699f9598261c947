import { describe, expect, test } from "vitest";
import { locks } from "../../../../src/cli/doctor/locks.ts";
import { TimeoutError } from "../../../../src/node/clock.ts";
import type { Lock, LockHolder } from "../../../../src/node/files.ts";
import { aDoctorContext, aPf, aVf, summaries } from "./doctor-context.ts";

const directory = "/var/lib/cni/ib-sriov/.vf";
const child: LockHolder = { pid: 321, pids: [321], command: "sleep" };
const note = JSON.stringify({ holder: { pid: 99, verb: "ADD of container c1", since: 0 } });

/**
 * Examines a VF whose lock file is locked.
 * @param freeAt the time at which the lock becomes free, ms.
 */
function examine(holders: readonly LockHolder[], { text = note, freeAt = 1e9, vf = aVf(0) } = {}) {
  const waits: number[] = [];
  const context = aDoctorContext(
    { [`${directory}/${vf.pci}`]: "" },
    { pfs: [aPf([aVf(0)])] },
    { clock: { now: () => 0 } },
  );
  const lock = {
    acquire(deadline: number) {
      waits.push(deadline);
      if (deadline < freeAt) throw new TimeoutError("locked");
    },
    holders: () => [...holders],
    read: () => text,
    release() {},
  } as Partial<Lock> as Lock;
  const files = Object.assign(Object.create(context.node.files) as typeof context.node.files, {
    lock: () => lock,
  });
  const found = summaries(locks({ ...context, node: { ...context.node, files } }));
  return { found, waits };
}

test("a process that a call has left behind, and that keeps the lock, is named with a command that ends it", () => {
  expect(examine([child, { ...child, pid: 322, pids: [322] }]).found).toEqual([
    [
      "error vf-locked: VF 0000:03:00.2 is locked by process 321 (sleep), process 322 (sleep), which ADD of container c1 has left behind: no pod can get or release it",
      "kill -KILL 321 322",
    ],
  ]);
});

describe("nothing is reported", () => {
  test.each([
    ["if the lock is free", [child], { freeAt: 0 }],
    ["if the process ends soon", [child], { freeAt: 500 }],
    [
      "of a call that is running, seen from another PID namespace",
      [child, { ...child, pids: [700, 99] }],
      {},
    ],
    ["if the holder is not visible", [], {}],
    ["if the lock file does not name the call", [child], { text: "" }],
    ["of a VF that does not exist", [child], { vf: aVf(5) }],
  ])("%s", (_, holders, options) => {
    expect(examine(holders, options).found).toEqual([]);
  });
});
