import { CniError, codes } from "../../../src/cni/errors.ts";
import { contrary, same } from "./common-requests.ts";
import { c2 } from "./default-node.ts";
import { isAttached, recordOf } from "./records.ts";
import type { AttachmentRequest, Pod } from "./requests.ts";
import { messageChain, type Run } from "./run.ts";
import type { SimulatedNode } from "./simulated-node.ts";

/** The calls of the runtime after a verb that had a fault. */
export interface FollowUp {
  readonly name: string;
  /** @param pod the pod that the verb was called for. */
  readonly run: (simulated: SimulatedNode, pod: Pod, request: AttachmentRequest, ran: Run) => void;
}

/** The runtime calls DEL. */
export const thenDel: FollowUp = {
  name: "then its DEL",
  run(simulated, pod, request) {
    simulated.mustDel(pod, request);
    simulated.releaseLeaseAt();
    simulated.requireAsBefore("after DEL");
  },
};

/** The pod is deleted, and then the runtime calls DEL without a namespace. */
export const thenDelWithoutNamespace: FollowUp = {
  name: "then its namespace goes, and then its DEL",
  run(simulated, pod, request) {
    simulated.deleteNamespace(pod);
    simulated.mustDel(pod, request, null);
    simulated.releaseLeaseAt();
    simulated.requireAsBefore("after DEL");
  },
};

/** The runtime calls DEL for this container and for the container that had the VF earlier. */
export function thenDelOfBoth(
  earlier: Pod,
  earlierRequest: AttachmentRequest,
  first: "this one first" | "the earlier one first",
): FollowUp {
  return {
    name: `then both DELs, ${first}`,
    run(simulated, pod, request, ran) {
      if (first === "this one first") simulated.mustDel(pod, request);
      simulated.mustDel(earlier, earlierRequest);
      if (first === "the earlier one first") {
        // It must not have touched what belongs to the other container.
        if (ran.end === "done") simulated.requireAttached(pod, request, ran);
        simulated.mustDel(pod, request);
      }
      simulated.releaseLeaseAt();
      simulated.requireAsBefore("after both DELs");
    },
  };
}

/**
 * The runtime never calls DEL, and another container gets the VF: at once if the first ADD did not complete, otherwise
 * after the first container's namespace is deleted; before that, ADD must be refused.
 * @param how returns the request of the other container.
 */
export function thenAnother(next: Pod, how: (request: AttachmentRequest) => AttachmentRequest): FollowUp {
  return {
    name: "then another's ADD and DEL",
    run(simulated, pod, request) {
      addAnother(simulated, pod, next, how(request));
      delAnother(simulated, next, how(request));
    },
  };
}

/** The same, but the first container's DEL comes in the end, when the other container has the VF. */
export function thenAnotherAndLateDel(
  next: Pod,
  how: (request: AttachmentRequest) => AttachmentRequest,
): FollowUp {
  return {
    name: "then another's ADD, its own late DEL, the other's DEL",
    run(simulated, pod, request) {
      const ran = addAnother(simulated, pod, next, how(request));
      simulated.mustDel(pod, request);
      if (ran.end === "done") simulated.requireAttached(next, how(request), ran);
      delAnother(simulated, next, how(request));
    },
  };
}

function addAnother(simulated: SimulatedNode, pod: Pod, next: Pod, request: AttachmentRequest): Run {
  if (isAttached(simulated.machine, recordOf(simulated.machine, pod))) {
    requireRefusal(simulated, next, request);
    simulated.deleteNamespace(pod);
  }
  const ran = simulated.mustAdd(next, request);
  // ADD also releases the leases of the orphaned attachments of the VF, however many there are.
  const leases = simulated.unreleasedLeases();
  if (ran.end === "done" && leases.length > 0) simulated.problems.push(`still unreleased: ${leases}`);
  return ran;
}

function delAnother(simulated: SimulatedNode, next: Pod, request: AttachmentRequest): void {
  simulated.mustDel(next, request);
  simulated.releaseLeaseAt();
  simulated.requireAsBefore("after the other's DEL");
}

/**
 * The runtime calls ADD again for the same container: ADD is refused while the container has its VF, else it succeeds.
 */
export const thenAgain: FollowUp = {
  name: "then its ADD again, and its DEL",
  run(simulated, pod, request) {
    if (recordOf(simulated.machine, pod)?.state === "complete") {
      const ran = simulated.add(pod, request);
      if (ran.end !== "failed") simulated.problems.push("an attachment was made twice");
    } else simulated.mustAdd(pod, request);
    simulated.mustDel(pod, request);
    simulated.releaseLeaseAt();
    simulated.requireAsBefore("after DEL");
  },
};

function requireRefusal(simulated: SimulatedNode, next: Pod, request: AttachmentRequest): void {
  const before = simulated.lines();
  const { end, error } = simulated.add(next, request);
  if (end !== "failed" || !(error instanceof CniError) || error.code !== codes.deviceInUse) {
    simulated.problems.push(`the VF of a running container was not refused: ${end} ${messageChain(error)}`);
  }
  simulated.requireUnchanged(before, "after a refused ADD");
}

/** Returns everything that can follow an attachment of c1. */
export function allFollowUps(): FollowUp[] {
  return [
    thenDel,
    thenDelWithoutNamespace,
    thenAnother(c2, same),
    thenAnotherAndLateDel(c2, contrary),
    thenAgain,
  ];
}

/** Returns the two follow-ups that differ most: DEL, and another container's ADD with other settings. */
export function delOrOtherAdd(): FollowUp[] {
  return [thenDel, thenAnotherAndLateDel(c2, contrary)];
}

/** Returns the same for a VF that no container gets without a GUID: the other ADD has the same request. */
export function delOrSameAdd(): FollowUp[] {
  return [thenDel, thenAnotherAndLateDel(c2, same)];
}
