// DEL of what the Go plugin has attached.

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

/** DEL of a container that has its VF from the Go plugin: with its namespace, without, and when that is gone. */
export function goPluginScenarios(): Scenario[] {
  const made = [...requests(), ...freshVfRequests(), ...isolatedWishes()].map(
    ({ name, wish, setting }): Scenario => ({
      name: `DEL of the Go plugin's attachment (${name})`,
      setting,
      pod: c1,
      wish,
      arrange: (story) => addByGoPlugin(story, c1, wish),
      act: (story, fault) => story.del(c1, wish, fault),
      followUps: [thenDel],
    }),
  );
  const gone = (["at once", "later"] as const).map(
    (home): Scenario => ({
      name: `DEL of the Go plugin's attachment, whose namespace is gone, the devices being home ${home}`,
      setting: {},
      pod: c1,
      wish: everything,
      arrange: (story) => {
        addByGoPlugin(story, c1, everything);
        story.deleteNamespace(c1);
        if (home === "at once") story.machine.time.settle();
      },
      act: (story, fault) => story.del(c1, everything, fault, null),
      followUps: [thenDelWithoutNamespace],
    }),
  );
  return [...made, ...gone, oursByNow(), oursInTheMaking(), theirsByNow(), nobodysByNow()];
}

/** The RDMA device is in the container, too. (On newer kernels the Go plugin's ADD does not find the netdev then.) */
function isolatedWishes(): NamedRequest[] {
  const setting = kernels["on older kernels"] ?? {};
  return [
    { name: "isolation", wish: { vf, rdmaIsolation: true }, setting: { ...setting, guid: requestedGuid } },
    { name: "isolation and everything", wish: isolated, setting },
  ];
}

/** The Go plugin's cache has stayed, and another container has the VF from us. */
function oursByNow(): Scenario {
  const theirs = contrary(everything);
  return {
    name: "DEL of the Go plugin's attachment, whose VF another container has by now",
    setting: {},
    pod: c1,
    wish: everything,
    arrange: (story) => {
      leaveBehind(story);
      story.mustAdd(c2, theirs);
    },
    act: onlyRelease,
    followUps: [
      {
        name: "then both DELs",
        goOn(story) {
          story.mustDel(c1, everything);
          story.mustDel(c2, theirs);
          story.requireAsBefore("after both DELs");
        },
      },
    ],
  };
}

/** The same where that one's ADD was killed: the VF is on the host, with the GUID that both want. */
function oursInTheMaking(): Scenario {
  return {
    name: "DEL of the Go plugin's attachment, whose VF an ADD of another container has left behind",
    setting: {},
    pod: c1,
    wish: everything,
    arrange: (story) => {
      leaveBehind(story);
      story.add(c2, everything, killedAfter("functions.bind"));
    },
    act: onlyRelease,
    followUps: [
      {
        name: "then both DELs",
        goOn(story) {
          story.mustDel(c1, everything);
          story.mustDel(c2, everything);
          story.requireAsBefore("after both DELs");
        },
      },
    ],
  };
}

/** The cache is all that is left, after a reboot say, and the VF by chance has the link state that it names. */
function nobodysByNow(): Scenario {
  return {
    name: "DEL of the Go plugin's attachment, of which the VF bears no trace",
    setting: {},
    pod: c1,
    wish: everything,
    arrange: (story) => {
      story.happens(({ bus }) => {
        bus.vf(everything.vf, "set the link state").linkState = "enable";
      });
      leaveBehind(story);
    },
    act: onlyRelease,
    followUps: [thenDel],
  };
}

/** The same where that one has it from the Go plugin, which notes no owner. */
function theirsByNow(): Scenario {
  const theirs = contrary(everything);
  const then: FollowUp = {
    name: "then both DELs",
    goOn(story) {
      story.mustDel(c1, everything);
      story.mustDel(c2, theirs);
      story.requireAsBefore("after both DELs");
    },
  };
  return {
    name: "DEL of the Go plugin's attachment, whose VF another container of its has by now",
    setting: {},
    pod: c1,
    wish: everything,
    arrange: (story) => {
      addByGoPlugin(story, c2, theirs);
      leaveBehind(story);
    },
    act: onlyRelease,
    followUps: [then],
  };
}

/** A cache, and a lease, of an attachment of which nothing else is left. */
function leaveBehind({ machine }: SimulatedNode): void {
  machine.files.makeDirectory("/var/lib/cni/ib-sriov");
  machine.files.write(pathOf(c1), cacheOf(machine, c1, everything, "ibp1s0f0v0"));
  lease(machine, c1, everything);
}

/** DEL of c1 that must not touch anything but its cache and its lease. */
function onlyRelease(story: SimulatedNode, fault: Parameters<Scenario["act"]>[1]): Run {
  const others = (lines: readonly string[]) => lines.filter((line) => !line.includes("c1"));
  const before = others(story.lines());
  const ran = story.del(c1, everything, fault);
  const after = others(story.lines());
  if (before.join() !== after.join()) story.problems.push("DEL has touched what is another container's");
  return ran;
}
