// Records that cannot be written, or cannot be read any more: they belong to running attachments, and a command frees
// their VFs.
import { describe, expect, test } from "vitest";
import { STATE_DIRECTORY } from "../../../src/attachment/record/state-directory.ts";
import { codes } from "../../../src/cni/errors.ts";
import { LONGEST_FILE } from "../../../src/node/files.ts";
import { guid } from "../../support/records.ts";
import { everything, isolated, requests } from "../harness/common-requests.ts";
import { c1, c2, type Setting, vf } from "../harness/default-node.ts";
import type { FollowUp } from "../harness/follow-ups.ts";
import { reboot } from "../harness/prepare.ts";
import { pathOf } from "../harness/records.ts";
import type { AttachmentRequest, Pod } from "../harness/requests.ts";
import { SimulatedNode } from "../harness/simulated-node.ts";
import { originalsOf } from "../harness/snapshot.ts";
import { type Scenario, testScenarios } from "../harness/sweep.ts";
import type { Machine } from "../model/machine.ts";

const record = pathOf(c1);

const changeRecord = (how: (text: string) => string) => {
  return ({ files }: Machine) => void files.texts.set(record, how(files.texts.get(record) ?? ""));
};

/** Ways in which a record becomes unreadable. */
const unreadableRecords = {
  empty: changeRecord(() => ""),
  "cut off": changeRecord((text) => text.slice(0, 400)),
  "too long": changeRecord((text) => text + " ".repeat(LONGEST_FILE)),
  "of another kind": changeRecord((text) => text.replace('"vf":{', '"vf":[],"was":{')),
  "of a later format": changeRecord((text) => text.replace('"format":1,', '"format":2,"needs":"3.1.0",')),
  "not readable (EIO)": ({ files }: Machine) => void files.unreadable.set(record, "EIO"),
  "not readable (EACCES)": ({ files }: Machine) => void files.unreadable.set(record, "EACCES"),
} as const;

/** Returns `attachments release --force`, with all its faults. */
function releaseUnreadableScenarios(): Scenario[] {
  const all = [
    ...requests(),
    { name: "isolation", request: isolated, setting: { rdma: "exclusive" } as const },
  ];
  return all.map(({ name, request, setting }) => ({
    name: `release --force of a record that cannot be read (${name})`,
    setting,
    request,
    arrange: (simulated) => {
      simulated.mustAdd(c1, request);
      unreadableRecords["cut off"](simulated.machine);
    },
    verb: (simulated, fault) => simulated.release(c1, { force: true }, fault),
    followUps: [thenFree],
  }));
}

/** Requires that the VF is on the host, with a driver, and has no owner; the runtime releases the lease. */
const thenFree: FollowUp = {
  name: "then again, and DEL",
  run(simulated, pod, request) {
    const { machine, problems } = simulated;
    for (let i = 0; i < 3 && simulated.release(pod, { force: true }).end !== "done"; i++);
    if (machine.files.texts.has(record)) problems.push("the record is left");
    simulated.mustDel(pod, request);
    if (simulated.lines().some((line) => line.includes(`of ${pod.containerId} `)))
      problems.push("a lease is left");
    if (machine.host.ofFunction(request.vf).length !== 1) problems.push("the netdev is not on the host");
    if (machine.bus.driverOf(request.vf) === undefined) problems.push("the VF has no driver");
    const devices = machine.bus.vfs.get(request.vf)?.probed?.devices ?? [];
    if (devices.some(({ where }) => where !== machine.host))
      problems.push("an RDMA device is not on the host");
    const target = machine.bus.vf(request.vf, "look at its GUID");
    const guid = target.probed?.portGuid;
    if (guid !== originalsOf(simulated.originals, target).port) problems.push(`the port GUID is ${guid}`);
  },
};

testScenarios("records that cannot be read", releaseUnreadableScenarios());

