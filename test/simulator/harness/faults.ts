import { TimeoutError } from "../../../src/node/clock.ts";
import { Refusal } from "../model/refusal.ts";
import type { Crossing, Fault } from "../node/gate.ts";

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

/** One way in which a call can fail. */
interface Failure {
  readonly code: string;
  /** The part of the call that takes effect nevertheless, see `Parts` in gate.ts. */
  readonly part?: string;
  /** Whether all later calls of the kind fail, too, as on a full medium or with a driver that does not probe. */
  readonly lasts?: boolean;
}

/** The kernel did it, but the answer was lost. */
const unanswered: Failure = { code: "TIMEOUT", part: "all" };

/**
 * The ways in which each call can plausibly fail. Calls that only read have one errno: src/attachment does not
 * distinguish errnos, so a second errno would be the same case. Calls that change the node have each state that they
 * can leave.
 */
const failures: Readonly<Record<string, readonly Failure[]>> = {
  "functions.virtualFunction": [{ code: "EACCES" }],
  "functions.incarnation": [{ code: "EACCES" }],
  "functions.any": [{ code: "EACCES" }],
  "functions.anyVirtual": [{ code: "EACCES" }],
  "functions.driver": [{ code: "EACCES" }],
  "functions.driverOverride": [{ code: "EACCES" }],
  "functions.napiSettings": [{ code: "EACCES" }],
  "functions.setNapiSettings": [
    { code: "EPERM" },
    { code: "EIO", part: "the first" },
    { code: "EPERM", lasts: true },
  ],
  "functions.hasNetdev": [{ code: "EACCES" }],
  "functions.rdmaDevices": [{ code: "EACCES" }],
  "functions.rdmaDevicesAnywhere": [{ code: "EACCES" }],
  "functions.rdmaFiles": [{ code: "EACCES" }],
  "functions.hasRdmaNames": [{ code: "EACCES" }],
  "functions.nodeGuid": [{ code: "EIO" }],
  "functions.portGuid": [{ code: "EIO" }],
  "functions.firstPKey": [{ code: "EIO" }],
  "functions.othersGuids": [{ code: "EIO" }],
  "functions.unbind": [{ code: "ENODEV" }, { code: "EIO", part: "all" }, { code: "ENODEV", lasts: true }],
  "functions.bind": [{ code: "EIO" }, { code: "EBUSY", part: "all" }, { code: "EIO", lasts: true }],
  "rdma.isExclusive": [{ code: "EACCES" }],
  "rdma.devices": [{ code: "ENOBUFS" }],
  "rdma.move": [{ code: "EBUSY" }, unanswered, { code: "EBUSY", lasts: true }],
  "rdma.rename": [{ code: "EEXIST" }, unanswered, { code: "EEXIST", lasts: true }],
  "rdma.watch": [{ code: "EMFILE" }],
  "namespaces.open": [{ code: "EMFILE" }],
  "namespace.cookie": [{ code: "ENFILE" }],
  "namespaces.inhabited": [{ code: "EACCES" }],
  "namespaces.setting": [{ code: "EACCES" }],
  "namespaces.set": [{ code: "EACCES" }],
  "links.byName": [{ code: "ENOBUFS" }],
  "links.byIndex": [{ code: "ENOBUFS" }],
  "links.ofFunction": [{ code: "ENOBUFS" }, unanswered, { code: "ENOBUFS", lasts: true }],
  "links.physical": [{ code: "ENOBUFS" }, { code: "ENODEV", lasts: true }],
  "links.setVfConfig": [
    { code: "EPERM" },
    { code: "EINVAL", part: "no node GUID" },
    { code: "EINVAL", part: "no port GUID" },
    unanswered,
    { code: "EPERM", lasts: true },
  ],
  "links.move": [
    { code: "EBUSY" },
    { code: "EEXIST", part: "moved, not renamed" },
    { code: "EINVAL", part: "moved, not set" },
    unanswered,
    { code: "EBUSY", lasts: true },
  ],
  "links.set": [
    { code: "EINVAL" },
    { code: "EEXIST", part: "down" },
    unanswered,
    { code: "EINVAL", lasts: true },
  ],
  "links.setMtu": [{ code: "ENOBUFS" }, unanswered, { code: "ENOBUFS", lasts: true }],
  "links.setSettings": [{ code: "EINVAL" }, { code: "EBUSY", part: "set" }, unanswered],
  "links.tcxPrograms": [{ code: "ENOMEM" }],
  "links.addAltnames": [{ code: "EEXIST" }, { code: "EEXIST", part: "first" }, unanswered],
  "links.removeAltnames": [{ code: "ENOENT" }, { code: "ENOENT", part: "first" }, unanswered],
  "links.configure": [
    { code: "ENOBUFS" },
    { code: "EEXIST", part: "no addresses" },
    { code: "ENETUNREACH", part: "no routes" },
    unanswered,
  ],
  "links.pkey": [{ code: "ENOBUFS" }],
  "links.addresses": [{ code: "ENOBUFS" }],
  "links.routes": [{ code: "ENOBUFS" }],
  "links.watch": [{ code: "EMFILE" }],
  "files.read": [{ code: "EIO" }],
  "files.create": [{ code: "ENOSPC" }],
  "files.patch": [{ code: "EIO" }],
  "files.replaceForeign": [{ code: "ENOSPC" }],
  "files.rename": [{ code: "EIO" }],
  "files.remove": [{ code: "EROFS" }],
  "files.makeDirectory": [{ code: "EROFS" }],
  "files.hasDirectory": [{ code: "EACCES" }],
  "files.removeDirectory": [{ code: "EIO" }],
  "files.requireWritable": [{ code: "EROFS" }, { code: "ENOSPC", lasts: true }],
  "files.list": [{ code: "EIO" }],
  "files.isFile": [{ code: "EACCES" }],
  "files.exists": [{ code: "EACCES" }],
  "files.modified": [{ code: "EIO" }],
  "files.addLine": [{ code: "ENOSPC" }],
  "files.lock": [{ code: "EMFILE" }],
  "lock.holders": [{ code: "EMFILE" }],
  "lock.read": [{ code: "EIO" }],
  "lock.write": [{ code: "EIO" }, { code: "EIO", lasts: true }],
  "logs.append": [{ code: "ENOSPC" }],
  "logs.send": [{ code: "EAGAIN" }],
  "processes.start": [{ code: "EAGAIN" }, { code: "EAGAIN", lasts: true }],
  "clock.bootId": [{ code: "EMFILE" }],
  "clock.bootTime": [{ code: "EMFILE" }],
  answer: [{ code: "EPIPE" }, { code: "ENOSPC" }],
};

