import { TimeoutError } from "../../../src/node/clock.ts";
import { Refusal } from "../model/refusal.ts";
import { answers, type Failure, failures, fullDisk, interruptible, readOnly } from "./failures.ts";
import type { Crossing, Fault } from "./gate.ts";
import type { NodeCall } from "./partial-effects.ts";

/** One thing that goes wrong in one run of a verb. */
export interface Case {
  /** Names the fault and the call, for the message of a failed test. */
  readonly name: string;
  /** The fault, which keeps no state between runs. */
  readonly fault: Fault;
  /** Whether the process is killed. */
  readonly kills: boolean;
  /** Text that the error of the failed verb must contain; `undefined` if no text can be expected. */
  readonly expectedText: string | undefined;
  /** Whether the verb is asked to stop while it still can: then it must undo everything that it has done. */
  readonly stops?: boolean;
  /** Whether the verb cannot read the PF's settings for the VF. */
  readonly hidesVfConfig?: boolean;
}

/** Returns everything that can go wrong at each call of a successful run. */
export function faultsOf(crossings: readonly Crossing[]): Case[] {
  return crossings.flatMap((crossing, index) => [
    ...kills(crossing, crossings[index - 1], index === crossings.length - 1),
    ...failures[crossing.call].map((failure) => failed(crossing, failure)),
    ...(answers[crossing.call] ?? []).map((part) => answered(crossing, part)),
    ...disks(crossing),
  ]);
}

/**
 * Kills the process before the call and, if the call has an intermediate state, in that state. A kill after a call
 * equals a kill before the next call, so only the last call has a kill after it. A kill before the call is left out if
 * the node has not changed since the previous call, because it equals the kill before that one.
 */
function kills(crossing: Crossing, before: Crossing | undefined, isLast: boolean): Case[] {
  const parts = [
    ...(before?.version === crossing.version ? [] : [undefined]),
    ...crossing.parts.filter((part) => part === "no netdev"),
    ...(isLast ? ["all"] : []),
  ];
  return parts.map((part) => ({
    name: `killed ${part === undefined ? "before" : `after "${part}" of`} ${show(crossing)}`,
    fault: (each) =>
      each.at === crossing.at ? { ...(part === undefined ? {} : { part }), end: "kill" } : undefined,
    kills: true,
    expectedText: undefined,
  }));
}

/** A moment at which a process is killed: just after its n-th call of a kind. */
export interface KillPoint {
  readonly call: NodeCall;
  /** Default: 1. */
  readonly nth?: number;
  /** The effect that the call has before the kill, see partial-effects.ts; default: "all". */
  readonly effect?: string;
}

/** Kills the process. */
export function killAt({ call, nth = 1, effect = "all" }: KillPoint): Fault {
  let seen = 0;
  return (crossing) => {
    if (crossing.call === call) seen++;
    return crossing.call === call && seen === nth ? { part: effect, end: "kill" } : undefined;
  };
}

/** Makes each call of a kind fail, without an effect. */
export function refuseAt(call: NodeCall, code: string): Fault {
  return (crossing) => (crossing.call === call ? { end: new Refusal(code, call) } : undefined);
}

function failed(crossing: Crossing, { code, part, lasts }: Failure): Case {
  const error = () =>
    code === "TIMEOUT"
      ? new TimeoutError(`the kernel did not answer ${crossing.call}`)
      : new Refusal(code, `${crossing.call} ${crossing.subject}`);
  const how = [code, ...(part === undefined ? [] : [`after "${part}"`]), ...(lasts ? ["from now on"] : [])];
  return {
    name: `${how.join(" ")} at ${show(crossing)}`,
    fault: (each) => {
      if (each.at === crossing.at) return { ...(part === undefined ? {} : { part }), end: error() };
      return lasts && each.at > crossing.at && each.call === crossing.call ? { end: error() } : undefined;
    },
    kills: false,
    expectedText: code === "TIMEOUT" ? "did not answer" : code,
  };
}

function answered(crossing: Crossing, part: string): Case {
  return {
    name: `"${part}" at ${show(crossing)}`,
    fault: (each) => (each.at === crossing.at ? { part, end: "return" } : undefined),
    kills: false,
    expectedText: undefined,
    hidesVfConfig: part === "silent",
  };
}

function disks(crossing: Crossing): Case[] {
  if (!crossing.call.startsWith("files.")) return [];
  return [
    { code: "ENOSPC", calls: fullDisk },
    { code: "EROFS", calls: readOnly },
  ].flatMap(({ code, calls }) =>
    calls.includes(crossing.call)
      ? [
          {
            name: `${code} of all files from ${show(crossing)} on`,
            fault: ((each) =>
              each.at >= crossing.at && calls.includes(each.call)
                ? { end: new Refusal(code, `${each.call} ${each.subject}`) }
                : undefined) satisfies Fault,
            kills: false,
            expectedText: code,
          },
        ]
      : [],
  );
}

/**
 * Sends a signal just before each call. The process holds it back, as it does SIGTERM. The signal has no effect before
 * the next wait, so that all signals between two waits are the same case.
 */
export function signalsOf(crossings: readonly Crossing[]): Case[] {
  const relevant = crossings.filter(({ call }, at) => at === 0 || interruptible.includes(call));
  const last = crossings.findLast(({ call }) => call === "clock.checkInterrupted")?.at ?? 0;
  return relevant.map((crossing) => ({
    name: `SIGTERM before ${show(crossing)}`,
    fault: (each, process) => {
      if (each.at === crossing.at) process.signal = "SIGTERM";
      return undefined;
    },
    kills: false,
    expectedText: undefined,
    stops: crossing.at <= last,
  }));
}

function show({ at, call, subject }: Crossing): string {
  return `call ${at}, ${call} ${subject}`;
}
