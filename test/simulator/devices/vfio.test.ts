// VFs that are bound to vfio-pci, for virtual machines: ADD, DEL and later calls, with all their faults.
import { expect, test, vi } from "vitest";
import { STATE_DIRECTORY } from "../../../src/attachment/record/state-directory.ts";
import { adminGuid } from "../../../src/attachment/steps/admin-guid.ts";
import { codes } from "../../../src/cni/errors.ts";
import { emptyResult } from "../../../src/cni/result.ts";
import { derivedGuid } from "../../../src/infiniband/derived-guid.ts";
import { ZERO_GUID } from "../../../src/infiniband/guid.ts";
import { guid } from "../../support/records.ts";
import { contrary, everything, type NamedRequest, partition, same } from "../harness/common-requests.ts";
import { c1, c2, deviceInfo, pf, type Setting, vf, wholePf } from "../harness/default-node.ts";
import type { KillPoint } from "../harness/faults.ts";
import {
  thenAgain,
  thenAnother,
  thenAnotherAndLateDel,
  thenDel,
  thenDelWithoutNamespace,
} from "../harness/follow-ups.ts";
import { recordOf } from "../harness/records.ts";
import type { AttachmentRequest } from "../harness/requests.ts";
import { check, messageChain } from "../harness/run.ts";
import {
  addScenarios,
  afterKilledAdd,
  delScenarios,
  delWithoutNamespaceScenarios,
} from "../harness/scenarios.ts";
import { SimulatedNode } from "../harness/simulated-node.ts";
import { type Scenario, testScenarios } from "../harness/sweep.ts";
import { pfGuid } from "../model/bus.ts";

const setting: Setting = { vfio: true };
const whole = { ...everything, vfioPciMode: true } as const;

/** Requests of such containers; they get no addresses. */
const vfRequests: NamedRequest[] = [
  { name: "vfio, everything", request: whole, setting },
  { name: "vfio, no settings", request: { vf }, setting },
  {
    name: "vfio, a kernel that cannot report VFs",
    request: everything,
    setting: { ...setting, vfConfigUnreadable: true },
  },
];

/** Requests for a whole PF; settings that a PF does not have are ignored. */
const pfRequests: NamedRequest[] = [
  { name: "a PF, everything", request: { ...whole, vf: wholePf }, setting: {} },
  { name: "a PF, a derived GUID", request: { vf: wholePf, guid: "auto" }, setting: {} },
];

/** Returns ADD, DEL, and the verbs after a killed ADD, with all their faults. */
function vfioScenarios(): Scenario[] {
  const [all, plain, unreadable] = vfRequests as [NamedRequest, NamedRequest, NamedRequest];
  const points: KillPoint[] = [
    { call: "links.setVfConfig" },
    { call: "links.setVfConfig", nth: 2 },
    { call: "files.create" },
  ];
  const after = points.flatMap((point) => {
    const what = `a vfio ADD was killed after ${point.call} ${point.nth ?? 1}`;
    return afterKilledAdd(what, { request: whole, setting }, point);
  });
  return [
    ...addScenarios([all], [thenDel, thenDelWithoutNamespace, thenAnotherAndLateDel(c2, same), thenAgain]),
    ...addScenarios([plain, unreadable], [thenDel, thenAnother(c2, same)]),
    ...delScenarios([all, plain], [thenDel, thenAnotherAndLateDel(c2, contrary)]),
    // Afterwards such a VF has no GUID, and no container gets it without one.
    ...delScenarios([unreadable], [thenDel, thenAnotherAndLateDel(c2, same)]),
    ...delWithoutNamespaceScenarios(vfRequests),
    ...after,
    ...addScenarios(pfRequests, [
      thenDel,
      thenDelWithoutNamespace,
      thenAnotherAndLateDel(c2, same),
      thenAgain,
    ]),
    ...delScenarios(pfRequests, [thenDel, thenAnotherAndLateDel(c2, same)]),
    ...delWithoutNamespaceScenarios(pfRequests),
  ];
}

