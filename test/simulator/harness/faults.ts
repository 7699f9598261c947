import { TimeoutError } from "../../../src/node/clock.ts";
import { Refusal } from "../model/refusal.ts";
import { answers, type Failure, failures, fullDisk, interruptible, readOnly } from "./failures.ts";
import type { Fault, NodeCall } from "./gate.ts";
import type { CallName } from "./partial-effects.ts";

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
export function faultsOf(calls: readonly NodeCall[]): Case[] {
  return calls.flatMap((nodeCall, index) => [
    ...kills(nodeCall, calls[index - 1], index === calls.length - 1),
    ...failures[nodeCall.call].map((failure) => failed(nodeCall, failure)),
    ...(answers[nodeCall.call] ?? []).map((part) => answered(nodeCall, part)),
    ...disks(nodeCall),
  ]);
}

/**
 * Kills the process before the call and, if the call has an intermediate state, in that state. A kill after a call
 * equals a kill before the next call, so only the last call has a kill after it. A kill before the call is left out if
 * the node has not changed since the previous call, because it equals the kill before that one.
 */
function kills(nodeCall: NodeCall, before: NodeCall | undefined, isLast: boolean): Case[] {
  const parts = [
    ...(before?.version === nodeCall.version ? [] : [undefined]),
    ...nodeCall.parts.filter((part) => part === "no netdev"),
    ...(isLast ? ["all"] : []),
  ];
  return parts.map((part) => ({
    name: `killed ${part === undefined ? "before" : `after "${part}" of`} ${show(nodeCall)}`,
    fault: (each) =>
      each.at === nodeCall.at ? { ...(part === undefined ? {} : { part }), end: "kill" } : undefined,
    kills: true,
    expectedText: undefined,
  }));
}

/** A moment at which a process is killed: just after its n-th call of a kind. */
export interface KillPoint {
  readonly call: CallName;
  /** Default: 1. */
  readonly nth?: number;
  /** The effect that the call has before the kill, see partial-effects.ts; default: "all". */
  readonly effect?: string;
}

/** Kills the process. */
export function killAt({ call, nth = 1, effect = "all" }: KillPoint): Fault {
  let seen = 0;
  return (nodeCall) => {
    if (nodeCall.call === call) seen++;
    return nodeCall.call === call && seen === nth ? { part: effect, end: "kill" } : undefined;
  };
}

/** Makes each call of a kind fail, without an effect. */
export function refuseAt(call: CallName, code: string): Fault {
  return (nodeCall) => (nodeCall.call === call ? { end: new Refusal(code, call) } : undefined);
}

function failed(nodeCall: NodeCall, { code, part, lasts }: Failure): Case {
  const error = () =>
    code === "TIMEOUT"
      ? new TimeoutError(`the kernel did not answer ${nodeCall.call}`)
      : new Refusal(code, `${nodeCall.call} ${nodeCall.subject}`);
  const how = [code, ...(part === undefined ? [] : [`after "${part}"`]), ...(lasts ? ["from now on"] : [])];
  return {
    name: `${how.join(" ")} at ${show(nodeCall)}`,
    fault: (each) => {
      if (each.at === nodeCall.at) return { ...(part === undefined ? {} : { part }), end: error() };
      return lasts && each.at > nodeCall.at && each.call === nodeCall.call ? { end: error() } : undefined;
    },
    kills: false,
    expectedText: code === "TIMEOUT" ? "did not answer" : code,
  };
}

function answered(nodeCall: NodeCall, part: string): Case {
  return {
    name: `"${part}" at ${show(nodeCall)}`,
    fault: (each) => (each.at === nodeCall.at ? { part, end: "return" } : undefined),
    kills: false,
    expectedText: undefined,
    hidesVfConfig: part === "silent",
  };
}

function disks(nodeCall: NodeCall): Case[] {
  if (!nodeCall.call.startsWith("files.")) return [];
  return [
    { code: "ENOSPC", calls: fullDisk },
    { code: "EROFS", calls: readOnly },
  ].flatMap(({ code, calls }) =>
    calls.includes(nodeCall.call)
      ? [
          {
            name: `${code} of all files from ${show(nodeCall)} on`,
            fault: ((each) =>
              each.at >= nodeCall.at && calls.includes(each.call)
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
export function signalsOf(calls: readonly NodeCall[]): Case[] {
  const relevant = calls.filter(({ call }, at) => at === 0 || interruptible.includes(call));
  const last = calls.findLast(({ call }) => call === "clock.checkInterrupted")?.at ?? 0;
  return relevant.map((nodeCall) => ({
    name: `SIGTERM before ${show(nodeCall)}`,
    fault: (each, process) => {
      if (each.at === nodeCall.at) process.signal = "SIGTERM";
      return undefined;
    },
    kills: false,
    expectedText: undefined,
    stops: nodeCall.at <= last,
  }));
}

function show({ at, call, subject }: NodeCall): string {
  return `call ${at}, ${call} ${subject}`;
}
