// The Go plugin on the same node: its lock, and ADD of its attachments. (del.test.ts has their DEL.)
import { expect, test } from "vitest";
import { CniError, codes } from "../../src/cni/errors.ts";
import { c1, c2 } from "./harness/default-node.ts";
import { addByGoPlugin } from "./harness/go-plugin.ts";
import { SimulatedNode } from "./harness/simulated-node.ts";
import type { Machine } from "./model/machine.ts";
import { OpenFile } from "./model/open-file.ts";
import { everything } from "./scenarios/requests.ts";

const goPlugin = { pid: 77, pids: [77], command: "ib-sriov" };

/** Takes the Go plugin's lock, which that plugin holds during a whole call. */
function takeLock({ files }: Machine): OpenFile {
  files.makeDirectory("/var/run/cni/ib-sriov");
  files.touch("/var/run/cni/ib-sriov/cni.lock");
  const file = new OpenFile(files, "/var/run/cni/ib-sriov/cni.lock", goPlugin);
  expect(file.tryLock()).toBe(true);
  return file;
}

test("ADD waits for the Go plugin's lock", () => {
  const simulated = new SimulatedNode({});
  const lock = takeLock(simulated.machine);
  const begin = simulated.machine.time.now;
  simulated.machine.time.after(5_000, () => lock.close(goPlugin));
  simulated.mustAdd(c1, everything);
  expect(simulated.machine.time.now - begin).toBeGreaterThan(5_000);
  simulated.mustDel(c1, everything);
  simulated.requireAsBefore("after DEL");
});

test("ADD that cannot take the Go plugin's lock changes nothing, and the error names the lock", () => {
  const simulated = new SimulatedNode({});
  const lock = takeLock(simulated.machine);
  const { end, error } = simulated.add(c1, { ...everything, timeout: 3_000 });
  expect([end, error]).toEqual(["failed", expect.any(CniError)]);
  expect(error).toMatchObject({
    code: codes.tryAgain,
    message: expect.stringContaining("/var/run/cni/ib-sriov/cni.lock"),
  });
  lock.close(goPlugin);
  simulated.mustDel(c1, everything);
  simulated.requireAsBefore("after DEL");
});

test.each([
  ["while it exists", () => {}],
  [
    "after its namespace was deleted and created again",
    (simulated: SimulatedNode) => {
      simulated.deleteNamespace(c1);
      simulated.machine.time.settle();
      simulated.changeNode((machine) => void machine.addNamespace(c1.netns));
    },
  ],
])("ADD of the Go plugin's attachment is refused as a duplicate %s", (_, change) => {
  const simulated = new SimulatedNode({});
  addByGoPlugin(simulated, c1, everything);
  change(simulated);
  const before = simulated.lines();
  const { end, error } = simulated.add(c1, everything);
  expect([end, error]).toMatchObject(["failed", { code: codes.badEnvironment }]);
  expect(error).toMatchObject({
    message: expect.stringContaining("CNI_CONTAINERID c1 has an attachment net1"),
  });
  simulated.requireUnchanged(before, "after ADD");
});

test("ADD of a VF that another container has from the Go plugin is refused", () => {
  const simulated = new SimulatedNode({});
  addByGoPlugin(simulated, c1, everything);
  const before = simulated.lines();
  const { end, error } = simulated.add(c2, everything);
  expect([end, error]).toMatchObject(["failed", { code: codes.node }]);
  expect(error).toMatchObject({ message: expect.stringContaining("another network namespace has it") });
  simulated.requireUnchanged(before, "after ADD");
});
