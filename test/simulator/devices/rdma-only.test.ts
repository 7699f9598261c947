// VFs without a netdev: ADD, DEL and later calls, with all their faults.
import { expect, test, vi } from "vitest";
import { guid as guidStep } from "../../../src/attachment/steps/guid.ts";
import { rdmaDevice } from "../../../src/attachment/steps/rdma-device.ts";
import { codes } from "../../../src/cni/errors.ts";
import { emptyResult } from "../../../src/cni/result.ts";
import { derivedGuid } from "../../../src/infiniband/derived-guid.ts";
import { guid } from "../../support/records.ts";
import { contrary, everything, type NamedRequest, partition, same } from "../harness/common-requests.ts";
import { c1, c2, deviceInfo, freshVf, type Setting, vf } from "../harness/default-node.ts";
import {
  thenAgain,
  thenAnother,
  thenAnotherAndLateDel,
  thenDel,
  thenDelWithoutNamespace,
} from "../harness/follow-ups.ts";
import { rebinds } from "../harness/run.ts";
import {
  addScenarios,
  afterKilledAdd,
  delScenarios,
  delWithoutNamespaceScenarios,
} from "../harness/scenarios.ts";
import { SimulatedNode } from "../harness/simulated-node.ts";
import { type Scenario, testScenarios } from "../harness/sweep.ts";
import { pfGuid } from "../model/bus.ts";

const setting: Setting = { rdmaOnly: true, partition: { pkey: 0x5, delay: 300 } };
const isolating: Setting = { ...setting, rdma: "exclusive", rdmaDevices: 2 };
const all = { ...everything, rdmaOnly: true, partition, deviceInfo } as const;
const isolatedRequest = { ...all, rdmaIsolation: true } as const;

/** Returns ADD, DEL, and the verbs after a killed ADD, with all their faults. */
function rdmaOnlyScenarios(): Scenario[] {
  const plain: NamedRequest = {
    name: "RDMA only, no settings",
    request: { vf, rdmaOnly: true },
    setting,
  };
  const keeping: NamedRequest = {
    name: "RDMA only, without ib_ipoib",
    request: { vf, rdmaOnly: true, partition, deviceInfo },
    setting: { ...setting, withoutIpoib: true },
  };
  const shared: NamedRequest = { name: "RDMA only, everything", request: all, setting };
  const alone: NamedRequest = { name: "RDMA only, isolated", request: isolatedRequest, setting: isolating };
  const after = (["rdma.move", "functions.unbind", "functions.bind"] as const).flatMap((call) =>
    afterKilledAdd(`an RDMA-only ADD was killed after ${call}`, alone, { call }),
  );
  return [
    ...addScenarios(
      [alone],
      [thenDel, thenDelWithoutNamespace, thenAnotherAndLateDel(c2, contrary), thenAgain],
    ),
    ...addScenarios([plain, keeping, shared], [thenDel, thenAnother(c2, same)]),
    ...delScenarios([plain, shared, alone], [thenDel, thenAnotherAndLateDel(c2, contrary)]),
    ...delWithoutNamespaceScenarios([plain, alone]),
    ...after,
  ];
}

testScenarios("RDMA-only", rdmaOnlyScenarios());

const whole = { ...everything, rdmaOnly: true } as const;

test("a configured IPAM is skipped, and a warning reports that", () => {
  const { end, warnings, result } = new SimulatedNode({ rdmaOnly: true }).add(c1, whole);
  expect(end).toBe("done");
  expect(warnings).toContainEqual(expect.stringMatching(/IPAM plugin host-local is not called/));
  expect(result).toMatchObject({ interfaces: [{ name: "net1", mac: undefined }], ips: [] });
});

test.each(["eth0", c1.ifname])("the result is that of the previous plugins and the interface: %s", (name) => {
  const interfaces = [{ name, sandbox: c1.netns }];
  const { end, result } = new SimulatedNode({ rdmaOnly: true }).add(c1, {
    ...whole,
    prevResult: { ...emptyResult(), interfaces },
  });
  expect(end).toBe("done");
  expect(result?.interfaces.map((each) => each.name)).toEqual([...new Set([name, c1.ifname])]);
});

