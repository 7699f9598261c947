// After DEL a VF runs with its own GUIDs, or with those that were set at the PF since, and never with a container's.
import { expect, test } from "vitest";
import { codes } from "../../src/cni/errors.ts";
import type { Guid } from "../../src/infiniband/guid.ts";
import { guid } from "../support/records.ts";
import { c1, c2, ownGuids, vf } from "./harness/default-node.ts";
import { killedAfter } from "./harness/faults.ts";
import { pathOf, recordOf } from "./harness/records.ts";
import { messageChain } from "./harness/run.ts";
import { SimulatedNode } from "./harness/simulated-node.ts";
import { testScenarios } from "./harness/test-scenarios.ts";
import { changedGuidScenarios, loseRecord, lostRecordScenarios, setAdminGuids } from "./scenarios/guids.ts";
import { everything, requestedGuid } from "./scenarios/requests.ts";

testScenarios("GUIDs", [...changedGuidScenarios(), ...lostRecordScenarios()]);

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
  expect(recordOf(simulated.machine, c1)?.state).toBe("broken");
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
])("the originals survive twenty ADDs that are killed, all but the first %s", (_, call) => {
  const simulated = new SimulatedNode({});
  const requestOf = (number: number) => ({ vf, guid: guid(`02:00:00:00:00:00:01:${10 + number}`) });
  const podOf = (number: number) => ({ ...c2, containerId: `killed${number}` });
  expect(simulated.add(podOf(0), requestOf(0), killedAfter("links.setVfConfig")).end).toBe("killed");
  for (let number = 1; number <= 20; number++) {
    expect(simulated.add(podOf(number), requestOf(number), killedAfter(call)).end).toBe("killed");
  }
  simulated.mustDel(podOf(20), requestOf(20));
  // If the last ADD was killed early, the record of pod 19 is still in its place, and its own DEL removes it.
  simulated.mustDel(podOf(19), requestOf(19));
  simulated.releasePending();
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