/** Answers other than the true one, and waits that end for another reason. */
const answers: Readonly<Record<string, readonly string[]>> = {
  "links.physical": ["silent"],
  "watch.wait": ["time is up"],
  "lock.acquire": ["time is up"],
  "files.addLine": ["time is up"],
  "child.wait": ["time is up", "killed by a signal", "printed too much"],
};

/** The calls that fail together if the file system of the state directory is full, or becomes read-only. */
const fullDisk = ["files.create", "files.replaceForeign", "files.makeDirectory", "files.addLine"];
const readOnly = [
  ...fullDisk,
  "files.patch",
  "files.rename",
  "files.remove",
  "files.removeDirectory",
  "files.lock",
];

/** Returns everything that can go wrong at each call of a successful run. */
export function faultsOf(crossings: readonly Crossing[]): Case[] {
  return crossings.flatMap((crossing, index) => [
    ...kills(crossing, crossings[index - 1], index === crossings.length - 1),
    ...(failures[crossing.call] ?? []).map((failure) => failed(crossing, failure)),
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

/** Kills the process just after the n-th call of a kind. */
export function killedAfter(call: string, nth = 1): Fault {
  let seen = 0;
  return (crossing) => {
    if (crossing.call === call) seen++;
    return crossing.call === call && seen === nth ? { part: "all", end: "kill" } : undefined;
  };
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

/** The calls that a signal ends that was held back. */
const interruptible = ["watch.wait", "lock.acquire", "child.wait", "clock.checkInterrupted"];

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
