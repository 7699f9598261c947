// "guid": "auto", with everything that can befall it, and which GUID it comes to.
import { describe, expect, test } from "vitest";
import { CniError, codes } from "../../src/cni/errors.ts";
import { DERIVED_GUIDS, derivedGuid } from "../../src/infiniband/derived-guid.ts";
import { ALL_ONES_GUID, type Guid } from "../../src/infiniband/guid.ts";
import { guid } from "../support/records.ts";
import { c1, c2, freshGuid, freshVf, vf } from "./harness/default-node.ts";
import { killedAfter } from "./harness/faults.ts";
import { otherVf } from "./harness/other.ts";
import { driver } from "./harness/prepare.ts";
import { messageChain, type Run } from "./harness/run.ts";
import { SimulatedNode } from "./harness/simulated-node.ts";
import { stateDirectory } from "./harness/state.ts";
import { testScenarios } from "./harness/test-scenarios.ts";
import { pfGuid } from "./model/bus.ts";
import { autoAdoptScenarios, autoScenarios, futileAutoScenario, kept, provided } from "./scenarios/auto.ts";
import { everything, requestedGuid } from "./scenarios/requests.ts";

testScenarios("auto", [...autoScenarios(), ...autoAdoptScenarios(), futileAutoScenario()]);

const rebinds = ({ crossings }: Run) => crossings.filter(({ call }) => call === "functions.bind").length;

/** The GUIDs that a VF runs with, and has on file. */
function guidsOf(story: SimulatedNode, pci: string): (Guid | undefined)[] {
  const { probed, adminNodeGuid, adminPortGuid } = story.machine.bus.vf(pci, "look at it");
  return [probed?.nodeGuid, probed?.portGuid, adminNodeGuid, adminPortGuid];
}

/** Gives a VF GUIDs that are in effect. */
function setGuid(story: SimulatedNode, pci: string, wanted: Guid): void {
  story.happens(({ bus }) => {
    const target = bus.vf(pci, "set its GUID");
    target.adminNodeGuid = wanted;
    target.adminPortGuid = wanted;
    bus.unbind(pci, driver);
    bus.bind(pci, driver);
  });
}

const derived = [freshGuid, freshGuid, freshGuid, freshGuid];

describe("a derived GUID", () => {
  test("stays with the VF: the first container pays for the rebind, all later ones none", () => {
    const story = new SimulatedNode({});
    story.forgive("derived GUID");
    expect(rebinds(story.mustAdd(c1, provided))).toBe(1);
    expect(rebinds(story.del(c1, provided))).toBe(0);
    expect(guidsOf(story, freshVf)).toEqual(derived);
    const second = story.mustAdd(c2, provided);
    expect(rebinds(second)).toBe(0);
    // Nor does anybody walk over the records any more.
    expect(second.crossings.map(({ call }) => call)).not.toContain("files.list");
    expect(rebinds(story.del(c2, provided))).toBe(0);
    expect(guidsOf(story, freshVf)).toEqual(derived);
  });

  test("comes back after a container that named another one", () => {
    const story = new SimulatedNode({});
    story.forgive("derived GUID");
    story.mustAdd(c1, provided);
    story.mustDel(c1, provided);
    story.mustAdd(c2, { ...provided, guid: requestedGuid });
    story.mustDel(c2, { ...provided, guid: requestedGuid });
    expect(guidsOf(story, freshVf)).toEqual(derived);
  });

  test("is the same again for a VF that was made anew", () => {
    const story = new SimulatedNode({});
    story.mustAdd(c1, provided);
    story.mustDel(c1, provided);
    story.happens((machine) => machine.bus.makeVfsAnew("0000:01:00.0"));
    expect(rebinds(story.mustAdd(c1, provided))).toBe(1);
    expect(guidsOf(story, freshVf)).toEqual(derived);
  });

  test("is given to a VF that the Go plugin has left with all-ones", () => {
    const story = new SimulatedNode({});
    setGuid(story, freshVf, ALL_ONES_GUID);
    story.mustAdd(c1, provided);
    expect(guidsOf(story, freshVf)).toEqual(derived);
  });

  test("is another one where a device of the node has it", () => {
    const story = new SimulatedNode({});
    setGuid(story, vf, freshGuid);
    story.mustAdd(c1, { vf: freshVf, guid: requestedGuid });
    story.mustDel(c1, { vf: freshVf, guid: requestedGuid });
    story.autoGuid = derivedGuid(pfGuid, 2, 1);
    expect(story.add(c1, { vf: freshVf, guid: "auto" }).end).toBe("done");
    story.mustDel(c1, { vf: freshVf });
    // It stays, also when the first choice would be free again.
    setGuid(story, vf, requestedGuid);
    expect(rebinds(story.add(c2, provided))).toBe(0);
  });

  test("is another one where a container has it, whose devices cannot be seen", () => {
    const story = new SimulatedNode({});
    story.mustAdd(c1, { vf, guid: freshGuid });
    const target = story.machine.bus.vf(vf, "hide it");
    const { probed } = target;
    target.probed = undefined;
    story.autoGuid = derivedGuid(pfGuid, 2, 1);
    expect(story.add(c2, provided).end).toBe("done");
    target.probed = probed;
  });

  test("cannot be had where all are taken: that is said, and nothing changed", () => {
    const story = new SimulatedNode({});
    const { texts } = story.machine.files;
    for (let choice = 0; choice < DERIVED_GUIDS; choice++) {
      const document = {
        deviceID: otherVf,
        runtimeConfig: { infinibandGUID: derivedGuid(pfGuid, 2, choice) },
      };
      texts.set(`/var/lib/cni/ib-sriov/taken-${choice}`, JSON.stringify(document));
    }
    const before = story.lines();
    const { end, error } = story.add(c1, provided);
    expect(end).toBe("failed");
    expect(error).toMatchObject({ code: codes.node });
    expect(messageChain(error)).toMatch(/VF 0000:01:10\.4 .*other devices of this node/);
    story.requireUnchanged(before, "after ADD");
  });
});

