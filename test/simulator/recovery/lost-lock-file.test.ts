// Records that cannot be read, and that no lock file names either: `attachments release --force` returns the VF if the
// record still contains it, and removes the record in any case.
import { describe, expect, test } from "vitest";
import { STATE_DIRECTORY } from "../../../src/attachment/record/state-directory.ts";
import { codes } from "../../../src/cni/errors.ts";
import { requests } from "../harness/common-requests.ts";
import { c1, c2, vf } from "../harness/default-node.ts";
import { cacheOf } from "../harness/go-plugin.ts";
import { pathOf } from "../harness/records.ts";
import type { AttachmentRequest } from "../harness/requests.ts";
import { SimulatedNode } from "../harness/simulated-node.ts";
import { type Scenario, testScenarios } from "../harness/sweep.ts";

const path = pathOf(c1);
const lockFile = `${STATE_DIRECTORY}/.vf/${vf}`;
const plain: AttachmentRequest = { vf };

/** Loses the lock file of the VF, and damages the record so that only the members for the Go plugin can be read. */
function damage({ machine: { files } }: SimulatedNode): void {
  files.texts.delete(lockFile);
  files.texts.set(path, (files.texts.get(path) ?? "").replace('"vf":{', '"vf":[],"was":{'));
}

/** Loses the lock file of the VF, and all of the record. */
function empty({ machine: { files } }: SimulatedNode): void {
  files.texts.delete(lockFile);
  files.texts.set(path, "");
}

function attached(how: (simulated: SimulatedNode) => void): SimulatedNode {
  const simulated = new SimulatedNode({});
  simulated.mustAdd(c1, plain);
  how(simulated);
  return simulated;
}

/** Returns releases, with all their faults, of attachments that keep the GUIDs of the VF: only the lock file has them. */
function scenarios(): Scenario[] {
  const all = [
    ...requests().filter(({ request }) => request.guid === undefined),
    {
      name: "isolation",
      request: { vf, rdmaIsolation: true } satisfies AttachmentRequest,
      setting: { rdma: "exclusive" } as const,
    },
  ];
  return all.map(({ name, request, setting }) => ({
    name: `release --force of a record that only names its VF (${name})`,
    setting,
    request,
    arrange: (simulated) => {
      simulated.mustAdd(c1, request);
      damage(simulated);
    },
    verb: (simulated, fault) => simulated.releaseAt(path, { force: true }, fault),
    followUps: [
      {
        name: "then again, and DEL",
        run(simulated, pod) {
          const { machine, problems } = simulated;
          for (let i = 0; i < 3 && simulated.releaseAt(path, { force: true }).end !== "done"; i++);
          if (machine.files.texts.has(path)) problems.push("the record is left");
          simulated.mustDel(pod, request);
          if (machine.host.ofFunction(request.vf).length !== 1)
            problems.push("the netdev is not on the host");
          if (machine.bus.driverOf(request.vf) === undefined) problems.push("the VF has no driver");
        },
      },
    ],
  }));
}

testScenarios("records whose lock file is lost", scenarios());

describe("a record that only names its VF", () => {
  test.each([
    ["its container", (simulated: SimulatedNode) => simulated.release(c1, { force: true })],
    ["its path", (simulated: SimulatedNode) => simulated.releaseAt(path, { force: true })],
  ])("is released by %s, and its VF is on the host again", (_, release) => {
    const simulated = attached(damage);
    expect(release(simulated)).toMatchObject({
      end: "done",
      warnings: [
        expect.stringMatching(/c1-net1 cannot be read/),
        expect.stringMatching(/does not name .*: the GUIDs of the VF stay/),
      ],
    });
    expect(simulated.machine.files.texts.has(path)).toBe(false);
    expect(simulated.machine.host.ofFunction(vf)).toHaveLength(1);
    // The netdev is a new one.
    simulated.allowDifference("attributes");
    simulated.expectProblems(expect.stringMatching(/^at the end of the test the node is not as before/));
  });

  test("is refused without --force, and nothing changes", () => {
    const simulated = attached(damage);
    const before = simulated.lines();
    expect(simulated.releaseAt(path, { force: false })).toMatchObject({
      end: "failed",
      error: {
        code: codes.deviceInUse,
        message: expect.stringMatching(/its container may be running.*--force/),
      },
    });
    simulated.requireUnchanged(before, "after release");
    simulated.release(c1, { force: true });
    simulated.allowDifference("attributes");
    simulated.expectProblems(expect.stringMatching(/^at the end of the test the node is not as before/));
  });

  test("leaves a VF that is on the host", () => {
    const simulated = new SimulatedNode({});
    simulated.mustAdd(c1, plain);
    const text = simulated.machine.files.texts.get(path) ?? "";
    simulated.mustDel(c1, plain);
    simulated.machine.files.texts.set(path, text.replace('"vf":{', '"vf":[],"was":{'));
    expect(simulated.releaseAt(path, { force: true }).end).toBe("done");
    simulated.requireAsBefore("after release");
  });

  test("leaves a VF that may belong to a container of the Go plugin", () => {
    const simulated = attached(damage);
    const { files } = simulated.machine;
    files.texts.set(pathOf(c2), cacheOf(simulated.machine, c2, plain, "ibp1s0f0v0"));
    const inPod = () => simulated.machine.paths.get(c1.netns)?.ofFunction(vf);
    expect(inPod()).toHaveLength(1);
    expect(simulated.releaseAt(path, { force: true })).toMatchObject({
      end: "done",
      warnings: [expect.anything(), expect.stringMatching(/is left, because .*c2-net1/)],
    });
    expect(inPod()).toHaveLength(1);
    expect(files.texts.has(path)).toBe(false);
    files.texts.delete(pathOf(c2));
    simulated.expectProblems(expect.stringMatching(/^at the end of the test the node is not as before/));
  });
});

test("a record without anything in it is removed, and its VF is left", () => {
  const simulated = attached(empty);
  const inPod = () => simulated.machine.paths.get(c1.netns)?.ofFunction(vf);
  expect(simulated.releaseAt(path, { force: true })).toMatchObject({
    end: "done",
    warnings: [
      expect.anything(),
      expect.stringMatching(/neither the record .* nor a lock file names the VF/),
    ],
  });
  expect(inPod()).toHaveLength(1);
  expect(simulated.machine.files.texts.has(path)).toBe(false);
  simulated.expectProblems(expect.stringMatching(/^at the end of the test the node is not as before/));
});

test("a directory with files in the place of a record is reported, and stays", () => {
  const simulated = new SimulatedNode({});
  const { files } = simulated.machine;
  files.makeDirectory(path);
  files.texts.set(`${path}/file`, "");
  files.unreadable.set(path, "EIO");
  const { end, error } = simulated.releaseAt(path, { force: true });
  expect({ end, error }).toMatchObject({
    end: "failed",
    error: { code: codes.node, message: expect.stringMatching(/a directory that is not empty/) },
  });
  files.texts.delete(`${path}/file`);
  files.unreadable.clear();
  files.removeDirectory(path);
});

test("a record that can be read is not released by its path", () => {
  const simulated = new SimulatedNode({});
  simulated.mustAdd(c1, plain);
  const before = simulated.lines();
  expect(simulated.releaseAt(path, { force: true }).end).toBe("done");
  simulated.requireUnchanged(before, "after release");
  simulated.mustDel(c1, plain);
});
