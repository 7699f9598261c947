// The Go plugin on the same node: its lock, and ADD and DEL of its attachments.
import { expect, test } from "vitest";
import { CniError, codes } from "../../../src/cni/errors.ts";
import {
  contrary,
  everything,
  freshVfRequests,
  isolated,
  kernels,
  type NamedRequest,
  requestedGuid,
  requests,
} from "../harness/common-requests.ts";
import { c1, c2, freshVf, vf } from "../harness/default-node.ts";
import { type FollowUp, thenDel, thenDelWithoutNamespace } from "../harness/follow-ups.ts";
import type { Fault } from "../harness/gate.ts";
import { addByGoPlugin, cacheOf, lease } from "../harness/go-plugin.ts";
import { driver } from "../harness/prepare.ts";
import { pathOf } from "../harness/records.ts";
import type { Run } from "../harness/run.ts";
import { SimulatedNode } from "../harness/simulated-node.ts";
import { type Scenario, testScenarios } from "../harness/sweep.ts";
import { OpenFile } from "../model/files.ts";
import type { Machine } from "../model/machine.ts";

/** Returns DEL of a container that has its VF from the Go plugin: with its namespace, and without. */
function goPluginScenarios(): Scenario[] {
  const made = [...requests(), ...freshVfRequests(), ...isolatedRequests()].map(
    ({ name, request, setting }): Scenario => ({
      name: `DEL of the Go plugin's attachment (${name})`,
      setting,
      request,
      arrange: (simulated) => addByGoPlugin(simulated, c1, request),
      verb: "DEL",
      followUps: [thenDel],
    }),
  );
  const withoutNetns = (["at once", "later"] as const).map(
    (gone): Scenario => ({
      name: `DEL of the Go plugin's attachment, whose namespace is gone, the devices returning to the host ${gone}`,
      arrange: (simulated) => {
        addByGoPlugin(simulated, c1, everything);
        simulated.deleteNamespace(c1);
        if (gone === "at once") simulated.machine.time.settle();
      },
      verb: (simulated, fault) => simulated.del(c1, everything, fault, null),
      followUps: [thenDelWithoutNamespace],
    }),
  );
  return [
    ...made,
    ...withoutNetns,
    ownerFromIbSriov(),
    ownerWithKilledAdd(),
    ownerFromGoPlugin(),
    onlyCacheLeft(),
    ...killedAdds(),
  ];
}

/** Returns requests with an RDMA device. (On newer kernels the Go plugin's ADD does not find the netdev then.) */
function isolatedRequests(): NamedRequest[] {
  const setting = kernels["on older kernels"] ?? {};
  return [
    { name: "isolation", request: { vf, rdmaIsolation: true }, setting: { ...setting, guid: requestedGuid } },
    { name: "isolation and everything", request: isolated, setting },
  ];
}

/** Returns DEL after the Go plugin's cache file was left behind, and ib-sriov gave the VF to another container. */
function ownerFromIbSriov(): Scenario {
  const otherRequest = contrary(everything);
  return {
    name: "DEL of the Go plugin's attachment, whose VF another container has from ib-sriov",
    arrange: (simulated) => {
      leaveBehind(simulated);
      simulated.mustAdd(c2, otherRequest);
    },
    verb: onlyRelease,
    followUps: [
      {
        name: "then both DELs",
        run(simulated) {
          simulated.mustDel(c1, everything);
          simulated.mustDel(c2, otherRequest);
          simulated.requireAsBefore("after both DELs");
        },
      },
    ],
  };
}

/** Returns the same with a killed ADD: the VF is on the host, with the GUID that both requests contain. */
function ownerWithKilledAdd(): Scenario {
  return {
    name: "DEL of the Go plugin's attachment, whose VF a killed ADD of another container has left behind",
    arrange: (simulated) => {
      leaveBehind(simulated);
      simulated.killAdd(c2, everything, { call: "functions.bind" });
    },
    verb: onlyRelease,
    followUps: [
      {
        name: "then both DELs",
        run(simulated) {
          simulated.mustDel(c1, everything);
          simulated.mustDel(c2, everything);
          simulated.requireAsBefore("after both DELs");
        },
      },
    ],
  };
}

/** Returns DEL after the Go plugin's ADD was killed in its rebind, or before it wrote its cache. */
function killedAdds(): Scenario[] {
  const request = { vf: freshVf, guid: requestedGuid };
  return (["unbind", "bind"] as const).map(
    (call): Scenario => ({
      name: `DEL after the Go plugin's ADD was killed after ${call}`,
      request,
      arrange: (simulated) => {
        const rebind = ({ bus }: Machine) => {
          bus.unbind(freshVf, driver);
          bus.bind(freshVf, driver);
        };
        // Its names are lost.
        simulated.changeNode(rebind);
        const { machine } = simulated;
        const target = machine.bus.vf(freshVf, "set its GUID");
        target.adminNodeGuid = requestedGuid;
        target.adminPortGuid = requestedGuid;
        if (call === "bind") rebind(machine);
        else machine.bus.unbind(freshVf, driver);
      },
      verb: "DEL",
      followUps: [thenDel],
    }),
  );
}

