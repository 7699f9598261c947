// DEL, GC and a release where sysfs is not mounted, or hides the VF: only a VF that sysfs shows to be gone is gone.
import { describe, expect, test } from "vitest";
import { codes } from "../../src/cni/errors.ts";
import { c1, pf, type Setting, vf } from "./harness/default-node.ts";
import { addByGoPlugin } from "./harness/go-plugin.ts";
import { pathOf } from "./harness/records.ts";
import type { AttachmentRequest } from "./harness/requests.ts";
import { messageChain } from "./harness/run.ts";
import { SimulatedNode } from "./harness/simulated-node.ts";
import type { Bus } from "./model/bus.ts";
import { everything } from "./scenarios/requests.ts";

/** What sysfs does not show. */
const views: Readonly<Record<string, Bus["hidden"]>> = {
  "sysfs is not mounted": "everything",
  "sysfs hides the VF and its PF": [vf, pf],
  "sysfs hides the VF": [vf],
};

const attachments: readonly (readonly [string, Setting, AttachmentRequest])[] = [
  ["an interface", {}, everything],
  ["RDMA devices only", { rdmaOnly: true }, { ...everything, rdmaOnly: true }],
  ["a virtual machine", { vfio: true }, everything],
];

const cases = Object.entries(views).flatMap(([view, hidden]) =>
  attachments.map(([what, setting, wish]) => [view, what, hidden, setting, wish] as const),
);

describe.each(cases)("where %s, of an attachment with %s", (_, __, hidden, setting, wish) => {
  test.each(["DEL", "GC"])("%s fails, keeps the record, and changes nothing", (verb) => {
    const story = new SimulatedNode(setting);
    story.mustAdd(c1, wish);
    if (verb === "GC") story.deleteNamespace(c1);
    const before = story.lines();
    story.machine.bus.hidden = hidden;
    const act = () => (verb === "GC" ? story.gc([]) : story.del(c1, wish));
    const { end, error } = act();
    expect(end).toBe("failed");
    expect(error).toMatchObject({ code: codes.node });
    expect(messageChain(error)).toMatch(/read VF .* shows neither it nor its PF .*mounted at \/sys/);
    story.machine.bus.hidden = [];
    story.requireUnchanged(before, `after ${verb}`);
    expect(act()).toMatchObject({ end: "done" });
  });
});

test("an operator who knows that the PF is gone can force the release of the lease", () => {
  const story = new SimulatedNode({});
  story.mustAdd(c1, everything);
  // What is left of a PF that was pulled out.
  story.happens(({ bus }) => {
    bus.removeVfs(pf);
    bus.hidden = [pf];
  });
  expect(story.release(c1, false)).toMatchObject({ end: "failed", error: { code: codes.node } });
  expect(story.release(c1, true)).toMatchObject({
    end: "done",
    warnings: [expect.stringMatching(/VF .* is not to be seen; only its lease is released/)],
  });
  expect(story.records(vf)).toEqual([]);
  expect([...story.machine.leases.leases.values()]).not.toContain("c1 net1");
});

test("after a reboot, which no attachment outlives, the lease is released whatever sysfs shows", () => {
  const story = new SimulatedNode({});
  story.mustAdd(c1, everything);
  story.happens((machine) => {
    machine.bootId = "7e1c0f4e-94b7-4d0d-8f3d-6f1d0a3c2b11";
    machine.deleteNamespace(c1.netns);
    machine.addNamespace(c1.netns);
    machine.time.settle();
    machine.bus.makeVfsAnew(pf);
  });
  story.machine.bus.hidden = "everything";
  expect(story.del(c1, everything)).toMatchObject({ end: "done" });
  expect(story.records(vf)).toEqual([]);
});

test.each([
  ["the Go plugin's cache", (story: SimulatedNode) => addByGoPlugin(story, c1, everything)],
  [
    "a damaged record",
    (story: SimulatedNode) => {
      story.mustAdd(c1, everything);
      story.machine.files.texts.set(pathOf(c1), "{");
    },
  ],
])("%s stays where sysfs is not mounted", (_, arrange) => {
  const story = new SimulatedNode({});
  arrange(story);
  const before = story.lines();
  story.machine.bus.hidden = "everything";
  const { end, error } = story.del(c1, everything);
  expect(end).toBe("failed");
  expect(messageChain(error)).toMatch(/shows neither it nor any other PCI function/);
  story.machine.bus.hidden = [];
  story.requireUnchanged(before, "after DEL");
});
