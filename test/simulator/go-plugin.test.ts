// The Go plugin on the same node: its lock, and ADD of what it has attached already. (DEL of that: del.test.ts.)
import { expect, test } from "vitest";
import { CniError, codes } from "../../src/cni/errors.ts";
import { c1, c2 } from "./harness/default-node.ts";
import { addByGoPlugin } from "./harness/go-plugin.ts";
import { SimulatedNode } from "./harness/simulated-node.ts";
import type { Machine } from "./model/machine.ts";
import { OpenFile } from "./model/open-file.ts";
import { everything } from "./scenarios/requests.ts";

const goPlugin = { pid: 77, pids: [77], command: "ib-sriov" };

/** Takes the Go plugin's lock, as that plugin does for the length of a whole call. */
function takeLock({ files }: Machine): OpenFile {
  files.makeDirectory("/var/run/cni/ib-sriov");
  files.touch("/var/run/cni/ib-sriov/cni.lock");
  const file = new OpenFile(files, "/var/run/cni/ib-sriov/cni.lock", goPlugin);
  expect(file.tryLock()).toBe(true);
  return file;
}

test("ADD waits for the Go plugin's lock", () => {
  const story = new SimulatedNode({});
  const lock = takeLock(story.machine);
  const begin = story.machine.time.now;
  story.machine.time.after(5_000, () => lock.close(goPlugin));
  story.mustAdd(c1, everything);
  expect(story.machine.time.now - begin).toBeGreaterThan(5_000);
  story.mustDel(c1, everything);
  story.requireAsBefore("after DEL");
});

test("ADD that cannot have the Go plugin's lock changes nothing, and says which it is", () => {
  const story = new SimulatedNode({});
  const lock = takeLock(story.machine);
  const { end, error } = story.add(c1, { ...everything, patience: 3_000 });
  expect([end, error]).toEqual(["failed", expect.any(CniError)]);
  expect(error).toMatchObject({
    code: codes.tryAgain,
    message: expect.stringContaining("/var/run/cni/ib-sriov/cni.lock"),
  });
  lock.close(goPlugin);
  story.mustDel(c1, everything);
  story.requireAsBefore("after DEL");
});

test.each([
  ["while it lives", () => {}],
  [
    "once its namespace is gone and made anew",
    (story: SimulatedNode) => {
      story.deleteNamespace(c1);
      story.machine.time.settle();
      story.happens((machine) => void machine.addNamespace(c1.netns));
    },
  ],
])("ADD of what the Go plugin has attached is refused as a duplicate %s", (_, happen) => {
  const story = new SimulatedNode({});
  addByGoPlugin(story, c1, everything);
  happen(story);
  const before = story.lines();
  const { end, error } = story.add(c1, everything);
  expect([end, error]).toMatchObject(["failed", { code: codes.badEnvironment }]);
  expect(error).toMatchObject({
    message: expect.stringContaining("CNI_CONTAINERID c1 has an attachment net1"),
  });
  story.requireUnchanged(before, "after ADD");
});

test("ADD of a VF that another container has from the Go plugin is refused", () => {
  const story = new SimulatedNode({});
  addByGoPlugin(story, c1, everything);
  const before = story.lines();
  const { end, error } = story.add(c2, everything);
  expect([end, error]).toMatchObject(["failed", { code: codes.node }]);
  expect(error).toMatchObject({ message: expect.stringContaining("another network namespace holds it") });
  story.requireUnchanged(before, "after ADD");
});
