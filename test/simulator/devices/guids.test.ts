// A VF runs with its own GUIDs, or with those that were set at the PF since, and never with those of a container that
// is gone.
import { describe, expect, test } from "vitest";
import { CniError, codes } from "../../../src/cni/errors.ts";
import { type Guid, ZERO_GUID } from "../../../src/infiniband/guid.ts";
import { guid } from "../../support/records.ts";
import {
  derivedGuidRequest,
  everything,
  requestedGuid,
  same,
  withOtherGuid,
} from "../harness/common-requests.ts";
import { administratorsGuids, c1, c2, c3, freshVf, ownGuids, vf } from "../harness/default-node.ts";
import { thenAnother, thenDel } from "../harness/follow-ups.ts";
import { netdevOnHost } from "../harness/prepare.ts";
import { pathOf, recordOf } from "../harness/records.ts";
import type { AttachmentRequest } from "../harness/requests.ts";
import { messageChain } from "../harness/run.ts";
import { SimulatedNode } from "../harness/simulated-node.ts";
import { type Scenario, testScenarios } from "../harness/sweep.ts";
import { addAltnames, rename } from "../model/link-requests.ts";

/** Sets GUIDs of the VF at the PF. */
function setAdminGuids(
  simulated: SimulatedNode,
  guids: { readonly node?: Guid; readonly port?: Guid },
): void {
  const target = simulated.machine.bus.vf(vf, "set its GUIDs");
  target.adminNodeGuid = guids.node ?? target.adminNodeGuid;
  target.adminPortGuid = guids.port ?? target.adminPortGuid;
}

/** Returns DEL after other GUIDs were set at the PF: they come into effect, except "no GUID". */
function changedGuidScenarios(): Scenario[] {
  const changes: readonly { name: string; set: Parameters<typeof setAdminGuids>[1]; stays: boolean }[] = [
    { name: "both GUIDs were changed", set: administratorsGuids, stays: true },
    { name: "the port GUID was changed", set: { port: administratorsGuids.port }, stays: true },
    { name: "both GUIDs were set to zero", set: { node: ZERO_GUID, port: ZERO_GUID }, stays: false },
  ];
  return changes.map(({ name, set, stays }) => ({
    name: `DEL after ${name} at the PF`,
    arrange: (simulated) => {
      simulated.mustAdd(c1, everything);
      setAdminGuids(simulated, set);
      if (!stays) return;
      simulated.before = simulated.before.map((line) =>
        line
          .replaceAll(ownGuids.node, set.node ?? ownGuids.node)
          .replaceAll(ownGuids.port, set.port ?? ownGuids.port),
      );
    },
    verb: "DEL",
    followUps: [thenDel],
    allowedIfUnreadable: "an administrator's GUIDs",
  }));
}

/**
 * Deletes the record of c1, whose namespace is gone: only the VF's lock file still contains the VF's own GUIDs. The
 * other originals of the record are restored here.
 */
function loseRecord(simulated: SimulatedNode): void {
  const { machine } = simulated;
  const before = netdevOnHost(machine, vf);
  simulated.mustAdd(c1, { vf, guid: requestedGuid });
  simulated.deleteNamespace(c1);
  machine.time.settle();
  machine.files.texts.delete(pathOf(c1));
  const netdev = netdevOnHost(machine, vf);
  rename(machine.host, netdev, "ibp1s0f0v0");
  addAltnames(machine.host, netdev, ["rail0"]);
  netdev.link = before.link;
  machine.setUp(machine.host, netdev, true);
}

/** Returns ADD for a VF that still runs with the GUID of a container whose record is lost. */
function unrecordedGuidScenarios(): Scenario[] {
  const requests: readonly [name: string, request: AttachmentRequest][] = [
    ["auto", { ...everything, guid: "auto" }],
    ["without a GUID", { vf }],
    ["another GUID", withOtherGuid(everything)],
  ];
  return requests.map(([name, request]) => ({
    name: `ADD (${name}) of a VF that runs with the GUID of a container whose record is lost`,
    pod: c2,
    request,
    arrange: loseRecord,
    verb: "ADD",
    // If this ADD has failed, only the next ADD can find out about the GUID.
    followUps: [thenAnother(c3, same)],
  }));
}

testScenarios("GUIDs", [...changedGuidScenarios(), ...unrecordedGuidScenarios()]);

const own = [ownGuids.node, ownGuids.port];

/** Returns the node and the port GUID that the VF runs with. */
function running(simulated: SimulatedNode): (Guid | undefined)[] {
  const { probed } = simulated.machine.bus.vf(vf, "look at it");
  return [probed?.nodeGuid, probed?.portGuid];
}

test("DEL fails while the VF does not accept its own GUIDs, and the next DEL continues", () => {
  const simulated = new SimulatedNode({});
  simulated.mustAdd(c1, everything);
  simulated.machine.bus.dropsGuids = true;
  const { end, error } = simulated.del(c1, everything);
  expect(end).toBe("failed");
  expect(error).toMatchObject({ code: codes.node });
  expect(messageChain(error)).toContain(`is ${requestedGuid} after a rebind, not ${own[0]}`);
  expect(recordOf(simulated.machine, c1)?.state).toBe("undo-failed");
  simulated.machine.bus.dropsGuids = false;
  simulated.mustDel(c1, everything);
  simulated.requireAsBefore("after DEL");
});