describe("a VF that has a GUID", () => {
  test("keeps it, and is not bound anew", () => {
    const story = new SimulatedNode({});
    const before = guidsOf(story, vf);
    expect(rebinds(story.mustAdd(c1, kept))).toBe(0);
    expect(guidsOf(story, vf)).toEqual(before);
    story.mustDel(c1, kept);
    story.requireAsBefore("after DEL");
  });

  test.each([
    [
      // Its DEL never came, and the lock file that named it was removed.
      "a record of ours",
      (story: SimulatedNode) => {
        story.mustAdd(c1, { vf, guid: requestedGuid });
        story.deleteNamespace(c1);
        story.machine.files.texts.delete(`${stateDirectory}/.vf/${vf}`);
        story.lines();
      },
    ],
    [
      "a cache file of the Go plugin",
      (story: SimulatedNode) => {
        setGuid(story, vf, requestedGuid);
        story.machine.files.write(
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
  ])("loses it where %s says that it was a container's", (_, leave) => {
    const story = new SimulatedNode({});
    leave(story);
    story.autoGuid = derivedGuid(pfGuid, 0);
    expect(story.add(c2, { vf, guid: "auto" }).end).toBe("done");
  });

  test("keeps it where a file says that the container had found it", () => {
    const story = new SimulatedNode({ guid: requestedGuid });
    story.mustAdd(c1, everything);
    story.machine.files.locks.clear();
    story.deleteNamespace(c1);
    const { crossings, result } = story.add(c2, { vf, guid: "auto" });
    expect(crossings.some(({ call }) => call === "functions.bind")).toBe(false);
    expect(result?.interfaces.at(-1)?.mac).toMatch(new RegExp(`${requestedGuid}$`));
  });
});

describe("without auto and without a GUID", () => {
  test("ADD fails, naming the VF and the remedies", () => {
    const story = new SimulatedNode({});
    const { end, error } = story.add(c1, { vf: freshVf });
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
    story.requireAsBefore("after ADD");
  });

  test("ADD also fails after one with auto that was killed before the GUID came into effect", () => {
    const story = new SimulatedNode({});
    story.add(c1, provided, killedAfter("files.create"));
    const { end, error } = story.add(c2, { vf: freshVf });
    expect(end).toBe("failed");
    expect(messageChain(error)).toContain("no valid GUID (00:00:00:00:00:00:00:00)");
    story.mustDel(c1, provided);
    story.requireAsBefore("after DEL");
  });
});

test("a PF without a port GUID has none to derive from, and that is said", () => {
  const story = new SimulatedNode({});
  story.happens(({ host }) => void host.ofFunction("0000:01:00.0")[0]?.[1].kind.address.fill(0, 12));
  const { end, error } = story.add(c1, { vf: freshVf, guid: "auto" });
  expect(end).toBe("failed");
  expect(error).toMatchObject({
    code: codes.node,
    message: expect.stringMatching(/PF 0000:01:00\.0.*set a guid/),
  });
  expect(guid("00:00:00:00:00:00:00:00")).toBe(guidsOf(story, freshVf)[0]);
});
