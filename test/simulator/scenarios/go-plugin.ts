// DEL of attachments that the Go plugin made.

import { c1, c2, vf } from "../harness/default-node.ts";
import { killedAfter } from "../harness/faults.ts";
import { type FollowUp, thenDel, thenDelWithoutNamespace } from "../harness/follow-ups.ts";
import { addByGoPlugin, cacheOf, lease } from "../harness/go-plugin.ts";
import { pathOf } from "../harness/records.ts";
import type { Run } from "../harness/run.ts";
import type { SimulatedNode } from "../harness/simulated-node.ts";
import type { Scenario } from "../harness/sweep.ts";
import { isolated, kernels } from "./isolation.ts";
import {
  contrary,
  everything,
  freshVfRequests,
  type NamedRequest,
  requestedGuid,
  requests,
} from "./requests.ts";

/** Returns DEL of a container that has its VF from the Go plugin: with its namespace, and without. */
export function goPluginScenarios(): Scenario[] {
  const made = [...requests(), ...freshVfRequests(), ...isolatedRequests()].map(
    ({ name, request, setting }): Scenario => ({
      name: `DEL of the Go plugin's attachment (${name})`,
      setting,
      pod: c1,
      request,
      arrange: (simulated) => addByGoPlugin(simulated, c1, request),
      act: (simulated, fault) => simulated.del(c1, request, fault),
      followUps: [thenDel],
    }),
  );
  const withoutNetns = (["at once", "later"] as const).map(
    (gone): Scenario => ({
      name: `DEL of the Go plugin's attachment, whose namespace is gone, the devices returning to the host ${gone}`,
      setting: {},
      pod: c1,
      request: everything,
      arrange: (simulated) => {
        addByGoPlugin(simulated, c1, everything);
        simulated.deleteNamespace(c1);
        if (gone === "at once") simulated.machine.time.settle();
      },
      act: (simulated, fault) => simulated.del(c1, everything, fault, null),
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
    setting: {},
    pod: c1,
    request: everything,
    arrange: (simulated) => {
      leaveBehind(simulated);
      simulated.mustAdd(c2, otherRequest);
    },
    act: onlyRelease,
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
    setting: {},
    pod: c1,
    request: everything,
    arrange: (simulated) => {
      leaveBehind(simulated);
      simulated.add(c2, everything, killedAfter("functions.bind"));
    },
    act: onlyRelease,
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

/** Returns DEL after all but the cache file is gone, such as after a reboot; the VF has its link state by chance. */
function onlyCacheLeft(): Scenario {
  return {
    name: "DEL of the Go plugin's attachment, of which only the cache file is left",
    setting: {},
    pod: c1,
    request: everything,
    arrange: (simulated) => {
      simulated.changeNode(({ bus }) => {
        bus.vf(everything.vf, "set the link state").linkState = "enable";
      });
      leaveBehind(simulated);
    },
    act: onlyRelease,
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
    setting: {},
    pod: c1,
    request: everything,
    arrange: (simulated) => {
      addByGoPlugin(simulated, c2, otherRequest);
      leaveBehind(simulated);
    },
    act: onlyRelease,
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
function onlyRelease(simulated: SimulatedNode, fault: Parameters<Scenario["act"]>[1]): Run {
  const others = (lines: readonly string[]) => lines.filter((line) => !line.includes("c1"));
  const before = others(simulated.lines());
  const ran = simulated.del(c1, everything, fault);
  const after = others(simulated.lines());
  if (before.join() !== after.join()) simulated.problems.push("DEL has touched another container's settings");
  return ran;
}
