import { describe, expect, test } from "vitest";
import { STATE_DIRECTORY } from "../../../src/attachment/record/state-directory.ts";
import { codes } from "../../../src/cni/errors.ts";
import {
  everything,
  isolated,
  type NamedRequest,
  requestedGuid,
  requests,
} from "../harness/common-requests.ts";
import { c1, c2, c3, freshVf, ownGuids, vf } from "../harness/default-node.ts";
import type { FollowUp } from "../harness/follow-ups.ts";
import { addByGoPlugin } from "../harness/go-plugin.ts";
import { notePath } from "../harness/other-container.ts";
import { interfaceOf } from "../harness/prepare.ts";
import { killPoints, leaveOrphaned } from "../harness/scenarios.ts";
import { SimulatedNode } from "../harness/simulated-node.ts";
import { type Scenario, testScenarios } from "../harness/sweep.ts";
import { changeNamespace } from "../model/link-requests.ts";

/** Returns a follow-up that repeats a command until it succeeds. */
function repeat(name: string, action: (simulated: SimulatedNode) => { readonly end: string }): FollowUp {
  return {
    name,
    run(simulated) {
      for (let i = 0; i < 3 && action(simulated).end !== "done"; i++);
      if (action(simulated).end !== "done") simulated.problems.push("every attempt fails");
      simulated.requireAsBefore("in the end");
    },
  };
}

/** Returns `gc`, without any DEL or GC of the runtime. */
function gcOfAllScenarios(): Scenario[] {
  const then = repeat("then again", (simulated) => simulated.gcOfAll());
  const stale = requests().map(
    ({ name, request, setting }): Scenario => ({
      name: `gc of a container whose namespace is gone (${name})`,
      setting,
      request,
      arrange: leaveOrphaned(request),
      verb: (simulated, fault) => simulated.gcOfAll({ dryRun: false }, fault),
      followUps: [then],
    }),
  );
  const killed = killPoints.map(
    (point): Scenario => ({
      name: `gc after an ADD that was killed after ${point.call}`,
      arrange: (simulated) => simulated.killAdd(c1, everything, point),
      verb: (simulated, fault) => simulated.gcOfAll({ dryRun: false }, fault),
      followUps: [then],
    }),
  );
  return [...stale, ...killed];
}

/** Returns `attachments release --force` of a running container's VF. */
function releaseScenarios(): Scenario[] {
  const selected = [
    ...requests(),
    { name: "isolation", request: isolated, setting: { rdma: "exclusive" } as const },
  ];
  const scenario = (
    { name, request, setting }: NamedRequest,
    what: string,
    after: (simulated: SimulatedNode) => void,
  ): Scenario => ({
    name: `release --force of ${what} (${name})`,
    setting,
    request,
    arrange: (simulated) => {
      simulated.mustAdd(c1, request);
      after(simulated);
    },
    verb: (simulated, fault) => simulated.release(c1, { force: true }, fault),
    followUps: [repeat("then again", (simulated) => simulated.release(c1, { force: true }))],
  });
  return [
    ...selected.map((each) => scenario(each, "a running container", () => {})),
    ...selected
      .filter(({ name }) => ["no settings", "everything"].includes(name))
      .map((each) => scenario(each, "a container that has moved its netdev", moveNetdev)),
    ...isolatedRequests.map((each) => scenario(each, "a container that has moved its RDMA device", moveRdma)),
  ];
}

/** Requests with an RDMA device. */
const isolatedRequests: readonly NamedRequest[] = [
  { name: "isolation", request: isolated, setting: { rdma: "exclusive" } },
  { name: "isolation only", request: { vf, rdmaIsolation: true }, setting: { rdma: "exclusive" } },
  {
    name: "isolation only, newer kernel",
    request: { vf, rdmaIsolation: true },
    setting: { rdma: "netdev follows" },
  },
];

/** The container moves its interface to a nested container, in a namespace that no runtime knows. */
function moveNetdev({ machine }: SimulatedNode): void {
  const { netns, index } = interfaceOf(machine, c1);
  changeNamespace(netns, index, interfaceOf(machine, { ...c3, ifname: "eth0" }).netns, "moved");
}

