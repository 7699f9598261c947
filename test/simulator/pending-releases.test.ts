// Leases that a dead attachment owes.
import { describe, expect, test } from "vitest";
import { guid } from "../support/records.ts";
import { c1, c2, c3, freshVf, vf } from "./harness/default-node.ts";
import { killedAfter } from "./harness/faults.ts";
import { SimulatedNode } from "./harness/simulated-node.ts";
import { stateDirectory } from "./harness/state.ts";
import { Refusal } from "./model/refusal.ts";
import type { Fault } from "./node/gate.ts";
import { everything } from "./scenarios/requests.ts";

test("of all that died one after the other, the next ADD releases", () => {
  const story = new SimulatedNode({});
  story.add(c1, everything, killedAfter("processes.start"));
  // Each takes the VF over from the one before, and dies before it has released its lease.
  story.add(c2, everything, killedAfter("processes.start"));
  expect(story.owed()).toHaveLength(1);
  story.mustAdd(c3, everything);
  expect(story.owed()).toEqual([]);
  expect([...story.machine.leases.leases.values()].filter((holder) => /^c[12] /.test(holder))).toEqual([]);
  story.mustDel(c3, everything);
  story.requireAsBefore("after DEL");
});

test("of all that died one after the other, the last one's DEL releases", () => {
  const story = new SimulatedNode({});
  for (const pod of [c1, c2, c3]) story.add(pod, everything, killedAfter("processes.start"));
  expect(story.owed()).toHaveLength(2);
  story.mustDel(c3, everything);
  story.requireAsBefore("after DEL");
});

test("are not forgotten when they cannot be released at once", () => {
  const story = new SimulatedNode({});
  for (const pod of [c1, c2]) story.add(pod, everything, killedAfter("processes.start"));
  let started = 0;
  const onlyAdd: Fault = ({ call }) =>
    call === "processes.start" && ++started > 1 ? { end: new Refusal("EAGAIN", call) } : undefined;
  expect(story.add(c3, everything, onlyAdd).end).toBe("done");
  expect(story.owed()).toHaveLength(2);
  story.mustDel(c3, everything);
  story.requireAsBefore("after DEL");
});

test("a lease that its container holds anew is not released", () => {
  const story = new SimulatedNode({});
  story.add(c1, everything, killedAfter("processes.start"));
  // Takes the VF over, and dies before it has released c1's lease.
  story.add(c2, everything, killedAfter("files.rename"));
  expect(story.owed()).toHaveLength(1);

  // The same container once more, on another VF. A lease of the same name is in the way; who cleans up after
  // that frees it.
  const again = { ...everything, vf: freshVf, guid: guid("02:00:00:00:00:00:00:79") };
  expect(story.add(c1, again).end).toBe("failed");
  expect(story.mustAdd(c1, again).end).toBe("done");
  story.settleOwed();
  expect(story.owed()).toEqual([]);
  expect([...story.machine.leases.leases.values()]).toContain("c1 net1");

  story.mustDel(c1, again);
  story.mustDel(c2, everything);
  story.requireAsBefore("after both DELs");
});

test("two leases of one name are both owed, and both are released", () => {
  const story = new SimulatedNode({});
  for (const wish of [everything, { ...everything, network: "othernet" }]) {
    story.add(c1, wish, killedAfter("links.move"));
    story.add(c2, everything, killedAfter("files.rename"));
  }
  expect(story.owed()).toHaveLength(3);
  story.mustDel(c2, everything);
  story.requireAsBefore("after DEL");
  expect(story.machine.bus.driverOf(vf)).toBeDefined();
});

/** As if c1's ADD had been called with a CNI_PATH in which there are no plugins any more. */
function movePlugins({ machine: { files } }: SimulatedNode): void {
  const path = `${stateDirectory}/c1-net1`;
  const text = files.texts.get(path)?.replace('"path":"/opt/cni/bin"', '"path":"/opt/old/bin"') ?? "";
  expect(text).toContain("/opt/old/bin");
  files.texts.set(path, text);
}

describe("where the CNI_PATH of ADD has no plugin any more, that of the caller is taken, at", () => {
  test("GC", () => {
    const story = new SimulatedNode({});
    story.mustAdd(c1, everything);
    movePlugins(story);
    story.deleteNamespace(c1);
    story.mustGc([]);
    story.requireAsBefore("after GC");
  });

  test("gc", () => {
    const story = new SimulatedNode({});
    story.mustAdd(c1, everything);
    movePlugins(story);
    story.deleteNamespace(c1);
    expect(story.gcOfAll().end).toBe("done");
    story.requireAsBefore("after gc");
  });

  test("the next container's ADD", () => {
    const story = new SimulatedNode({});
    story.mustAdd(c1, everything);
    movePlugins(story);
    story.deleteNamespace(c1);
    story.mustAdd(c2, everything);
    expect(story.owed()).toEqual([]);
    story.mustDel(c2, everything);
    story.requireAsBefore("after DEL");
  });

  test("the same container's ADD once more", () => {
    const story = new SimulatedNode({});
    story.add(c1, everything, killedAfter("links.move"));
    movePlugins(story);
    story.mustAdd(c1, everything);
    story.mustDel(c1, everything);
    story.requireAsBefore("after DEL");
  });

  test("DEL of another network's configuration", () => {
    const story = new SimulatedNode({});
    story.mustAdd(c1, everything);
    movePlugins(story);
    story.mustDel(c1, { ...everything, subnets: ["10.9.0.0/24"] });
    story.requireAsBefore("after DEL");
  });
});
