import { c1, c2, c3, freshVf, vf } from "../harness/default-node.ts";
import { killedAfter } from "../harness/faults.ts";
import { type FollowUp, thenAnother, thenDelWithoutNamespace } from "../harness/follow-ups.ts";
import type { AttachmentRequest } from "../harness/requests.ts";
import type { SimulatedNode } from "../harness/simulated-node.ts";
import type { Scenario } from "../harness/sweep.ts";
import { killedAdd, killPoints } from "./del.ts";
import { contrary, everything, requestedGuid, requests, same } from "./requests.ts";

/** The runtime calls GC again, and nobody ever calls DEL. */
const thenGc: FollowUp = {
  name: "then GC",
  goOn(story) {
    story.waitForGracePeriod();
    story.mustGc([]);
    story.requireAsBefore("after GC");
  },
};

/** GC of containers that the runtime no longer knows, and nobody ever called DEL for. */
export function gcScenarios(): Scenario[] {
  return [
    ...deadScenarios(),
    ...forgottenScenarios(),
    ...killedScenarios(),
    owedScenario(),
    severalScenario(),
  ];
}

/** Somebody got what they wanted, and is gone. */
export function isDead(wish: AttachmentRequest): (story: SimulatedNode) => void {
  return (story) => {
    story.mustAdd(c1, wish);
    story.deleteNamespace(c1);
  };
}

/** Their namespaces are gone. */
function deadScenarios(): Scenario[] {
  return requests().map(({ name, wish, setting }) => ({
    name: `GC of a container whose namespace is gone (${name})`,
    setting,
    pod: c1,
    wish,
    arrange: isDead(wish),
    act: (story, fault) => story.gc([], fault),
    followUps: [thenGc, thenAnother(c2, contrary, true)],
  }));
}

/** Their namespaces are there, but nothing runs in them. */
function forgottenScenarios(): Scenario[] {
  const wanted = requests().filter(({ name }) => ["nothing in particular", "everything"].includes(name));
  return wanted.map(({ name, wish, setting }) => ({
    name: `GC of a container that the runtime has forgotten (${name})`,
    setting,
    pod: c1,
    wish,
    arrange: (story) => {
      story.mustAdd(c1, wish);
      story.waitForGracePeriod();
    },
    act: (story, fault) => story.gc([], fault),
    followUps: [thenGc, thenDelWithoutNamespace],
  }));
}

/** Their ADD was killed. */
function killedScenarios(): Scenario[] {
  return killPoints.map((point) => ({
    name: `GC after an ADD that was killed after ${point[0]}`,
    setting: {},
    pod: c1,
    wish: everything,
    arrange: (story) => killedAdd(story, point),
    act: (story, fault) => story.gc([], fault),
    followUps: [thenGc],
  }));
}

/** One has taken a VF over from another, and died before the other's lease was released. */
function owedScenario(): Scenario {
  return {
    name: "GC of a container and of a lease that another one owes",
    setting: {},
    pod: c2,
    wish: everything,
    arrange: (story) => {
      killedAdd(story, ["links.move", 1]);
      story.add(c2, everything, killedAfter("files.rename"));
      if (story.owed().length !== 1) story.problems.push("nothing is owed");
    },
    act: (story, fault) => story.gc([], fault),
    followUps: [thenGc, thenAnother(c3, same, false)],
  };
}

/** Two of one network are left over, one is listed. */
function severalScenario(): Scenario {
  const second = { vf: freshVf, guid: requestedGuid, subnets: ["10.3.0.0/24"] };
  const arrange = (story: SimulatedNode) => {
    story.mustAdd(c1, { vf, subnets: ["10.1.0.0/24"] });
    story.mustAdd(c2, second);
    story.deleteNamespace(c1);
    story.deleteNamespace(c2);
  };
  return {
    name: "GC of two containers whose namespaces are gone",
    setting: {},
    pod: c1,
    wish: everything,
    arrange,
    act: (story, fault) => story.gc([], fault),
    followUps: [thenGc],
  };
}
