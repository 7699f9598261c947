import { writeSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { reportFigures } from "../../support/figures.ts";
import { everything } from "./common-requests.ts";
import { c1, type Setting } from "./default-node.ts";
import { type Case, faultsOf, signalsOf } from "./faults.ts";
import type { FollowUp } from "./follow-ups.ts";
import type { Fault } from "./gate.ts";
import type { AttachmentRequest, Pod } from "./requests.ts";
import { messageChain, type Run } from "./run.ts";
import { SimulatedNode } from "./simulated-node.ts";
import type { AllowedDifference } from "./snapshot.ts";

/** A verb that is run once for each fault that it can have. */
export interface Scenario {
  readonly name: string;
  /** Default: the default node. */
  readonly setting?: Setting;
  /** The pod that the verb is called for; default {@link c1}. */
  readonly pod?: Pod;
  /** The request of the pod; default {@link everything}. */
  readonly request?: AttachmentRequest;
  /** Prepares the node. */
  readonly arrange?: (simulated: SimulatedNode) => void;
  /** The verb that is called for the pod, or a function that runs another verb or a command. */
  readonly verb: "ADD" | "DEL" | ((simulated: SimulatedNode, fault?: Fault) => Run);
  /** How the verb ends without a fault; default "done". */
  readonly ends?: Run["end"];
  /** Whether a failed verb must leave the node as before, or report that it could not. */
  readonly rollsBack?: boolean;
  /** The faults of the verb; default: all. */
  readonly cases?: "nothing";
  readonly followUps: readonly FollowUp[];
  /**
   * Difference that is allowed if the kernel cannot report the PF's settings, see {@link
   * SimulatedNode.allowDifference}.
   */
  readonly allowedIfUnreadable?: AllowedDifference;
}

/** The findings of a sweep. */
export interface Findings {
  /** The number of runs of the verb. */
  readonly cases: number;
  /** The violations that were found, each with its case. */
  readonly problems: readonly string[];
}

/** A part of the sweep, for the tests of the sweep itself. */
export interface Part {
  /** Selects the cases. */
  readonly cases: (each: Case) => boolean;
  /** The number of problems after which the sweep ends. */
  readonly maxProblems: number;
}

const whole: Part = { cases: () => true, maxProblems: Number.POSITIVE_INFINITY };

/** Runs a scenario without faults, and then once for each combination of a call, its faults and the follow-ups. */
export function sweep(shortScenario: Scenario, part: Part = whole): Findings {
  const scenario = { setting: {}, pod: c1, request: everything, ...shortScenario };
  const { followUps } = scenario;
  const problems: string[] = [];
  const first = newNode(scenario);
  const well = runVerb(scenario, first);
  if (well.end !== (scenario.ends ?? "done")) {
    problems.push(`${scenario.name}, without faults: ${well.end} ${messageChain(well.error)}`);
  }
  const calls = scenario.cases === "nothing" ? [] : well.calls;
  const cases = [...faultsOf(calls), ...signalsOf(calls)].filter(part.cases);
  const all: (Case | undefined)[] = [undefined, ...cases];
  for (const each of all) {
    for (const followUp of followUps) {
      const simulated = newNode(scenario, first);
      runCase(scenario, simulated, each, followUp);
      const name = `${scenario.name} | ${each?.name ?? "no fault"} | ${followUp.name}`;
      problems.push(...simulated.problems.map((problem) => `${name}: ${problem}`));
      if (problems.length >= part.maxProblems) return { cases: all.length * followUps.length, problems };
    }
  }
  return { cases: all.length * followUps.length, problems };
}

/** Part of the error of a failed ADD that could not clean up. */
const notPutBack = "could not be put back";

/** A scenario with the values of all members that have a default. */
type WholeScenario = Scenario & Required<Pick<Scenario, "setting" | "pod" | "request">>;

function newNode({ setting, arrange }: WholeScenario, first?: SimulatedNode): SimulatedNode {
  const simulated = SimulatedNode.ofSweep(setting, first);
  arrange?.(simulated);
  return simulated;
}

function runVerb({ verb, pod, request }: WholeScenario, simulated: SimulatedNode, fault?: Fault): Run {
  if (verb === "ADD") return simulated.add(pod, request, fault);
  return verb === "DEL" ? simulated.del(pod, request, fault) : verb(simulated, fault);
}

function runCase(
  scenario: WholeScenario,
  simulated: SimulatedNode,
  each: Case | undefined,
  followUp: FollowUp,
): void {
  const { pod, request } = scenario;
  if (each?.hidesVfConfig && request.linkState !== undefined) simulated.allowDifference("link state");
  if (each?.hidesVfConfig && scenario.setting.guidNotInEffect !== undefined)
    simulated.allowDifference("administrative GUIDs");
  const vf = simulated.machine.bus.vfs.get(request.vf);
  const isExternal = vf?.probed?.driver === "vfio-pci" || vf?.driverOverride === "vfio-pci";
  if (each?.hidesVfConfig && scenario.allowedIfUnreadable !== undefined)
    simulated.allowDifference(scenario.allowedIfUnreadable);
  // If the VF is not bound to its own driver, only the PF's settings contain the GUIDs it had; a warning reports that.
  if (isExternal && (each?.hidesVfConfig || scenario.setting.vfConfigUnreadable))
    simulated.allowDifference("administrative GUIDs");
  const ran = runVerb(scenario, simulated, each?.fault);
  if (each?.kills && ran.end !== "killed") simulated.problems.push(`was not killed, but ${ran.end}`);
  const expectedText = scenario.ends === undefined ? each?.expectedText : undefined;
  if (ran.end === "failed" && expectedText !== undefined && !messageChain(ran.error).includes(expectedText)) {
    simulated.problems.push(`the error does not report the cause: ${messageChain(ran.error)}`);
  }
  // A DEL that has nothing to wait for continues: after a signal, cleaning up is what it should do.
  if (each?.stops && scenario.rollsBack && ran.end !== "failed")
    simulated.problems.push(`a signal has not stopped it: ${ran.end}`);
  // Nothing prevents the verb from restoring everything.
  const isFree = each === undefined || each.stops;
  if (scenario.rollsBack && isFree && ran.end === "failed" && messageChain(ran.error).includes(notPutBack)) {
    simulated.problems.push(messageChain(ran.error));
  }
  if (scenario.rollsBack && ran.end === "failed" && followUp === scenario.followUps[0]) {
    requireRollBack(simulated, ran);
  }
  followUp.run(simulated, pod, request, ran);
}

/** Requires that a failed ADD has restored everything, or has reported that it could not. */
function requireRollBack(simulated: SimulatedNode, ran: Run): void {
  if (messageChain(ran.error).includes(notPutBack)) return;
  // The record may have to stay: then only the record and the owner of the VF are left.
  if (ran.warnings.some((warning) => warning.includes("the record"))) return;
  simulated.requireAsBefore("after a failed ADD");
}

/** One verb, and another event that takes place completely between two of its calls. */
export interface Interleaving {
  readonly name: string;
  readonly setting: Setting;
  readonly arrange?: (simulated: SimulatedNode) => void;
  /** The verb that is interrupted. */
  readonly verb: (simulated: SimulatedNode, fault?: Fault) => Run;
  /** The event in between: it can be another verb, in a separate process. */
  readonly beforeCall: (simulated: SimulatedNode) => Run | undefined;
  /** Checks the node afterwards. */
  readonly afterwards: (simulated: SimulatedNode, ran: Run, other: Run | undefined) => void;
}

/** Runs the verb once for each of its calls, with the event just before that call. */
export function interleave(interleaving: Interleaving): Findings {
  const { name, setting, arrange, verb, beforeCall, afterwards } = interleaving;
  const newNode = (first?: SimulatedNode) => {
    const simulated = SimulatedNode.ofSweep(setting, first);
    arrange?.(simulated);
    return simulated;
  };
  const first = newNode();
  const calls = verb(first).calls;
  const problems: string[] = [];
  for (const { at, call, subject } of calls) {
    const simulated = newNode(first);
    let other: Run | undefined;
    const ran = verb(simulated, (nodeCall) => {
      if (nodeCall.at === at) other = beforeCall(simulated);
      return undefined;
    });
    afterwards(simulated, ran, other);
    const ends = `${ran.end} ${ran.error === undefined ? "" : messageChain(ran.error)}, ${other?.end ?? ""}`;
    problems.push(
      ...simulated.problems.map(
        (each) => `${name} | before call ${at}, ${call} ${subject} | ${ends}: ${each}`,
      ),
    );
  }
  return { cases: calls.length, problems };
}

/** Number of problems that the message of a failed test shows; further ones are usually of the same kind. */
const SHOWN = 5;

// Vitest asks for a hundred lines of every stack trace; here thousands of errors are thrown.
Error.stackTraceLimit = 8;

/** Defines a test for each scenario, and reports the number of cases at the end. */
export function testScenarios(what: string, scenarios: readonly Scenario[]): void {
  let total = 0;
  describe(what, () => {
    afterAll(() => report(what, total));
    for (const scenario of scenarios) {
      test(scenario.name, () => {
        const { cases, problems } = sweep(scenario);
        total += cases;
        const shown = problems.slice(0, SHOWN).join("\n\n");
        expect(shown, `${problems.length} of ${cases} cases have a problem`).toBe("");
      });
    }
  });
}

/** Reports the number of cases on stderr, bypassing vitest, which would print a heading above each line. */
export function report(what: string, cases: number): void {
  writeSync(2, `simulator: ${cases} cases of ${what}\n`);
  reportFigures(`simulator-${what}`, { "faults and kills injected into the simulated node": cases });
}
