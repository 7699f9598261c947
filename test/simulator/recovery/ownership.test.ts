// The plugin never removes a VF from a running container, even if it cannot see the container's namespace, because it
// runs in a mount namespace in which the path does not exist, or cannot see the VF, because sysfs is not mounted or
// hides it.
import { afterAll, describe, expect, test } from "vitest";
import { CniError, codes } from "../../../src/cni/errors.ts";
import { guid } from "../../support/records.ts";
import { everything, isolated } from "../harness/common-requests.ts";
import { c1, c2, pf, type Setting, vf } from "../harness/default-node.ts";
import { killAt } from "../harness/faults.ts";
import { addByGoPlugin } from "../harness/go-plugin.ts";
import { reboot } from "../harness/prepare.ts";
import { pathOf } from "../harness/records.ts";
import type { AttachmentRequest } from "../harness/requests.ts";
import { messageChain } from "../harness/run.ts";
import { SimulatedNode } from "../harness/simulated-node.ts";
import { report } from "../harness/sweep.ts";
import type { Bus } from "../model/bus.ts";
import { moveLink } from "../model/link-requests.ts";

let total = 0;
const plain: AttachmentRequest = { vf };
const otherGuid: AttachmentRequest = { vf, guid: guid("02:00:00:00:00:00:00:88"), linkState: "auto" };

afterAll(() => report("ownership", total));

describe("a VF that another container has", () => {
  test("is left alone by a DEL whose record was restored, for example from a backup", () => {
    total++;
    const simulated = new SimulatedNode({});
    const { texts } = simulated.machine.files;
    simulated.mustAdd(c1, everything);
    const record = texts.get(pathOf(c1)) ?? "";
    simulated.deleteNamespace(c1);
    const ran = simulated.mustAdd(c2, otherGuid);
    texts.set(pathOf(c1), record);
    simulated.mustDel(c1, everything, null);
    simulated.requireAttached(c2, otherGuid, ran);
    simulated.mustDel(c2, otherGuid);
    simulated.requireAsBefore("after both DELs");
  });

  test("is left alone by a DEL whose record has the wrong VF index; DEL restores its own VF", () => {
    total++;
    const simulated = new SimulatedNode({});
    const { texts } = simulated.machine.files;
    simulated.mustAdd(c1, everything);
    const record = texts.get(pathOf(c1)) ?? "";
    const wrong = record.replace('"index":0', '"index":1');
    expect(wrong).not.toBe(record);
    texts.set(pathOf(c1), wrong);
    simulated.mustDel(c1, everything);
    simulated.requireAsBefore("after DEL");
  });

  test("is restored for the next ADD after its container's namespace was replaced by another one at the same path", () => {
    total++;
    const simulated = new SimulatedNode({});
    simulated.mustAdd(c1, everything);
    simulated.deleteNamespace(c1);
    simulated.machine.addNamespace(c1.netns);
    simulated.mustAdd(c2, otherGuid);
    simulated.mustDel(c2, otherGuid);
    simulated.requireAsBefore("after DEL");
  });
});

describe("a container whose namespace cannot be seen", () => {
  for (const [had, held] of Object.entries({ plain, everything })) {
    for (const [what, request] of Object.entries({ plain, everything, otherGuid })) {
      for (const state of ["is attached", "was being attached"]) {
        test(`keeps its VF: it has ${had}, ${state}, another container requests ${what}`, () => {
          total++;
          const simulated = new SimulatedNode({});
          const { machine } = simulated;
          simulated.add(c1, held, state === "is attached" ? undefined : killAt({ call: "links.move" }));
          const namespace = machine.paths.get(c1.netns);
          if (namespace === undefined) throw new Error("the pod has no namespace");
          const before = simulated.lines();

          machine.paths.delete(c1.netns);
          const { end, error } = simulated.add(c2, request);
          machine.paths.set(c1.netns, namespace);

          expect(end).toBe("failed");
          expect(error).toBeInstanceOf(CniError);
          expect(error).toMatchObject({ code: codes.deviceInUse });
          simulated.requireUnchanged(before, "after ADD");
          simulated.mustDel(c1, held);
          simulated.requireAsBefore("after DEL");
        });
      }
    }
  }

  test.each([
    ["with the netdev", false],
    ["although the netdev is on the host", true],
  ])("keeps its isolated RDMA device: %s", (_, isNetdevOnHost) => {
    total++;
    const simulated = new SimulatedNode({ rdma: "exclusive" });
    const { host, paths } = simulated.machine;
    simulated.mustAdd(c1, isolated);
    const namespace = paths.get(c1.netns);
    if (namespace === undefined) throw new Error("the pod has no namespace");
    const index = namespace.named(c1.ifname)?.[0] ?? 0;
    if (isNetdevOnHost) moveLink(namespace, index, host, "ib7");
    const before = simulated.lines();

    paths.delete(c1.netns);
    const { end, error } = simulated.add(c2, otherGuid);
    paths.set(c1.netns, namespace);

    expect(end).toBe("failed");
    expect(error).toMatchObject({ code: codes.deviceInUse, message: expect.stringContaining("RDMA device") });
    simulated.requireUnchanged(before, "after ADD");
    simulated.mustDel(c1, isolated);
    simulated.requireAsBefore("after DEL");
  });
});

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
  expect(simulated.release(c1, { force: false })).toMatchObject({
    end: "failed",
    error: { code: codes.node },
  });
  expect(simulated.release(c1, { force: true })).toMatchObject({
    end: "done",
    warnings: [expect.stringMatching(/sysfs does not show VF .*; only its lease is released/)],
  });
  expect(simulated.records(vf)).toEqual([]);
  expect([...simulated.machine.leases.leases.values()]).not.toContain("c1 net1");
});

test("after a reboot, which ends all attachments, the lease is released whatever sysfs shows", () => {
  const simulated = new SimulatedNode({});
  simulated.mustAdd(c1, everything);
  simulated.changeNode(reboot);
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