test("DEL of a virtual machine's VF fails while the PF keeps its GUID, and the next DEL continues", () => {
  const simulated = new SimulatedNode({ vfio: true });
  const request = { vf, guid: requestedGuid };
  simulated.mustAdd(c1, request);
  simulated.machine.keepsAdminGuids = true;
  const { end, error } = simulated.del(c1, request);
  expect(end).toBe("failed");
  expect(messageChain(error)).toContain(`still has ${requestedGuid} (node)`);
  simulated.machine.keepsAdminGuids = false;
  simulated.mustDel(c1, request);
  simulated.requireAsBefore("after DEL");
});

test.each([
  ["in the middle of a rebind", "functions.unbind"],
  ["before they set their own GUIDs", "files.create"],
] as const)("the originals survive twenty ADDs that are killed, all but the first %s", (_, call) => {
  const simulated = new SimulatedNode({});
  const requestOf = (number: number) => ({ vf, guid: guid(`02:00:00:00:00:00:01:${10 + number}`) });
  const podOf = (number: number) => ({ ...c2, containerId: `killed${number}` });
  simulated.killAdd(podOf(0), requestOf(0), { call: "links.setVfConfig" });
  for (let number = 1; number <= 20; number++) {
    simulated.killAdd(podOf(number), requestOf(number), { call: call });
  }
  simulated.mustDel(podOf(20), requestOf(20));
  // If the last ADD was killed early, the record of pod 19 is still in its place, and its own DEL removes it.
  simulated.mustDel(podOf(19), requestOf(19));
  simulated.releaseLeaseAt();
  simulated.requireAsBefore("after DEL");
  expect(running(simulated)).toEqual(own);
});

test("DEL without a record restores the GUIDs that the VF's lock file contains", () => {
  const simulated = new SimulatedNode({});
  simulated.mustAdd(c1, everything);
  simulated.machine.files.texts.delete(pathOf(c1));
  simulated.mustDel(c1, everything);
  expect(running(simulated)).toEqual(own);
  // The netdev's attributes and the link state are lost with the record.
  simulated.expectProblems(expect.stringMatching(/^at the end of the test .* link enable/s));
});

test("auto uses a VF's own GUID, even if the Go plugin has overwritten the record of the previous container", () => {
  const simulated = new SimulatedNode({});
  loseRecord(simulated);
  const cache = { deviceID: "0000:01:10.2", ContIFNames: "net1", Master: "ib0", HostIFNames: "ib9" };
  simulated.machine.files.texts.set(pathOf(c1), JSON.stringify(cache));
  simulated.mustAdd(c2, { vf, guid: "auto" });
  expect(running(simulated)).toEqual(own);
});

test("a GUID that an administrator puts into effect after a record was lost is the VF's own", () => {
  const simulated = new SimulatedNode({});
  loseRecord(simulated);
  const administrators = guid("0c:00:00:00:00:00:00:01");
  setAdminGuids(simulated, { node: administrators, port: administrators });
  simulated.machine.bus.unbind(vf, "mlx5_core");
  simulated.machine.bus.bind(vf, "mlx5_core");
  simulated.mustAdd(c2, { vf });
  expect(running(simulated)).toEqual([administrators, administrators]);
  simulated.mustDel(c2, { vf });
  expect(running(simulated)).toEqual([administrators, administrators]);
  // The administrator's rebind has changed these.
  const changed = [
    "MTU",
    "port GUID",
    "node GUID",
    "RDMA device",
    "mtu in the result",
    "at the end of the test",
  ];
  simulated.expectProblems(...changed.map((what) => expect.stringMatching(`^${what} `)));
});

describe("without auto and without a GUID", () => {
  test("ADD fails, naming the VF and the remedies", () => {
    const simulated = new SimulatedNode({});
    const { end, error } = simulated.add(c1, { vf: freshVf });
    expect(end).toBe("failed");
    expect(error).toBeInstanceOf(CniError);
    expect(error).toMatchObject({ code: codes.badConfiguration });
    for (const text of [
      freshVf,
      '"auto"',
      '"capabilities": {"infinibandGUID": true}',
      "ib-kubernetes",
      "ip link set",
    ]) {
      expect(error).toMatchObject({ message: expect.stringContaining(text) });
    }
    simulated.requireAsBefore("after ADD");
  });

  test("ADD also fails after an ADD with auto that was killed before the GUID came into effect", () => {
    const simulated = new SimulatedNode({});
    simulated.killAdd(c1, derivedGuidRequest, { call: "files.create" });
    const { end, error } = simulated.add(c2, { vf: freshVf });
    expect(end).toBe("failed");
    expect(messageChain(error)).toContain("no valid GUID (00:00:00:00:00:00:00:00)");
    simulated.mustDel(c1, derivedGuidRequest);
    simulated.requireAsBefore("after DEL");
  });
});

test("no GUID can be derived from a PF without a port GUID, and the error reports that", () => {
  const simulated = new SimulatedNode({});
  simulated.changeNode(({ host }) => void host.ofFunction("0000:01:00.0")[0]?.[1].kind.address.fill(0, 12));
  const { end, error } = simulated.add(c1, { vf: freshVf, guid: "auto" });
  expect(end).toBe("failed");
  expect(error).toMatchObject({
    code: codes.node,
    message: expect.stringMatching(/PF 0000:01:00\.0.*set a guid/),
  });
  expect(guid("00:00:00:00:00:00:00:00")).toBe(
    simulated.machine.bus.vf(freshVf, "look at it").probed?.nodeGuid,
  );
});
