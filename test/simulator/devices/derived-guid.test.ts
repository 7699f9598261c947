// "guid": "auto": a VF without a GUID gets one permanently, so this GUID is the only difference from before.
import { describe, expect, test } from "vitest";
import { STATE_DIRECTORY } from "../../../src/attachment/record/state-directory.ts";
import { codes } from "../../../src/cni/errors.ts";
import { DERIVED_GUIDS, derivedGuid } from "../../../src/infiniband/derived-guid.ts";
import { ALL_ONES_GUID, type Guid } from "../../../src/infiniband/guid.ts";
import { derivedGuidRequest, everything, requestedGuid, same } from "../harness/common-requests.ts";
import { c1, c2, c3, freshGuid, freshVf, vf } from "../harness/default-node.ts";
import {
  thenAgain,
  thenAnother,
  thenAnotherAndLateDel,
  thenDel,
  thenDelOfBoth,
  thenDelWithoutNamespace,
} from "../harness/follow-ups.ts";
import { otherVf } from "../harness/other-container.ts";
import { driver } from "../harness/prepare.ts";
import type { AttachmentRequest } from "../harness/requests.ts";
import { messageChain, rebinds } from "../harness/run.ts";
import { killPoints } from "../harness/scenarios.ts";
import { SimulatedNode } from "../harness/simulated-node.ts";
import { type Scenario, testScenarios } from "../harness/sweep.ts";
import { pfGuid } from "../model/bus.ts";

/** A VF that has a GUID keeps it. */
const ownGuidRequest: AttachmentRequest = { ...everything, guid: "auto" };
/** The same request with an explicit GUID. */
const withGuid = (request: AttachmentRequest): AttachmentRequest => ({ ...request, guid: requestedGuid });

const allowingDerived = (more: (simulated: SimulatedNode) => void) => (simulated: SimulatedNode) => {
  simulated.allowDifference("derived GUID");
  more(simulated);
};

/** Returns ADD and DEL. */
function autoScenarios(): Scenario[] {
  const earlier = (simulated: SimulatedNode) => {
    simulated.mustAdd(c3, derivedGuidRequest);
    simulated.mustDel(c3, derivedGuidRequest);
  };
  const adds = [
    { name: "a fresh VF", request: derivedGuidRequest, arrange: () => {} },
    { name: "a fresh VF, nothing else", request: { vf: freshVf, guid: "auto" } as const, arrange: () => {} },
    { name: "a VF that got one before", request: derivedGuidRequest, arrange: earlier },
    { name: "a VF that has a GUID", request: ownGuidRequest, arrange: () => {} },
  ];
  const all = [
    thenDel,
    thenDelWithoutNamespace,
    thenAnotherAndLateDel(c2, same),
    thenAnotherAndLateDel(c2, withGuid),
    thenAgain,
  ];
  return adds.flatMap(({ name, request, arrange }): Scenario[] => [
    {
      name: `ADD (auto, ${name})`,
      request,
      arrange: allowingDerived(arrange),
      verb: "ADD",
      rollsBack: true,
      followUps:
        request === derivedGuidRequest && arrange !== earlier
          ? all
          : [thenDel, thenAnotherAndLateDel(c2, same)],
    },
    {
      name: `DEL (auto, ${name})`,
      request,
      arrange: allowingDerived((simulated) => {
        arrange(simulated);
        simulated.mustAdd(c1, request);
      }),
      verb: "DEL",
      followUps: [thenDel, thenAnotherAndLateDel(c2, same)],
    },
  ]);
}

/** Returns ADDs of a VF whose previous ADD was killed. In each pair, a request has "guid": "auto". */
function autoTakeOverScenarios(): Scenario[] {
  const fresh = { ...derivedGuidRequest, guid: requestedGuid };
  const pairs: [name: string, stale: AttachmentRequest, next: AttachmentRequest][] = [
    ["auto after auto", derivedGuidRequest, derivedGuidRequest],
    ["a GUID after auto", derivedGuidRequest, withGuid(derivedGuidRequest)],
    ["auto after a GUID, of a fresh VF", fresh, derivedGuidRequest],
    ["auto after a GUID, of a VF that has its own", everything, ownGuidRequest],
  ];
  return pairs.flatMap(([name, stale, next]) =>
    killPoints.map(
      (point): Scenario => ({
        name: `ADD (${name}) after another's was killed after ${point.call}`,
        pod: c2,
        request: next,
        arrange: allowingDerived((simulated) => simulated.killAdd(c1, stale, point)),
        verb: "ADD",
        followUps: [thenDelOfBoth(c1, stale, "the earlier one first"), thenAnother(c3, same)],
      }),
    ),
  );
}