test("ADD refuses a record that could not be read back, before it changes anything", () => {
  const simulated = new SimulatedNode({});
  const before = simulated.lines();
  // Each quotation mark has two bytes on stdin, and four in a record.
  const request = { ...everything, more: { note: '"'.repeat(300_000) } };
  const { end, error } = simulated.add(c1, request);
  expect(end).toBe("failed");
  expect(error).toMatchObject({
    code: codes.badConfiguration,
    message: expect.stringMatching(/limit is 983040/),
  });
  simulated.requireUnchanged(before, "after ADD");
  simulated.mustDel(c1, request);
  simulated.requireUnchanged(before, "after DEL");
});

const kinds = Object.keys(unreadableRecords) as (keyof typeof unreadableRecords)[];
const otherGuidRequest = (request: AttachmentRequest): AttachmentRequest => ({
  ...request,
  guid: guid("02:00:00:00:00:00:00:88"),
});

/** Requests, and the nodes for them. */
const attachments: Readonly<Record<string, readonly [AttachmentRequest, Setting]>> = {
  "a netdev": [everything, {}],
  "a netdev and the RDMA device for itself": [isolated, { rdma: "exclusive" }],
  "the RDMA device only": [{ ...everything, rdmaOnly: true }, { rdmaOnly: true }],
  "the VF for a virtual machine": [everything, { vfio: true }],
};

/** Attaches a VF, and makes the record unreadable. */
function unreadable(
  kind: keyof typeof unreadableRecords,
  request: AttachmentRequest = everything,
  setting: Setting = {},
): SimulatedNode {
  const simulated = new SimulatedNode(setting);
  simulated.mustAdd(c1, request);
  unreadableRecords[kind](simulated.machine);
  return simulated;
}

function requireRefused(simulated: SimulatedNode, pod: Pod, request: AttachmentRequest): void {
  const before = simulated.lines();
  const { end, error } = simulated.add(pod, request);
  expect(end).toBe("failed");
  expect(error).toMatchObject({
    code: codes.deviceInUse,
    message: expect.stringMatching(
      /belongs to container c1 \(interface net1\), whose record \S+ cannot be read/,
    ),
  });
  simulated.requireUnchanged(before, "after ADD");
}

describe.each(kinds)("a record that is %s", (kind) => {
  test.each(Object.entries(attachments))(
    "keeps its VF from another container: %s",
    (_, [request, setting]) => {
      const simulated = unreadable(kind, request, setting);
      requireRefused(simulated, c2, otherGuidRequest(request));
      // The container can run without the path of its namespace, so the VF stays refused.
      simulated.deleteNamespace(c1);
      simulated.machine.time.settle();
      requireRefused(simulated, c2, otherGuidRequest(request));
    },
  );

  test("keeps its VF from provision, GC and gc, which warn", () => {
    const simulated = unreadable(kind);
    const before = simulated.lines();
    expect(simulated.provision(vf)).toMatchObject({ end: "failed", error: { code: codes.deviceInUse } });
    simulated.requireUnchanged(before, "after provision");
    for (const { end, warnings } of [simulated.gc([]), simulated.gcOfAll()]) {
      expect(end).toBe("done");
      expect(warnings).toContainEqual(expect.stringMatching(/c1-net1.*cannot be read/));
      simulated.requireUnchanged(before, "after GC");
    }
  });

  test("is released with --force only, and then another container can get the VF", () => {
    const simulated = unreadable(kind);
    const own = originalsOf(simulated.originals, simulated.machine.bus.vf(vf, "look"));
    const before = simulated.lines();
    expect(simulated.release(c1, { force: false })).toMatchObject({
      end: "failed",
      error: { code: codes.deviceInUse },
    });
    simulated.requireUnchanged(before, "after release");
    expect(simulated.release(c1, { force: true }).end).toBe("done");
    expect(simulated.records(vf)).toEqual([]);
    expect(simulated.machine.files.texts.has(record)).toBe(false);
    expect(simulated.machine.bus.vf(vf, "look").probed).toMatchObject({
      nodeGuid: own.node,
      portGuid: own.port,
    });
    // The netdev has the name and MTU of a new one; link state and lease stay.
    simulated.allowDifference("attributes");
    simulated.expectProblems(expect.stringMatching(/^at the end of the test the node is not as before/));
    const request = { ...otherGuidRequest(everything), mtu: 2044 };
    const ran = simulated.mustAdd(c2, request);
    simulated.requireAttached(c2, request, ran);
    simulated.mustDel(c2, request);
  });

  test("and that is older than this boot does not keep the VF", () => {
    const simulated = unreadable(kind);
    simulated.changeNode(reboot);
    // A VF without a GUID, as it is after a boot, needs a GUID that it can keep.
    const request = { ...everything, linkState: "disable" } as const;
    const ran = simulated.mustAdd(c2, request);
    simulated.requireAttached(c2, request, ran);
    simulated.mustDel(c2, request);
  });

  test("and that is older than this boot does not keep the VF, even after a killed ADD without a record", () => {
    const simulated = unreadable(kind);
    simulated.changeNode(reboot);
    const request = { ...everything, linkState: "disable" } as const;
    simulated.killAdd(c2, request, { call: "files.create", effect: "nothing" });
    simulated.mustAdd(c2, request);
    simulated.mustDel(c2, request);
  });

  test("and whose lock file does not contain the boot of its owner keeps the VF", () => {
    const simulated = unreadable(kind);
    const { files } = simulated.machine;
    const note = JSON.parse(files.texts.get(`${STATE_DIRECTORY}/.vf/${vf}`) ?? "");
    expect(note.ownerBoot).toBe(simulated.machine.bootId);
    files.texts.set(`${STATE_DIRECTORY}/.vf/${vf}`, JSON.stringify({ ...note, ownerBoot: undefined }));
    simulated.changeNode(reboot);
    expect(simulated.add(c2, { ...everything, linkState: "disable" }).end).toBe("failed");
  });
});

