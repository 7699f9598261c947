// ADD, with each fault at each of its calls, and the calls that can follow; and the errors of requests that cannot be
// met.
import { expect, test } from "vitest";
import { CniError, codes } from "../../../src/cni/errors.ts";
import {
  everything,
  freshVfRequests,
  type NamedRequest,
  partition,
  partitioned,
  rareRequests,
  requestedGuid,
  requests,
  requestsOnOtherNodes,
} from "../harness/common-requests.ts";
import { c1, deviceInfo, vf } from "../harness/default-node.ts";
import { allFollowUps, delOrOtherAdd, delOrSameAdd, thenDel } from "../harness/follow-ups.ts";
import type { Pod } from "../harness/requests.ts";
import { addScenarios } from "../harness/scenarios.ts";
import { SimulatedNode } from "../harness/simulated-node.ts";
import { type Scenario, testScenarios } from "../harness/sweep.ts";

/** Returns requests that wait for a partition: with the interface, and before the RDMA device moves. */
function partitionRequests(): NamedRequest[] {
  return [
    { name: "a partition", request: { ...everything, partition }, setting: partitioned },
    {
      name: "a partition and isolation",
      request: { ...everything, partition, rdmaIsolation: true },
      setting: { ...partitioned, rdma: "exclusive", rdmaDevices: 2 },
    },
  ];
}

/** Returns a scenario of an ADD that cannot succeed: the firmware accepts GUIDs, but the VF never gets them. */
function failingAddScenario(): Scenario {
  const request = { vf, guid: requestedGuid, subnets: ["10.1.0.0/24"] };
  return {
    name: "ADD (GUIDs are dropped)",
    setting: { dropsGuids: true },
    request,
    verb: "ADD",
    ends: "failed",
    rollsBack: true,
    followUps: delOrOtherAdd(),
  };
}

/** A pod whose namespace is the host's. */
const ownPod: Pod = { containerId: "own", ifname: "net1", netns: "/proc/1/ns/net" };

/** Returns ADD and DEL of such a VF, with all their faults. */
function ownNetnsScenarios(): Scenario[] {
  // Older kernels refuse to rename a netdev that is up.
  const setting = { renamesUp: true };
  const open = ({ machine }: SimulatedNode) => void machine.paths.set(ownPod.netns, machine.host);
  return requests()
    .filter(({ name }) => ["no settings", "an address", "everything"].includes(name))
    .flatMap(({ name, request }): Scenario[] => {
      const hostRequest = { ...request, ownNetnsAllowed: true };
      const common = { setting, pod: ownPod, request: hostRequest };
      return [
        {
          ...common,
          name: `ADD to the plugin's own namespace (${name})`,
          arrange: open,
          verb: "ADD",
          rollsBack: true,
          followUps: [thenDel],
        },
        {
          ...common,
          name: `DEL from the plugin's own namespace (${name})`,
          arrange: (simulated) => {
            open(simulated);
            simulated.mustAdd(ownPod, hostRequest);
          },
          verb: "DEL",
          followUps: [thenDel],
        },
      ];
    });
}

testScenarios("ADD", [
  ...addScenarios([...requests(), ...requestsOnOtherNodes()], delOrOtherAdd()),
  ...addScenarios(rareRequests(), delOrSameAdd()),
  ...addScenarios(partitionRequests(), [thenDel]),
  ...addScenarios(
    [{ name: "everything, and anything next", request: everything, setting: {} }],
    allFollowUps(),
  ),
  ...addScenarios(freshVfRequests(), delOrSameAdd()),
  failingAddScenario(),
]);

testScenarios("own namespace", ownNetnsScenarios());

test('no carrier within the time limit: the error is "try again", and ADD leaves nothing behind', () => {
  const simulated = new SimulatedNode({});
  const { end, error } = simulated.add(c1, { vf, linkState: "disable", carrierTime: 3_000 });
  expect(end).toBe("failed");
  expect(error).toBeInstanceOf(CniError);
  expect(error).toMatchObject({ code: codes.tryAgain, message: expect.stringMatching(/no carrier for 3 s/) });
  simulated.requireAsBefore("after ADD");
});

test("no partition within the time limit: the error names the present one, and ADD leaves nothing behind", () => {
  const simulated = new SimulatedNode({ partition: { pkey: 0x8006, delay: 10 } });
  const { end, error } = simulated.add(c1, { ...everything, partition });
  expect(end).toBe("failed");
  expect(error).toMatchObject({
    code: codes.tryAgain,
    message: expect.stringMatching(/not come to partition 0x0005 in 5 s: index 0 .* has 0x8006/),
  });
  simulated.requireAsBefore("after ADD");
});

test.each([{}, { rdma: "exclusive" }] as const)(
  "ADD waits for a partition that comes late, and not longer (%j)",
  (kernel) => {
    const simulated = new SimulatedNode({ ...partitioned, ...kernel });
    const before = simulated.machine.time.now;
    const { end } = simulated.add(c1, { vf, partition, rdmaIsolation: "rdma" in kernel || undefined });
    expect(end).toBe("done");
    const took = simulated.machine.time.now - before;
    expect(took).toBeGreaterThan(900);
    expect(took).toBeLessThan(1_200);
  },
);

test("an MTU that the broadcast group does not allow: a warning and the result contain the real MTU", () => {
  const simulated = new SimulatedNode({});
  simulated.machine.groupMtu = 1500;
  const request = { ...everything, mtu: 1700 };
  const { end, warnings, result } = simulated.add(c1, request);
  expect(end).toBe("done");
  expect(warnings).toContainEqual(expect.stringMatching(/MTU 1500, not 1700/));
  expect(result?.interfaces.at(-1)?.mtu).toBe(1500);
  simulated.machine.groupMtu = undefined;
  simulated.mustDel(c1, request);
  simulated.requireAsBefore("after DEL");
});

test("an MTU that the netdev cannot have: ADD fails, and leaves nothing behind", () => {
  const simulated = new SimulatedNode({});
  expect(simulated.add(c1, { vf, mtu: 9000 }).end).toBe("failed");
  simulated.requireAsBefore("after ADD");
});

test.each(["", "{", "[]", "null", '{"type":"vdpa"}', '{"pci":"x"}'])(
  "a file %j that names no PCI device stays as it is, and does not make ADD fail",
  (text) => {
    const simulated = new SimulatedNode({});
    simulated.changeNode(({ files }) => void files.texts.set(deviceInfo, text));
    const { end, warnings } = simulated.add(c1, { vf, deviceInfo: `${deviceInfo}` });
    expect(end).toBe("done");
    expect(warnings).toContainEqual(expect.stringContaining(deviceInfo));
    expect(simulated.machine.files.texts.get(deviceInfo)).toBe(text);
    simulated.mustDel(c1, { vf, deviceInfo });
    simulated.requireAsBefore("after DEL");
  },
);

test("without such a file none is created, and a file that another program has written since stays as it is", () => {
  const simulated = new SimulatedNode({});
  const { texts } = simulated.machine.files;
  simulated.changeNode(({ files }) => void files.texts.delete(deviceInfo));
  simulated.mustAdd(c1, { vf, deviceInfo });
  expect(texts.has(deviceInfo)).toBe(false);
  simulated.changeNode(({ files }) => void files.texts.set(deviceInfo, '{"pci":{"rdma-device":"theirs"}}'));
  simulated.mustDel(c1, { vf, deviceInfo });
  expect(texts.get(deviceInfo)).toBe('{"pci":{"rdma-device":"theirs"}}');
});