test.each([
  [
    "a VF without a netdev if the network does not set rdmaOnly",
    { rdmaOnly: true },
    everything,
    /no netdev.*rdmaOnly/,
  ],
  ["a VF with a netdev if the network sets rdmaOnly", {}, whole, /has the netdev ibp1s0f0v0/],
  ["an MTU without an interface", { rdmaOnly: true }, { ...whole, mtu: 1500 }, /mtu/],
  [
    "a GUID without ib_ipoib",
    { rdmaOnly: true, withoutIpoib: true },
    { vf, rdmaOnly: true, guid: guid("02:00:00:00:00:00:00:77") },
    /PF 0000:01:00\.0 has no netdev.*or let the VF keep its GUID and link policy/,
  ],
  [
    "a link policy without ib_ipoib",
    { rdmaOnly: true, withoutIpoib: true },
    { vf, rdmaOnly: true, linkState: "enable" },
    /PF 0000:01:00\.0 has no netdev.*or let the VF keep its GUID and link policy/,
  ],
  [
    "a VF without a GUID, without ib_ipoib",
    { rdmaOnly: true, withoutIpoib: true },
    { vf: freshVf, rdmaOnly: true },
    /VF 0000:01:10\.4 has no valid GUID.*\(without ib_ipoib the PF has no netdev: modprobe ib_ipoib\)/,
  ],
  [
    "a carrier without an interface",
    { rdmaOnly: true },
    { ...whole, carrierTime: 10 },
    /waitForCarrierSeconds/,
  ],
] as const)("ADD refuses %s", (_, setting, request, pattern) => {
  const simulated = new SimulatedNode(setting);
  const { end, error } = simulated.add(c1, request);
  expect(end).toBe("failed");
  expect(error).toMatchObject({ message: expect.stringMatching(pattern) });
  simulated.requireAsBefore("after ADD");
  // A runtime calls DEL after an ADD that failed.
  const { calls } = simulated.del(c1, request);
  expect(calls.filter(({ call }) => /bind$/.test(call))).toEqual([]);
  simulated.requireAsBefore("after DEL");
});

test("DEL binds the driver after a kill between unbind and bind, although the PF's GUIDs were changed since", () => {
  const simulated = new SimulatedNode({ rdmaOnly: true });
  const administrators = guid("0b:00:00:00:00:00:00:01");
  simulated.killAdd(c1, whole, { call: "functions.unbind" });
  expect(simulated.machine.bus.driverOf(vf)).toBeUndefined();
  const target = simulated.machine.bus.vf(vf, "set its GUIDs");
  target.adminNodeGuid = administrators;
  target.adminPortGuid = administrators;
  expect(simulated.del(c1, whole)).toMatchObject({
    end: "done",
    warnings: [expect.stringContaining(administrators)],
  });
  expect(target.probed).toMatchObject({
    driver: "mlx5_core",
    nodeGuid: administrators,
    portGuid: administrators,
  });
  simulated.expectProblems(expect.stringMatching(/^at the end .*:\n +- vf .*\n +\+ vf .* runs 0b:/));
});

test.each([["its own"], ["that which auto derives"]])(
  "auto keeps a VF's GUID without ib_ipoib: %s",
  (which) => {
    const own = which === "its own" ? undefined : derivedGuid(pfGuid, 0);
    const simulated = new SimulatedNode({
      rdmaOnly: true,
      withoutIpoib: true,
      ...(own === undefined ? {} : { guid: own }),
    });
    const request = { vf, rdmaOnly: true, guid: "auto" } as const;
    expect(rebinds(simulated.mustAdd(c1, request))).toBe(0);
    simulated.mustDel(c1, request);
    simulated.requireAsBefore("after DEL");
  },
);

test("without a valid GUID it is refused, as a VF with a netdev is", () => {
  const simulated = new SimulatedNode({ rdmaOnly: true, guid: "ff:ff:ff:ff:ff:ff:ff:ff" as never });
  expect(simulated.add(c1, { vf, rdmaOnly: true })).toMatchObject({
    end: "failed",
    error: { code: codes.badConfiguration, message: expect.stringMatching(/no valid GUID/) },
  });
});

test.each([
  [
    "GUID",
    guidStep,
    /^at the end .*:\n +- vf .* in - runs 0a:.*:01 0a:.*:02 .* administrative 0a:.*:01 0a:.*:02 .*\n +\+ vf .* in - runs 02:.*:77 02:.*:77 .* administrative 02:.*:77 02:.*:77 link disable$/,
  ],
  [
    "RDMA device",
    rdmaDevice,
    /^at the end .*:\n +- vf .* in - runs 0a:.*:01 0a:.*:02 .*\n +\+ vf .* in a runs 0a:.*:01 0a:.*:02 .* link disable$/,
  ],
] as const)("the suite notices a %s that is not restored", (_, step, complaint) => {
  const undo = vi.spyOn(step, "undo").mockImplementation(() => {});
  const simulated = new SimulatedNode({ rdmaOnly: true, rdma: "exclusive" });
  // Without a new GUID no rebind returns the device to the host.
  const request = step === guidStep ? whole : ({ vf, rdmaOnly: true, rdmaIsolation: true } as const);
  simulated.mustAdd(c1, request);
  simulated.mustDel(c1, request);
  undo.mockRestore();
  simulated.expectProblems(expect.stringMatching(complaint));
});