/** Returns a scenario of an ADD that cannot succeed: the firmware accepts GUIDs, but the VF never gets them. */
function failingAutoScenario(): Scenario {
  return {
    name: "ADD (auto, GUIDs are dropped)",
    setting: { dropsGuids: true },
    request: derivedGuidRequest,
    arrange: allowingDerived(() => {}),
    verb: "ADD",
    ends: "failed",
    rollsBack: true,
    followUps: [thenDel],
  };
}

testScenarios("auto", [...autoScenarios(), ...autoTakeOverScenarios(), failingAutoScenario()]);

/** Returns the GUIDs that a VF runs with, and those that are set at its PF. */
function guidsOf(simulated: SimulatedNode, pci: string): (Guid | undefined)[] {
  const { probed, adminNodeGuid, adminPortGuid } = simulated.machine.bus.vf(pci, "look at it");
  return [probed?.nodeGuid, probed?.portGuid, adminNodeGuid, adminPortGuid];
}

/** Gives a VF a GUID that is in effect. */
function setGuid(simulated: SimulatedNode, pci: string, value: Guid): void {
  simulated.changeNode(({ bus }) => {
    const target = bus.vf(pci, "set its GUID");
    target.adminNodeGuid = value;
    target.adminPortGuid = value;
    bus.unbind(pci, driver);
    bus.bind(pci, driver);
  });
}

const derived = [freshGuid, freshGuid, freshGuid, freshGuid];

describe("a derived GUID", () => {
  test("stays with the VF: only the first container needs a rebind", () => {
    const simulated = new SimulatedNode({});
    simulated.allowDifference("derived GUID");
    expect(rebinds(simulated.mustAdd(c1, derivedGuidRequest))).toBe(1);
    expect(rebinds(simulated.del(c1, derivedGuidRequest))).toBe(0);
    expect(guidsOf(simulated, freshVf)).toEqual(derived);
    const second = simulated.mustAdd(c2, derivedGuidRequest);
    expect(rebinds(second)).toBe(0);
    // The later ADD does not read all records any more.
    expect(second.calls.map(({ call }) => call)).not.toContain("files.list");
    expect(rebinds(simulated.del(c2, derivedGuidRequest))).toBe(0);
    expect(guidsOf(simulated, freshVf)).toEqual(derived);
  });

  test("comes back after a container with another GUID", () => {
    const simulated = new SimulatedNode({});
    simulated.allowDifference("derived GUID");
    simulated.mustAdd(c1, derivedGuidRequest);
    simulated.mustDel(c1, derivedGuidRequest);
    simulated.mustAdd(c2, { ...derivedGuidRequest, guid: requestedGuid });
    simulated.mustDel(c2, { ...derivedGuidRequest, guid: requestedGuid });
    expect(guidsOf(simulated, freshVf)).toEqual(derived);
  });

  test("is the same for a VF that was created again", () => {
    const simulated = new SimulatedNode({});
    simulated.mustAdd(c1, derivedGuidRequest);
    simulated.mustDel(c1, derivedGuidRequest);
    simulated.changeNode((machine) => machine.bus.recreateVfs("0000:01:00.0"));
    expect(rebinds(simulated.mustAdd(c1, derivedGuidRequest))).toBe(1);
    expect(guidsOf(simulated, freshVf)).toEqual(derived);
  });

  test("replaces the all-ones GUID that the Go plugin has left", () => {
    const simulated = new SimulatedNode({});
    setGuid(simulated, freshVf, ALL_ONES_GUID);
    simulated.mustAdd(c1, derivedGuidRequest);
    expect(guidsOf(simulated, freshVf)).toEqual(derived);
  });

  test("is another one if a device of the node has the first", () => {
    const simulated = new SimulatedNode({});
    setGuid(simulated, vf, freshGuid);
    simulated.mustAdd(c1, { vf: freshVf, guid: requestedGuid });
    simulated.mustDel(c1, { vf: freshVf, guid: requestedGuid });
    simulated.autoGuid = derivedGuid(pfGuid, 2, 1);
    expect(simulated.add(c1, { vf: freshVf, guid: "auto" }).end).toBe("done");
    simulated.mustDel(c1, { vf: freshVf });
    // The VF keeps it even if the first GUID becomes free.
    setGuid(simulated, vf, requestedGuid);
    expect(rebinds(simulated.add(c2, derivedGuidRequest))).toBe(0);
  });

  test("is another one if a container has the first, and its devices cannot be seen", () => {
    const simulated = new SimulatedNode({});
    simulated.mustAdd(c1, { vf, guid: freshGuid });
    const target = simulated.machine.bus.vf(vf, "hide it");
    const { probed } = target;
    target.probed = undefined;
    simulated.autoGuid = derivedGuid(pfGuid, 2, 1);
    expect(simulated.add(c2, derivedGuidRequest).end).toBe("done");
    target.probed = probed;
  });

  test("does not exist if all are taken: the error reports that, and nothing has changed", () => {
    const simulated = new SimulatedNode({});
    const { texts } = simulated.machine.files;
    for (let choice = 0; choice < DERIVED_GUIDS; choice++) {
      const document = {
        deviceID: otherVf,
        runtimeConfig: { infinibandGUID: derivedGuid(pfGuid, 2, choice) },
      };
      texts.set(`/var/lib/cni/ib-sriov/taken-${choice}`, JSON.stringify(document));
    }
    const before = simulated.lines();
    const { end, error } = simulated.add(c1, derivedGuidRequest);
    expect(end).toBe("failed");
    expect(error).toMatchObject({ code: codes.node });
    expect(messageChain(error)).toMatch(/VF 0000:01:10\.4 .*other devices of this node/);
    simulated.requireUnchanged(before, "after ADD");
  });
});