testScenarios("vfio", vfioScenarios());

const vfioNode = () => new SimulatedNode({ vfio: true });

test("a configured IPAM is skipped, and a warning reports that", () => {
  const { end, warnings, result } = vfioNode().add(c1, everything);
  expect(end).toBe("done");
  expect(warnings).toContainEqual(expect.stringMatching(/vfio-pci.*IPAM plugin host-local is not called/));
  expect(result).toMatchObject({ interfaces: [{ name: "net1", mac: undefined }], ips: [] });
});

test("a warning reports that the PF's GUIDs cannot be read, and so cannot be restored", () => {
  const { warnings } = new SimulatedNode({ vfio: true, vfConfigUnreadable: true }).add(c1, everything);
  expect(warnings).toContainEqual(expect.stringMatching(/does not report which GUIDs PF .* without a GUID/));
});

test("no driver is bound or unbound", () => {
  const node = vfioNode();
  const calls = [...node.mustAdd(c1, everything).calls, ...node.del(c1, everything).calls];
  expect(calls.filter(({ call }) => /bind|links.move|processes/.test(call))).toEqual([]);
});

test("vfioPciMode with a VF that is bound to another driver is refused, and the error names the remedy", () => {
  const node = new SimulatedNode({});
  const { end, error } = node.add(c1, { vf, vfioPciMode: true });
  expect(end).toBe("failed");
  expect(error).toMatchObject({
    code: codes.badConfiguration,
    message: expect.stringMatching(/mlx5_core.*driverctl/),
  });
  node.requireAsBefore("after ADD");
});

test.each([
  ["rdmaIsolation", { rdmaIsolation: true }],
  ["mtu", { mtu: 1500 }],
  ["waitForCarrierSeconds", { carrierTime: 1000 }],
  ["waitForPkeySeconds", { partition }],
] as const)("%s, which needs a device on the host, is refused", (key, more) => {
  const node = vfioNode();
  const { end, error } = node.add(c1, { vf, ...more });
  expect(end).toBe("failed");
  expect(error).toMatchObject({ code: codes.unsupportedField, message: expect.stringContaining(key) });
  node.requireAsBefore("after ADD");
});

test("a GUID that was set at the PF since stays as it is", () => {
  const node = vfioNode();
  node.mustAdd(c1, everything);
  const administrators = guid("02:00:00:00:00:00:00:11");
  node.changeNode(({ bus }) => {
    const target = bus.vf(vf, "set its GUID");
    target.adminNodeGuid = administrators;
    target.adminPortGuid = administrators;
  });
  expect(node.del(c1, everything).warnings).toContainEqual(expect.stringContaining(administrators));
});

test.each([
  [
    "another GUID is set at the PF",
    "adminPortGuid",
    /port GUID that PF .* has for VF .* is 02:.*:11, not 02:.*:77/,
  ],
  ["the VF has another driver", "probed", /bound to no driver, not to vfio-pci/],
  ["nothing is wrong", undefined, undefined],
] as const)("CHECK: %s", (_, key, pattern) => {
  const node = vfioNode();
  const request: AttachmentRequest = everything;
  const { result } = node.mustAdd(c1, request);
  const target = node.machine.bus.vf(vf, "damage it");
  if (key === "probed") target.probed = undefined;
  if (key === "adminPortGuid") target.adminPortGuid = guid("02:00:00:00:00:00:00:11");
  const { end, error } = check(node.machine, c1, request, result ?? emptyResult());
  expect(end).toBe(pattern === undefined ? "done" : "failed");
  if (pattern !== undefined) expect(messageChain(error)).toMatch(pattern);
});

