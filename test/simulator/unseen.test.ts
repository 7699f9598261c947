// DEL, GC and a release if sysfs is not mounted, or hides the VF: a VF is gone only if sysfs shows that it is gone.
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

/** Functions that sysfs does not show. */
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
  attachments.map(([what, setting, request]) => [view, what, hidden, setting, request] as const),
);

describe.each(cases)("if %s, of an attachment with %s", (_, __, hidden, setting, request) => {
  test.each(["DEL", "GC"])("%s fails, keeps the record, and changes nothing", (verb) => {
    const simulated = new SimulatedNode(setting);
    simulated.mustAdd(c1, request);
    if (verb === "GC") simulated.deleteNamespace(c1);
    const before = simulated.lines();
    simulated.machine.bus.hidden = hidden;
    const act = () => (verb === "GC" ? simulated.gc([]) : simulated.del(c1, request));
    const { end, error } = act();
    expect(end).toBe("failed");
    expect(error).toMatchObject({ code: codes.node });
    expect(messageChain(error)).toMatch(/read VF .* shows neither it nor its PF .*mounted at \/sys/);
    simulated.machine.bus.hidden = [];
    simulated.requireUnchanged(before, `after ${verb}`);
    expect(act()).toMatchObject({ end: "done" });
  });
});

test("an operator who knows that the PF is gone can force the release of the lease", () => {
  const simulated = new SimulatedNode({});
  simulated.mustAdd(c1, everything);
  // The rest of a PF that was pulled out.
  simulated.changeNode(({ bus }) => {
    bus.removeVfs(pf);
    bus.hidden = [pf];
  });
  expect(simulated.release(c1, false)).toMatchObject({ end: "failed", error: { code: codes.node } });
  expect(simulated.release(c1, true)).toMatchObject({
    end: "done",
    warnings: [expect.stringMatching(/sysfs does not show VF .*; only its lease is released/)],
  });
  expect(simulated.records(vf)).toEqual([]);
  expect([...simulated.machine.leases.leases.values()]).not.toContain("c1 net1");
});

test("after a reboot, which ends all attachments, the lease is released whatever sysfs shows", () => {
  const simulated = new SimulatedNode({});
  simulated.mustAdd(c1, everything);
  simulated.changeNode((machine) => {
    machine.bootId = "7e1c0f4e-94b7-4d0d-8f3d-6f1d0a3c2b11";
    machine.deleteNamespace(c1.netns);
    machine.addNamespace(c1.netns);
    machine.time.settle();
    machine.bus.recreateVfs(pf);
  });
  simulated.machine.bus.hidden = "everything";
  expect(simulated.del(c1, everything)).toMatchObject({ end: "done" });
  expect(simulated.records(vf)).toEqual([]);
});

test.each([
  ["the Go plugin's cache", (simulated: SimulatedNode) => addByGoPlugin(simulated, c1, everything)],
  [
    "a damaged record",
    (simulated: SimulatedNode) => {
      simulated.mustAdd(c1, everything);
      simulated.machine.files.texts.set(pathOf(c1), "{");
    },
  ],
])("%s stays if sysfs is not mounted", (_, arrange) => {
  const simulated = new SimulatedNode({});
  arrange(simulated);
  const before = simulated.lines();
  simulated.machine.bus.hidden = "everything";
  const { end, error } = simulated.del(c1, everything);
  expect(end).toBe("failed");
  expect(messageChain(error)).toMatch(/shows neither it nor any other PCI function/);
  simulated.machine.bus.hidden = [];
  simulated.requireUnchanged(before, "after DEL");
});
