import type { Fault } from "../node/gate.ts";
import type { Setting } from "./default-node.ts";
import { type Case, faultsOf, signalsOf } from "./faults.ts";
import type { FollowUp } from "./follow-ups.ts";
import type { AttachmentRequest, Pod } from "./requests.ts";
import { messageChain, type Run } from "./run.ts";
import { type AllowedDifference, SimulatedNode } from "./simulated-node.ts";

/** A verb that is run once for everything that can befall it. */
export interface Scenario {
  readonly name: string;
  readonly setting: Setting;
  /** Whose verb it is, and what they want. */
  readonly pod: Pod;
  readonly wish: AttachmentRequest;
  /** What has happened before. */
  readonly arrange?: (story: SimulatedNode) => void;
  /** The verb. */
  readonly act: (story: SimulatedNode, fault?: Fault) => Run;
  /** How the verb ends when nothing befalls it; default "done". */
  readonly ends?: Run["end"];
  /** Must a failed verb leave the node as before, or say that it could not? */
  readonly rollsBack?: boolean;
  /** What can befall it; default: everything. */
  readonly cases?: "nothing";
  readonly followUps: readonly FollowUp[];
  /** What need not be as before where the kernel cannot tell what the PF has on file; see {@link SimulatedNode.forgive}. */
  readonly forgivenIfBlind?: AllowedDifference;
}

/** What a sweep has found. */
export interface Findings {
  /** How many runs of the verb there were. */
  readonly cases: number;
  /** What was wrong, each with its case. */
  readonly problems: readonly string[];
}

/** A part of the sweep, where only the sweep itself is tested. */
export interface Part {
  /** Which of the cases are wanted. */
  readonly cases: (each: Case) => boolean;
  /** How many problems are enough. */
  readonly enough: number;
}

const whole: Part = { cases: () => true, enough: Number.POSITIVE_INFINITY };

/** Runs a scenario without faults, and then once for each call, each thing that can befall it, each follow-up. */
export function sweep(scenario: Scenario, part: Part = whole): Findings {
  const { followUps } = scenario;
  const problems: string[] = [];
  const first = begin(scenario);
  const well = scenario.act(first);
  if (well.end !== (scenario.ends ?? "done")) {
    problems.push(`${scenario.name}, without faults: ${well.end} ${messageChain(well.error)}`);
  }
  const befalls = scenario.cases === "nothing" ? [] : well.crossings;
  const cases = [...faultsOf(befalls), ...signalsOf(befalls)].filter(part.cases);
  const all: (Case | undefined)[] = [undefined, ...cases];
  for (const each of all) {
    for (const followUp of followUps) {
      const story = begin(scenario, first);
      runCase(scenario, story, each, followUp);
      const name = `${scenario.name} | ${each?.name ?? "no fault"} | ${followUp.name}`;
      problems.push(...story.problems.map((problem) => `${name}: ${problem}`));
      if (problems.length >= part.enough) return { cases: all.length * followUps.length, problems };
    }
  }
  return { cases: all.length * followUps.length, problems };
}

/** What a failed ADD says where it could not clean up. */
const notPutBack = "could not be put back";

function begin({ setting, arrange }: Scenario, first?: SimulatedNode): SimulatedNode {
  const story = SimulatedNode.ofSweep(setting, first);
  arrange?.(story);
  return story;
}

function runCase(scenario: Scenario, story: SimulatedNode, each: Case | undefined, followUp: FollowUp): void {
  const { pod, wish } = scenario;
  if (each?.blinds && wish.linkState !== undefined) story.forgive("link state");
  if (each?.blinds && scenario.setting.pendingGuid !== undefined) story.forgive("GUIDs on file");
  const vf = story.machine.bus.vfs.get(wish.vf);
  const isExternal = vf?.probed?.driver === "vfio-pci" || vf?.driverOverride === "vfio-pci";
  if (each?.blinds && scenario.forgivenIfBlind !== undefined) story.forgive(scenario.forgivenIfBlind);
  // Of a VF without a driver of ours nothing else tells which GUIDs it had; a warning says so.
  if (isExternal && (each?.blinds || scenario.setting.vfConfigUnreadable)) story.forgive("GUIDs on file");
  const ran = scenario.act(story, each?.fault);
  if (each?.kills && ran.end !== "killed") story.problems.push(`was not killed, but ${ran.end}`);
  const mustTell = scenario.ends === undefined ? each?.mustTell : undefined;
  if (ran.end === "failed" && mustTell !== undefined && !messageChain(ran.error).includes(mustTell)) {
    story.problems.push(`the error does not tell why: ${messageChain(ran.error)}`);
  }
  // DEL goes on where it has nothing to wait for: it is what there is to do after a signal.
  if (each?.stops && scenario.rollsBack && ran.end !== "failed")
    story.problems.push(`a signal has not stopped it: ${ran.end}`);
  // Nothing keeps it from putting everything back.
  const isFree = each === undefined || each.stops;
  if (scenario.rollsBack && isFree && ran.end === "failed" && messageChain(ran.error).includes(notPutBack)) {
    story.problems.push(messageChain(ran.error));
  }
  if (scenario.rollsBack && ran.end === "failed" && followUp === scenario.followUps[0]) {
    requireRollBack(story, ran);
  }
  followUp.goOn(story, pod, wish, ran);
}

/** A failed ADD has put everything back, or says that it has not. */
function requireRollBack(story: SimulatedNode, ran: Run): void {
  if (messageChain(ran.error).includes(notPutBack)) return;
  // The record may have to stay: then it, and whose the VF is, are all that is left.
  if (ran.warnings.some((warning) => warning.includes("the record"))) return;
  story.requireAsBefore("after a failed ADD");
}