describe("a record of a virtual machine that cannot be read", () => {
  test.each([
    ["is released when the machine has ended", false, "done"],
    ["keeps the VF, also from --force, while the machine has it open", true, "failed"],
  ] as const)("%s", (_, isOpen, end) => {
    const simulated = unreadable("cut off", everything, { vfio: true });
    simulated.machine.bus.vf(vf, "open").isOpen = isOpen;
    const before = simulated.lines();
    const released = simulated.release(c1, { force: true });
    expect(released.end).toBe(end);
    if (isOpen) {
      expect(released.error).toMatchObject({
        code: codes.tryAgain,
        message: expect.stringContaining("/dev/vfio"),
      });
      simulated.requireUnchanged(before, "after release");
    }
    expect(simulated.machine.bus.driverOf(vf)).toBe("vfio-pci");
    expect(simulated.add(c2, otherGuidRequest(everything)).end).toBe(end);
  });
});

describe("DEL", () => {
  test("of a record of a later format fails, and names the version that is needed", () => {
    const simulated = unreadable("of a later format");
    const before = simulated.lines();
    const { end, error } = simulated.del(c1, everything);
    expect(end).toBe("failed");
    expect(error).toMatchObject({
      code: codes.node,
      message: expect.stringMatching(
        /has format 2, .* reads format 1: version 3\.1\.0 or a later one is needed/,
      ),
    });
    simulated.requireUnchanged(before, "after DEL");
  });

  test.each(["not readable (EIO)", "not readable (EACCES)"] as const)(
    "of a record that is %s fails, and continues when it can be read",
    (kind) => {
      const simulated = unreadable(kind);
      const before = simulated.lines();
      expect(simulated.del(c1, everything)).toMatchObject({ end: "failed", error: { code: codes.node } });
      simulated.requireUnchanged(before, "after DEL");
      simulated.machine.files.unreadable.clear();
      simulated.mustDel(c1, everything);
      simulated.requireAsBefore("after DEL");
    },
  );

  test("of a record that is too long continues without it", () => {
    const simulated = unreadable("too long");
    expect(simulated.machine.files.texts.get(record)?.length).toBeGreaterThan(LONGEST_FILE);
    simulated.mustDel(c1, everything);
    expect(simulated.machine.files.texts.has(record)).toBe(false);
    expect(simulated.machine.host.ofFunction(vf)).toHaveLength(1);
    // The GUIDs come from the lock file, by a rebind. Only the record contained the MTU.
    const request = { ...otherGuidRequest(everything), mtu: 2044 };
    const ran = simulated.mustAdd(c2, request);
    simulated.requireAttached(c2, request, ran);
  });
});
