import { c1, c2, c3, freshVf, vf } from "../harness/default-node.ts";
import { killedAfter } from "../harness/faults.ts";
import { type FollowUp, thenAnother, thenDelWithoutNamespace } from "../harness/follow-ups.ts";
import type { AttachmentRequest } from "../harness/requests.ts";
import type { SimulatedNode } from "../harness/simulated-node.ts";
import type { Scenario } from "../harness/sweep.ts";
import { killedAdd, killPoints } from "./del.ts";
import { contrary, everything, requestedGuid, requests, same } from "./requests.ts";

/** The runtime calls GC again, and never calls DEL. */
const thenGc: FollowUp = {
  name: "then GC",
  run(simulated) {
    simulated.waitForGracePeriod();
    simulated.mustGc([]);
    simulated.requireAsBefore("after GC");
  },
};

/** Returns GC of containers that the runtime no longer lists, and for which it never called DEL. */
export function gcScenarios(): Scenario[] {
  return [
    ...goneScenarios(),
    ...forgottenScenarios(),
    ...killedScenarios(),
    pendingReleaseScenario(),
    severalScenario(),
  ];
}

/** Returns a function that attaches a VF and then deletes the container's namespace. */
export function leaveOrphaned(request: AttachmentRequest): (simulated: SimulatedNode) => void {
  return (simulated) => {
    simulated.mustAdd(c1, request);
    simulated.deleteNamespace(c1);
  };
}

/** Returns GC of containers whose namespaces are gone. */
function goneScenarios(): Scenario[] {
  return requests().map(({ name, request, setting }) => ({
    name: `GC of a container whose namespace is gone (${name})`,
    setting,
    pod: c1,
    request,
    arrange: leaveOrphaned(request),
    act: (simulated, fault) => simulated.gc([], fault),
    followUps: [thenGc, thenAnother(c2, contrary, true)],
  }));
}

/** Returns GC of containers whose namespaces exist, but contain no process. */
function forgottenScenarios(): Scenario[] {
  const wanted = requests().filter(({ name }) => ["no settings", "everything"].includes(name));
  return wanted.map(({ name, request, setting }) => ({
    name: `GC of a container that the runtime does not list (${name})`,
    setting,
    pod: c1,
    request,
    arrange: (simulated) => {
      simulated.mustAdd(c1, request);
      simulated.waitForGracePeriod();
    },
    act: (simulated, fault) => simulated.gc([], fault),
    followUps: [thenGc, thenDelWithoutNamespace],
  }));
}

/** Returns GC of containers whose ADD was killed. */
function killedScenarios(): Scenario[] {
  return killPoints.map((point) => ({
    name: `GC after an ADD that was killed after ${point[0]}`,
    setting: {},
    pod: c1,
    request: everything,
    arrange: (simulated) => killedAdd(simulated, point),
    act: (simulated, fault) => simulated.gc([], fault),
    followUps: [thenGc],
  }));
}

/** Returns GC after a killed takeover: the lease of the stale attachment is still pending. */
function pendingReleaseScenario(): Scenario {
  return {
    name: "GC of a container and of a pending release of another container",
    setting: {},
    pod: c2,
    request: everything,
    arrange: (simulated) => {
      killedAdd(simulated, ["links.move", 1]);
      simulated.add(c2, everything, killedAfter("files.rename"));
      if (simulated.pendingReleases().length !== 1)
        simulated.problems.push("there is not one pending release");
    },
    act: (simulated, fault) => simulated.gc([], fault),
    followUps: [thenGc, thenAnother(c3, same, false)],
  };
}

/** Returns GC of two stale attachments of one network. */
function severalScenario(): Scenario {
  const second = { vf: freshVf, guid: requestedGuid, subnets: ["10.3.0.0/24"] };
  const arrange = (simulated: SimulatedNode) => {
    simulated.mustAdd(c1, { vf, subnets: ["10.1.0.0/24"] });
    simulated.mustAdd(c2, second);
    simulated.deleteNamespace(c1);
    simulated.deleteNamespace(c2);
  };
  return {
    name: "GC of two containers whose namespaces are gone",
    setting: {},
    pod: c1,
    request: everything,
    arrange,
    act: (simulated, fault) => simulated.gc([], fault),
    followUps: [thenGc],
  };
}
