import { TimeoutError } from "../../../src/node/clock.ts";
import { Refusal } from "../model/refusal.ts";
import type { Crossing, Fault } from "../node/gate.ts";

/** One thing that goes wrong in one run of a verb. */
export interface Case {
  /** Says what, and at which call, for the message of a failure. */
  readonly name: string;
  /** Made anew for each run. */
  readonly fault: Fault;
  /** Does it kill the process? */
  readonly kills: boolean;
  /** What the message of a failed verb must tell of it; undefined: nothing that can be known. */
  readonly mustTell: string | undefined;
  /** Does it ask the verb to stop, where there is time to? What was begun must be put back then. */
  readonly stops?: boolean;
  /** Does it keep the verb from learning what the PF has on file? */
  readonly blinds?: boolean;
}

/** One way in which a call can fail. */
interface Failure {
  readonly code: string;
  /** What of the call happens all the same, see Parts of gate.ts. */
  readonly part?: string;
  /** Does it go on failing once it has begun? (A medium that is full, a driver that does not probe.) */
  readonly lasts?: boolean;
}

/** An answer that got lost: the kernel did it. */
const unanswered: Failure = { code: "TIMEOUT", part: "all" };

/**
 * How each call can plausibly fail. What only asks has one errno: nothing in src/attachment tells errnos apart,
 * so a second one would be the same case. What changes something has each state that it can leave.
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

/** Answers other than the true one, and waits that end otherwise. */
const answers: Readonly<Record<string, readonly string[]>> = {
  "links.physical": ["silent"],
  "watch.wait": ["time is up"],
  "lock.acquire": ["time is up"],
  "files.addLine": ["time is up"],
  "child.wait": ["time is up", "killed by a signal", "printed too much"],
};

/** What fails together when the file system of the state directory is full, or becomes read-only. */
const fullDisk = ["files.create", "files.replaceForeign", "files.makeDirectory", "files.addLine"];
const readOnly = [
  ...fullDisk,
  "files.patch",
  "files.rename",
  "files.remove",
  "files.removeDirectory",
  "files.lock",
];

/** Everything that can go wrong at each call of a run that goes well. */
export function faultsOf(crossings: readonly Crossing[]): Case[] {
  return crossings.flatMap((crossing, index) => [
    ...kills(crossing, crossings[index - 1], index === crossings.length - 1),
    ...(failures[crossing.call] ?? []).map((failure) => failed(crossing, failure)),
    ...(answers[crossing.call] ?? []).map((part) => answered(crossing, part)),
    ...disks(crossing),
  ]);
}

/**
 * A kill before the call and, where a call has a middle, in it. One after a call is the same as one before the next, so only the last call has that, too.
 * Where the call before has only asked, and nothing else has happened meanwhile, either of the two kills is the other
 * one.
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
    mustTell: undefined,
  }));
}

/** Kills just after the n-th call of a kind. */
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
    mustTell: code === "TIMEOUT" ? "did not answer" : code,
  };
}

function answered(crossing: Crossing, part: string): Case {
  return {
    name: `"${part}" at ${show(crossing)}`,
    fault: (each) => (each.at === crossing.at ? { part, end: "return" } : undefined),
    kills: false,
    mustTell: undefined,
    blinds: part === "silent",
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
            mustTell: code,
          },
        ]
      : [],
  );
}

/** The calls that a signal which was held back ends. */
const interruptible = ["watch.wait", "lock.acquire", "child.wait", "clock.checkInterrupted"];

/**
 * A signal that comes just before each call and is held back, as SIGTERM is. It does nothing before the next
 * wait, so that all that come between two waits are the same.
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
    mustTell: undefined,
    stops: crossing.at <= last,
  }));
}

function show({ at, call, subject }: Crossing): string {
  return `call ${at}, ${call} ${subject}`;
}
