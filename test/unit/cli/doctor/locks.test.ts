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
function examine(
  holders: readonly LockHolder[] | (() => LockHolder[]),
  { text = note, freeAt = 1e9, vf = aVf(0), path = "", now = 0 } = {},
) {
  const waits: number[] = [];
  const context = aDoctorContext(
    { [path || `${directory}/${vf.pci}`]: "" },
    { pfs: [aPf([aVf(0)])] },
    { clock: { now: () => 0, wall: () => now } },
  );
  const lock = {
    acquire(deadline: number) {
      waits.push(deadline);
      if (deadline < freeAt) throw new TimeoutError("locked");
    },
    holders: () => (typeof holders === "function" ? holders() : [...holders]),
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

const call: LockHolder = { pid: 99, pids: [99], command: "ib-sriov" };
const nodeLock = "/var/lib/cni/ib-sriov/.node";
const goLock = "/var/run/cni/ib-sriov/cni.lock";
const noRebind = "no VF can be bound again, so most pods cannot start or end";

test.each([
  [
    "a call that a signal has stopped",
    [{ ...call, isStopped: true }, child],
    {},
    "vf-locked: VF 0000:03:00.2 is locked by process 99 (ib-sriov), which a signal has stopped: no pod can get or release it",
    "kill -CONT 99",
  ],
  [
    "a process that the lock file does not name",
    [child],
    { text: "" },
    "vf-locked: VF 0000:03:00.2 is locked by process 321 (sleep), which the lock file does not name: no pod can get or release it",
    "kill -KILL 321",
  ],
  [
    "a process that a call has left behind with the node's lock",
    [child],
    { path: nodeLock },
    `node-locked: the node's RDMA devices are locked by process 321 (sleep), which ADD of container c1 has left behind: ${noRebind}`,
    "kill -KILL 321",
  ],
  [
    "a rebind that does not end",
    [call],
    { path: nodeLock, now: 200_000 },
    `node-locked: the node's RDMA devices are locked by process 99 (ib-sriov), which hangs: ${noRebind}`,
    "(dmesg may show why; if the kernel does not return from a driver, only a reboot helps; otherwise: kill -KILL 99)",
  ],
  [
    "a stopped call of the Go plugin",
    [{ ...call, isStopped: true }],
    { path: goLock, text: "" },
    `node-locked: the Go plugin's lock ${goLock} is locked by process 99 (ib-sriov), which a signal has stopped: ${noRebind}`,
    "kill -CONT 99",
  ],
])("%s is reported", (_, holders, options, found, remedy) => {
  expect(examine(holders, options).found).toEqual([[`error ${found}`, remedy]]);
});

test("a process that has taken the lock while the doctor waited is not reported", () => {
  const next = [child, { ...child, pid: 400, pids: [400] }];
  expect(examine(() => next.splice(0, 1)).found).toEqual([]);
  expect(next).toEqual([]);
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
    ["of a rebind that takes 20 s", [call], { path: nodeLock, now: 20_000 }],
    ["of a call that the Go plugin is running", [{ ...call, command: "ib-sriov-cni" }], { path: goLock }],
    ["of a VF that does not exist", [child], { vf: aVf(5) }],
  ])("%s", (_, holders, options) => {
    expect(examine(holders, options).found).toEqual([]);
  });
});
