// "guid": "auto", with all faults, and the GUID that results.
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
import {
  autoScenarios,
  autoTakeOverScenarios,
  failingAutoScenario,
  kept,
  provided,
} from "./scenarios/auto.ts";
import { everything, requestedGuid } from "./scenarios/requests.ts";

testScenarios("auto", [...autoScenarios(), ...autoTakeOverScenarios(), failingAutoScenario()]);

const rebinds = ({ crossings }: Run) => crossings.filter(({ call }) => call === "functions.bind").length;

/** Returns the GUIDs that a VF runs with, and those that are set at its PF. */
function guidsOf(simulated: SimulatedNode, pci: string): (Guid | undefined)[] {
  const { probed, adminNodeGuid, adminPortGuid } = simulated.machine.bus.vf(pci, "look at it");
  return [probed?.nodeGuid, probed?.portGuid, adminNodeGuid, adminPortGuid];
}

/** Gives a VF a GUID that is in effect. */
function setGuid(simulated: SimulatedNode, pci: string, wanted: Guid): void {
  simulated.changeNode(({ bus }) => {
    const target = bus.vf(pci, "set its GUID");
    target.adminNodeGuid = wanted;
    target.adminPortGuid = wanted;
    bus.unbind(pci, driver);
    bus.bind(pci, driver);
  });
}

const derived = [freshGuid, freshGuid, freshGuid, freshGuid];

describe("a derived GUID", () => {
  test("stays with the VF: only the first container needs a rebind", () => {
    const simulated = new SimulatedNode({});
    simulated.allowDifference("derived GUID");
    expect(rebinds(simulated.mustAdd(c1, provided))).toBe(1);
    expect(rebinds(simulated.del(c1, provided))).toBe(0);
    expect(guidsOf(simulated, freshVf)).toEqual(derived);
    const second = simulated.mustAdd(c2, provided);
    expect(rebinds(second)).toBe(0);
    // The later ADD does not read all records any more.
    expect(second.crossings.map(({ call }) => call)).not.toContain("files.list");
    expect(rebinds(simulated.del(c2, provided))).toBe(0);
    expect(guidsOf(simulated, freshVf)).toEqual(derived);
  });

  test("comes back after a container with another GUID", () => {
    const simulated = new SimulatedNode({});
    simulated.allowDifference("derived GUID");
    simulated.mustAdd(c1, provided);
    simulated.mustDel(c1, provided);
    simulated.mustAdd(c2, { ...provided, guid: requestedGuid });
    simulated.mustDel(c2, { ...provided, guid: requestedGuid });
    expect(guidsOf(simulated, freshVf)).toEqual(derived);
  });

  test("is the same for a VF that was created again", () => {
    const simulated = new SimulatedNode({});
    simulated.mustAdd(c1, provided);
    simulated.mustDel(c1, provided);
    simulated.changeNode((machine) => machine.bus.recreateVfs("0000:01:00.0"));
    expect(rebinds(simulated.mustAdd(c1, provided))).toBe(1);
    expect(guidsOf(simulated, freshVf)).toEqual(derived);
  });

  test("replaces the all-ones GUID that the Go plugin has left", () => {
    const simulated = new SimulatedNode({});
    setGuid(simulated, freshVf, ALL_ONES_GUID);
    simulated.mustAdd(c1, provided);
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
    expect(rebinds(simulated.add(c2, provided))).toBe(0);
  });

  test("is another one if a container has the first, and its devices cannot be seen", () => {
    const simulated = new SimulatedNode({});
    simulated.mustAdd(c1, { vf, guid: freshGuid });
    const target = simulated.machine.bus.vf(vf, "hide it");
    const { probed } = target;
    target.probed = undefined;
    simulated.autoGuid = derivedGuid(pfGuid, 2, 1);
    expect(simulated.add(c2, provided).end).toBe("done");
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
    const { end, error } = simulated.add(c1, provided);
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
    expect(rebinds(simulated.mustAdd(c1, kept))).toBe(0);
    expect(guidsOf(simulated, vf)).toEqual(before);
    simulated.mustDel(c1, kept);
    simulated.requireAsBefore("after DEL");
  });

  test.each([
    [
      // Its DEL never came, and the lock file with its name was removed.
      "a record of ib-sriov",
      (simulated: SimulatedNode) => {
        simulated.mustAdd(c1, { vf, guid: requestedGuid });
        simulated.deleteNamespace(c1);
        simulated.machine.files.texts.delete(`${stateDirectory}/.vf/${vf}`);
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
    const { crossings, result } = simulated.add(c2, { vf, guid: "auto" });
    expect(crossings.some(({ call }) => call === "functions.bind")).toBe(false);
    expect(result?.interfaces.at(-1)?.mac).toMatch(new RegExp(`${requestedGuid}$`));
  });
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
    simulated.add(c1, provided, killedAfter("files.create"));
    const { end, error } = simulated.add(c2, { vf: freshVf });
    expect(end).toBe("failed");
    expect(messageChain(error)).toContain("no valid GUID (00:00:00:00:00:00:00:00)");
    simulated.mustDel(c1, provided);
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
  expect(guid("00:00:00:00:00:00:00:00")).toBe(guidsOf(simulated, freshVf)[0]);
});
