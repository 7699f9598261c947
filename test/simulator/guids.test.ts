// After DEL a VF runs with its own GUIDs, or with what somebody has set at the PF since, and never with a container's.
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

/** Node and port GUID that the VF runs with. */
function running(story: SimulatedNode): (Guid | undefined)[] {
  const { probed } = story.machine.bus.vf(vf, "look at it");
  return [probed?.nodeGuid, probed?.portGuid];
}

test("DEL fails while the VF does not take its own GUIDs over, and the next one goes on", () => {
  const story = new SimulatedNode({});
  story.mustAdd(c1, everything);
  story.machine.bus.dropsGuids = true;
  const { end, error } = story.del(c1, everything);
  expect(end).toBe("failed");
  expect(error).toMatchObject({ code: codes.node });
  expect(messageChain(error)).toContain(`is ${requestedGuid} after a rebind, not ${own[0]}`);
  expect(recordOf(story.machine, c1)?.state).toBe("broken");
  story.machine.bus.dropsGuids = false;
  story.mustDel(c1, everything);
  story.requireAsBefore("after DEL");
});

test("DEL of a VF of a virtual machine fails while its PF keeps the container's GUID, and the next one goes on", () => {
  const story = new SimulatedNode({ vfio: true });
  const wish = { vf, guid: requestedGuid };
  story.mustAdd(c1, wish);
  story.machine.keepsAdminGuids = true;
  const { end, error } = story.del(c1, wish);
  expect(end).toBe("failed");
  expect(messageChain(error)).toContain(`still has ${requestedGuid} (node)`);
  story.machine.keepsAdminGuids = false;
  story.mustDel(c1, wish);
  story.requireAsBefore("after DEL");
});

test.each([
  ["in the middle of a rebind", "functions.unbind"],
  ["before they set their own", "files.create"],
])("the originals survive twenty ADDs that are killed, all but the first %s", (_, call) => {
  const story = new SimulatedNode({});
  const wishOf = (number: number) => ({ vf, guid: guid(`02:00:00:00:00:00:01:${10 + number}`) });
  const podOf = (number: number) => ({ ...c2, containerId: `killed${number}` });
  expect(story.add(podOf(0), wishOf(0), killedAfter("links.setVfConfig")).end).toBe("killed");
  for (let number = 1; number <= 20; number++) {
    expect(story.add(podOf(number), wishOf(number), killedAfter(call)).end).toBe("killed");
  }
  story.mustDel(podOf(20), wishOf(20));
  // Of this one the last may not have put the record aside.
  story.mustDel(podOf(19), wishOf(19));
  story.settleOwed();
  story.requireAsBefore("after DEL");
  expect(running(story)).toEqual(own);
});

test("DEL without a record restores the GUIDs that the VF's lock file has", () => {
  const story = new SimulatedNode({});
  story.mustAdd(c1, everything);
  story.machine.files.texts.delete(pathOf(c1));
  story.mustDel(c1, everything);
  expect(running(story)).toEqual(own);
  // The netdev's attributes and the link state are lost with the record.
  story.expectProblems(expect.stringMatching(/^at the end of the test .* link enable/s));
});

test("auto takes a VF's own GUID, also where the Go plugin has written over the record of the container before", () => {
  const story = new SimulatedNode({});
  loseRecord(story);
  const cache = { deviceID: "0000:01:10.2", ContIFNames: "net1", Master: "ib0", HostIFNames: "ib9" };
  story.machine.files.texts.set(pathOf(c1), JSON.stringify(cache));
  story.mustAdd(c2, { vf, guid: "auto" });
  expect(running(story)).toEqual(own);
});

test("a GUID that an administrator puts into effect after a record was lost is the VF's own", () => {
  const story = new SimulatedNode({});
  loseRecord(story);
  const theirs = guid("0c:00:00:00:00:00:00:01");
  setAdminGuids(story, { node: theirs, port: theirs });
  story.machine.bus.unbind(vf, "mlx5_core");
  story.machine.bus.bind(vf, "mlx5_core");
  story.mustAdd(c2, { vf });
  expect(running(story)).toEqual([theirs, theirs]);
  story.mustDel(c2, { vf });
  expect(running(story)).toEqual([theirs, theirs]);
  // Their rebind has changed these.
  const changed = [
    "MTU",
    "port GUID",
    "node GUID",
    "RDMA device",
    "mtu in the result",
    "at the end of the test",
  ];
  story.expectProblems(...changed.map((what) => expect.stringMatching(`^${what} `)));
});