describe("a VF that has a GUID", () => {
  test("keeps it, and is not rebound", () => {
    const simulated = new SimulatedNode({});
    const before = guidsOf(simulated, vf);
    expect(rebinds(simulated.mustAdd(c1, ownGuidRequest))).toBe(0);
    expect(guidsOf(simulated, vf)).toEqual(before);
    simulated.mustDel(c1, ownGuidRequest);
    simulated.requireAsBefore("after DEL");
  });

  test.each([
    [
      // Its DEL never came, and the lock file with its name was removed.
      "a record of ib-sriov",
      (simulated: SimulatedNode) => {
        simulated.mustAdd(c1, { vf, guid: requestedGuid });
        simulated.deleteNamespace(c1);
        simulated.machine.files.texts.delete(`${STATE_DIRECTORY}/.vf/${vf}`);
        simulated.lines();
      },
    ],
    [
      "a cache file of the Go plugin",
      (simulated: SimulatedNode) => {
        setGuid(simulated, vf, requestedGuid);
        simulated.machine.files.write(
          "/var/lib/cni/ib-sriov/c1-net1",
          JSON.stringify({
            ContIFNames: "net1",
            HostIFGUID: "00:00:00:00:00:00:00:00",
            deviceID: vf,
            name: "mynet",
            runtimeConfig: { infinibandGUID: requestedGuid.toUpperCase() },
          }),
        );
      },
    ],
  ])("loses it if %s shows that it was a container's", (_, leave) => {
    const simulated = new SimulatedNode({});
    leave(simulated);
    simulated.autoGuid = derivedGuid(pfGuid, 0);
    expect(simulated.add(c2, { vf, guid: "auto" }).end).toBe("done");
  });

  test("keeps it if a file shows that the container had found it", () => {
    const simulated = new SimulatedNode({ guid: requestedGuid });
    simulated.mustAdd(c1, everything);
    simulated.machine.files.locks.clear();
    simulated.deleteNamespace(c1);
    const { calls, result } = simulated.add(c2, { vf, guid: "auto" });
    expect(calls.some(({ call }) => call === "functions.bind")).toBe(false);
    expect(result?.interfaces.at(-1)?.mac).toMatch(new RegExp(`${requestedGuid}$`));
  });
});
