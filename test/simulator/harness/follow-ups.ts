import { CniError, codes } from "../../../src/cni/errors.ts";
import { lives, recordOf } from "./records.ts";
import type { AttachmentRequest, Pod } from "./requests.ts";
import { messageChain, type Run } from "./run.ts";
import type { SimulatedNode } from "./simulated-node.ts";

/** What happens after a verb that something befell. */
export interface FollowUp {
  readonly name: string;
  /** @param pod whose verb it was. */
  readonly goOn: (story: SimulatedNode, pod: Pod, wish: AttachmentRequest, ran: Run) => void;
}

/** The runtime calls DEL. */
export const thenDel: FollowUp = {
  name: "then its DEL",
  goOn(story, pod, wish) {
    story.mustDel(pod, wish);
    story.settleOwed();
    story.requireAsBefore("after DEL");
  },
};

/** The pod is gone, and then the runtime calls DEL, without a namespace. */
export const thenDelWithoutNamespace: FollowUp = {
  name: "then its namespace goes, and then its DEL",
  goOn(story, pod, wish) {
    story.deleteNamespace(pod);
    story.mustDel(pod, wish, null);
    story.settleOwed();
    story.requireAsBefore("after DEL");
  },
};

/** DEL comes for this one, and then for one who was there before. */
export function thenDelOfBoth(
  earlier: Pod,
  theirs: AttachmentRequest,
  first: "this one first" | "the earlier one first",
): FollowUp {
  return {
    name: `then both DELs, ${first}`,
    goOn(story, pod, wish, ran) {
      if (first === "this one first") story.mustDel(pod, wish);
      story.mustDel(earlier, theirs);
      if (first === "the earlier one first") {
        // It must not have touched what is the other one's by now.
        if (ran.end === "done") story.requireAttached(pod, wish, ran);
        story.mustDel(pod, wish);
      }
      story.settleOwed();
      story.requireAsBefore("after both DELs");
    },
  };
}

/**
 * Nobody ever calls DEL, and another container gets the VF: at once where the first never came to life, else
 * when its namespace is gone; before that it is refused. `late`: the first one's DEL comes in the end, when
 * the VF is somebody else's.
 */
export function thenAnother(
  next: Pod,
  wanted: (wish: AttachmentRequest) => AttachmentRequest,
  late: boolean,
): FollowUp {
  return {
    name: late ? "then another's ADD, its own late DEL, the other's DEL" : "then another's ADD and DEL",
    goOn(story, pod, wish) {
      const other = wanted(wish);
      if (lives(story.machine, recordOf(story.machine, pod))) {
        requireRefusal(story, next, other);
        story.deleteNamespace(pod);
      }
      const ran = story.mustAdd(next, other);
      // However many have died over this VF.
      const owed = story.owed();
      if (ran.end === "done" && owed.length > 0) story.problems.push(`still owed: ${owed}`);
      if (late) {
        story.mustDel(pod, wish);
        if (ran.end === "done") story.requireAttached(next, other, ran);
      }
      story.mustDel(next, other);
      story.settleOwed();
      story.requireAsBefore("after the other's DEL");
    },
  };
}

/** The runtime calls ADD again for the same container: refused while it has its VF, else it must succeed. */
export const thenAgain: FollowUp = {
  name: "then its ADD again, and its DEL",
  goOn(story, pod, wish) {
    if (recordOf(story.machine, pod)?.state === "complete") {
      const ran = story.add(pod, wish);
      if (ran.end !== "failed") story.problems.push("an attachment was made twice");
    } else story.mustAdd(pod, wish);
    story.mustDel(pod, wish);
    story.settleOwed();
    story.requireAsBefore("after DEL");
  },
};

function requireRefusal(story: SimulatedNode, next: Pod, wish: AttachmentRequest): void {
  const before = story.lines();
  const { end, error } = story.add(next, wish);
  if (end !== "failed" || !(error instanceof CniError) || error.code !== codes.deviceInUse) {
    story.problems.push(`the VF of a living container was not refused: ${end} ${messageChain(error)}`);
  }
  story.requireUnchanged(before, "after a refused ADD");
}