test("auto derives a GUID for a VF without one, and the GUID stays", () => {
  const node = vfioNode();
  node.changeNode(({ bus }) => {
    const target = bus.vf(vf, "take its GUID");
    target.adminNodeGuid = ZERO_GUID;
    target.adminPortGuid = ZERO_GUID;
  });
  const target = node.machine.bus.vf(vf, "look at it");
  expect(node.add(c1, { vf })).toMatchObject({
    end: "failed",
    error: {
      code: codes.badConfiguration,
      message: expect.stringContaining('"capabilities": {"infinibandGUID": true}'),
    },
  });
  const derived = derivedGuid(pfGuid, target.index);
  expect(node.add(c1, { vf, guid: "auto" }).end).toBe("done");
  expect([target.adminNodeGuid, target.adminPortGuid]).toEqual([derived, derived]);
  node.mustDel(c1, { vf, guid: "auto" });
  // From now on it is the VF's own GUID.
  node.changeNode(({ bus }) => {
    const own = bus.vf(vf, "set its GUID");
    own.adminNodeGuid = derived;
    own.adminPortGuid = derived;
  });
  node.requireAsBefore("after DEL");
  expect(node.add(c1, { vf }).end).toBe("done");
});

test("no other container gets a VF that a virtual machine still has open, although the namespace is gone", () => {
  const node = vfioNode();
  node.mustAdd(c1, everything);
  node.deleteNamespace(c1);
  const target = node.machine.bus.vf(vf, "open it");
  target.isOpen = true;
  const refused = node.add(c2, everything);
  expect(refused).toMatchObject({
    end: "failed",
    error: { code: codes.tryAgain, message: expect.stringMatching(/c1.*a virtual machine may have it open/) },
  });
  expect(node.gc([]).warnings).toContainEqual(
    expect.stringMatching(/keeps VF .* a virtual machine may have it open/),
  );
  expect(node.records(vf)).toHaveLength(1);
  target.isOpen = false;
  node.mustGc([]);
  node.requireAsBefore("after GC");
});

test("a PF is attached as a whole, and keeps its GUID and link state, which a warning reports", () => {
  const node = new SimulatedNode({});
  const { warnings } = node.mustAdd(c1, { ...everything, vf: wholePf });
  expect(warnings).toContainEqual(expect.stringMatching(/is a PF, which keeps its own GUID and link state/));
  node.mustDel(c1, { ...everything, vf: wholePf });
  node.requireAsBefore("after DEL");
});

test("the port GUID of a PF that was noted is in its record and in its device information until DEL", () => {
  const node = new SimulatedNode({});
  const noted = guid("0d:00:00:00:00:00:00:01");
  node.changeNode(({ files }) => {
    files.makeDirectory(`${STATE_DIRECTORY}/.pf`);
    files.write(`${STATE_DIRECTORY}/.pf/${wholePf}`, noted);
  });
  const request = { vf: wholePf, deviceInfo };
  const portGuid = () => JSON.parse(node.machine.files.texts.get(deviceInfo) ?? "").pci["port-guid"];
  node.mustAdd(c1, request);
  expect([recordOf(node.machine, c1)?.originals.portGuid, portGuid()]).toEqual([noted, noted]);
  node.mustDel(c1, request);
  expect(portGuid()).toBeUndefined();
  node.requireAsBefore("after DEL");
});

test("a PF that is bound to another driver is refused", () => {
  const { end, error } = new SimulatedNode({}).add(c1, { vf: pf });
  expect(end).toBe("failed");
  expect(error).toMatchObject({ code: codes.badConfiguration });
});

test("the suite notices a GUID that is not restored", () => {
  const undo = vi.spyOn(adminGuid, "undo").mockImplementation(() => {});
  const node = vfioNode();
  node.mustAdd(c1, everything);
  node.mustDel(c1, everything);
  undo.mockRestore();
  node.expectProblems(
    expect.stringMatching(
      /^at the end .*:\n +- vf .* administrative 0a:.*:01 0a:.*:02 .*\n +\+ vf .* administrative 02:.*:77 02:.*:77 link disable$/,
    ),
  );
});