/** Returns DEL after all but the cache file is gone, such as after a reboot; the VF has its link state by chance. */
function onlyCacheLeft(): Scenario {
  return {
    name: "DEL of the Go plugin's attachment, of which only the cache file is left",
    arrange: (simulated) => {
      simulated.changeNode(({ bus }) => {
        bus.vf(everything.vf, "set the link state").linkState = "enable";
      });
      leaveBehind(simulated);
    },
    verb: onlyRelease,
    followUps: [thenDel],
  };
}

/** Returns DEL after the Go plugin gave the VF to another container, for which it records no owner. */
function ownerFromGoPlugin(): Scenario {
  const otherRequest = contrary(everything);
  const then: FollowUp = {
    name: "then both DELs",
    run(simulated) {
      simulated.mustDel(c1, everything);
      simulated.mustDel(c2, otherRequest);
      simulated.requireAsBefore("after both DELs");
    },
  };
  return {
    name: "DEL of the Go plugin's attachment, whose VF another container has from the Go plugin",
    arrange: (simulated) => {
      addByGoPlugin(simulated, c2, otherRequest);
      leaveBehind(simulated);
    },
    verb: onlyRelease,
    followUps: [then],
  };
}

/** Leaves the cache file and the lease of an attachment without anything else. */
function leaveBehind({ machine }: SimulatedNode): void {
  machine.files.makeDirectory("/var/lib/cni/ib-sriov");
  machine.files.write(pathOf(c1), cacheOf(machine, c1, everything, "ibp1s0f0v0"));
  lease(machine, c1, everything);
}

/** Runs DEL of c1, which must only touch its cache file and its lease. */
function onlyRelease(simulated: SimulatedNode, fault: Fault | undefined): Run {
  const others = (lines: readonly string[]) => lines.filter((line) => !line.includes("c1"));
  const before = others(simulated.lines());
  const ran = simulated.del(c1, everything, fault);
  const after = others(simulated.lines());
  if (before.join() !== after.join()) simulated.problems.push("DEL has touched another container's settings");
  return ran;
}

testScenarios("the Go plugin's attachments", goPluginScenarios());

const goPlugin = { pid: 77, pids: [77], command: "ib-sriov" };

/** Takes the Go plugin's lock, which that plugin holds during a whole call. */
function takeLock({ files }: Machine): OpenFile {
  files.makeDirectory("/var/run/cni/ib-sriov");
  files.touch("/var/run/cni/ib-sriov/cni.lock");
  const file = new OpenFile(files, "/var/run/cni/ib-sriov/cni.lock", goPlugin);
  expect(file.tryLock()).toBe(true);
  return file;
}

test("ADD waits for the Go plugin's lock", () => {
  const simulated = new SimulatedNode({});
  const lock = takeLock(simulated.machine);
  const begin = simulated.machine.time.now;
  simulated.machine.time.after(5_000, () => lock.close(goPlugin));
  simulated.mustAdd(c1, everything);
  expect(simulated.machine.time.now - begin).toBeGreaterThan(5_000);
  simulated.mustDel(c1, everything);
  simulated.requireAsBefore("after DEL");
});

test("ADD that cannot take the Go plugin's lock changes nothing, and the error names the lock", () => {
  const simulated = new SimulatedNode({});
  const lock = takeLock(simulated.machine);
  const { end, error } = simulated.add(c1, { ...everything, timeout: 3_000 });
  expect([end, error]).toEqual(["failed", expect.any(CniError)]);
  expect(error).toMatchObject({
    code: codes.tryAgain,
    message: expect.stringContaining("/var/run/cni/ib-sriov/cni.lock"),
  });
  lock.close(goPlugin);
  simulated.mustDel(c1, everything);
  simulated.requireAsBefore("after DEL");
});

test.each([
  ["while it exists", () => {}],
  [
    "after its namespace was deleted and created again",
    (simulated: SimulatedNode) => {
      simulated.deleteNamespace(c1);
      simulated.machine.time.settle();
      simulated.changeNode((machine) => void machine.addNamespace(c1.netns));
    },
  ],
])("ADD of the Go plugin's attachment is refused as a duplicate %s", (_, change) => {
  const simulated = new SimulatedNode({});
  addByGoPlugin(simulated, c1, everything);
  change(simulated);
  const before = simulated.lines();
  const { end, error } = simulated.add(c1, everything);
  expect([end, error]).toMatchObject(["failed", { code: codes.badEnvironment }]);
  expect(error).toMatchObject({
    message: expect.stringContaining("CNI_CONTAINERID c1 has an attachment net1"),
  });
  simulated.requireUnchanged(before, "after ADD");
});

test("ADD of a VF that another container has from the Go plugin is refused", () => {
  const simulated = new SimulatedNode({});
  addByGoPlugin(simulated, c1, everything);
  const before = simulated.lines();
  const { end, error } = simulated.add(c2, everything);
  expect([end, error]).toMatchObject(["failed", { code: codes.node }]);
  expect(error).toMatchObject({ message: expect.stringContaining("another network namespace has it") });
  simulated.requireUnchanged(before, "after ADD");
});