/** The container does the same with its RDMA device. */
function moveRdma({ machine }: SimulatedNode): void {
  const [pod, other] = [machine.paths.get(c1.netns), machine.paths.get(c3.netns)];
  const device = machine.bus.vfs.get(vf)?.probed?.devices[0];
  if (pod === undefined || other === undefined || device === undefined) throw new Error("no RDMA device");
  machine.bus.moveRdma(pod, device.index, other);
}

testScenarios("operators", [...gcOfAllScenarios(), ...releaseScenarios()]);

describe("gc", () => {
  test("leaves a running container, and reports it", () => {
    const simulated = new SimulatedNode({});
    simulated.mustAdd(c1, everything);
    const before = simulated.lines();
    expect(simulated.gcOfAll().warnings).toContainEqual(
      expect.stringMatching(/c1-net1: left its namespace .* exists/),
    );
    simulated.requireUnchanged(before, "after gc");
  });

  test("only reports with --dry-run", () => {
    const simulated = new SimulatedNode({});
    simulated.mustAdd(c1, everything);
    simulated.deleteNamespace(c1);
    const before = simulated.lines();
    expect(simulated.gcOfAll({ dryRun: true }).warnings).toContainEqual(
      expect.stringMatching(/c1-net1: would be released/),
    );
    simulated.requireUnchanged(before, "after gc");
  });

  test("keeps the note of a running container's GUID, and removes a note that the Go plugin's DEL has left", () => {
    const simulated = new SimulatedNode({});
    const { files } = simulated.machine;
    const note = `${STATE_DIRECTORY}/.guid/${requestedGuid.replaceAll(":", "")}`;
    simulated.mustAdd(c1, everything);
    simulated.gcOfAll();
    expect(files.read(note)).toBe(vf);
    simulated.mustDel(c1, everything);
    files.write(note, vf);
    simulated.gcOfAll({ dryRun: true });
    expect(files.read(note)).toBe(vf);
    simulated.gcOfAll();
    expect(files.read(note)).toBeUndefined();
  });

  test("creates the notes of GUIDs that attachments of the Go plugin and attachments with lost notes do not have", () => {
    const simulated = new SimulatedNode({});
    const { files } = simulated.machine;
    simulated.mustAdd(c1, { vf });
    addByGoPlugin(simulated, c2, { vf: freshVf, guid: requestedGuid });
    const noted = [ownGuids.port, ownGuids.node, requestedGuid].map(notePath);
    for (const path of noted) files.remove(path);
    simulated.gcOfAll();
    expect(noted.map((path) => files.read(path))).toEqual([vf, vf, freshVf]);
    simulated.mustDel(c1, { vf });
    simulated.mustDel(c2, { vf: freshVf });
    expect(noted.map((path) => files.read(path))).toEqual([undefined, undefined, undefined]);
  });

  test("leaves a container whose namespace cannot be seen, and has the VF", () => {
    const simulated = new SimulatedNode({});
    simulated.mustAdd(c1, everything);
    const { paths } = simulated.machine;
    const namespace = paths.get(c1.netns);
    paths.delete(c1.netns);
    const before = simulated.lines();
    expect(simulated.gcOfAll().warnings).toContainEqual(
      expect.stringMatching(/left its namespace .* cannot be found/),
    );
    simulated.requireUnchanged(before, "after gc");
    // Only --force releases it.
    expect(simulated.release(c1, { force: false })).toMatchObject({
      end: "failed",
      error: { code: codes.deviceInUse },
    });
    simulated.requireUnchanged(before, "after release");
    expect(simulated.release(c1, { force: true }).end).toBe("done");
    if (namespace !== undefined) paths.set(c1.netns, namespace);
    simulated.requireAsBefore("after release --force");
  });
});

test("release of a container that is not known changes nothing", () => {
  const simulated = new SimulatedNode({});
  const before = simulated.lines();
  expect(simulated.release(c1, { force: true }).end).toBe("done");
  simulated.requireUnchanged(before, "after release");
});
