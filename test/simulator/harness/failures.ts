// The ways in which each call can fail.
import type { NodeCall } from "./gate.ts";

/** One way in which a call can fail. */
export interface Failure {
  readonly code: string;
  /** The part of the call that takes effect nevertheless, see partial-effects.ts. */
  readonly part?: string;
  /** Whether all later calls of the kind fail, too, as on a full medium or with a driver that does not probe. */
  readonly lasts?: boolean;
}

/** The kernel did it, but the answer was lost. */
const unanswered: Failure = { code: "TIMEOUT", part: "all" };

/**
 * The ways in which each call can plausibly fail. Calls that only read have one errno: src/attachment does not
 * distinguish errnos, so a second errno would be the same case. Calls that change the node have each state that they
 * can leave. A call without a failure makes no system call that can fail, or waits and has {@link answers}.
 */
export const failures: Readonly<Record<NodeCall["call"], readonly Failure[]>> = {
  "functions.virtualFunction": [{ code: "EACCES" }],
  "functions.generation": [{ code: "EACCES" }],
  "functions.isVirtualOf": [{ code: "EACCES" }],
  "functions.virtualAt": [{ code: "EACCES" }],
  "functions.withRdmaDevice": [{ code: "EACCES" }],
  "functions.any": [{ code: "EACCES" }],
  "functions.anyVirtual": [{ code: "EACCES" }],
  "functions.driver": [{ code: "EACCES" }],
  "functions.driverOverride": [{ code: "EACCES" }],
  "functions.netdevs": [{ code: "EACCES" }],
  "functions.isOpenByVfio": [{ code: "EACCES" }],
  "functions.hasNetdev": [{ code: "EACCES" }],
  "functions.rdmaDevices": [{ code: "EACCES" }],
  "functions.rdmaDevicesAnywhere": [{ code: "EACCES" }],
  "functions.rdmaFiles": [{ code: "EACCES" }],
  "functions.deviceFiles": [{ code: "EACCES" }],
  "functions.hasRdmaNames": [{ code: "EACCES" }],
  "functions.nodeGuid": [{ code: "EIO" }],
  "functions.portGuid": [{ code: "EIO" }],
  "functions.firstPKey": [{ code: "EIO" }],
  "functions.othersGuids": [{ code: "EIO" }],
  "functions.unbind": [{ code: "ENODEV" }, { code: "EIO", part: "all" }, { code: "ENODEV", lasts: true }],
  "functions.bind": [{ code: "EIO" }, { code: "EBUSY", part: "all" }, { code: "EIO", lasts: true }],
  "rdma.isExclusive": [{ code: "EACCES" }],
  "rdma.devices": [{ code: "ENOBUFS" }],
  "rdma.ipoibUse": [{ code: "ENOBUFS" }],
  "rdma.contexts": [{ code: "ENOBUFS" }],
  "rdma.queuePairs": [{ code: "ENOBUFS" }],
  "rdma.move": [{ code: "EBUSY" }, unanswered, { code: "EBUSY", lasts: true }],
  "rdma.rename": [{ code: "EEXIST" }, unanswered, { code: "EEXIST", lasts: true }],
  "rdma.setAdaptiveModeration": [{ code: "EPERM" }, unanswered, { code: "EPERM", lasts: true }],
  "rdma.watch": [{ code: "EMFILE" }],
  "namespaces.open": [{ code: "EMFILE" }],
  // close(2) of a namespace cannot fail.
  "namespaces.close": [],
  "namespace.cookie": [{ code: "ENFILE" }],
  "namespaces.processIn": [{ code: "EACCES" }, { code: "EMFILE" }],
  "namespaces.inhabited": [{ code: "EACCES" }],
  "namespaces.setting": [{ code: "EACCES" }],
  "namespaces.set": [{ code: "EACCES" }],
  "links.byName": [{ code: "ENOBUFS" }],
  "links.byIndex": [{ code: "ENOBUFS" }],
  "links.ofFunction": [{ code: "ENOBUFS" }, unanswered, { code: "ENOBUFS", lasts: true }],
  "links.ofIpoib": [{ code: "ENOBUFS" }],
  // Only the command `metrics` calls it.
  "links.vfTraffic": [{ code: "ENOBUFS" }],
  "links.tuning": [{ code: "EACCES" }],
  "links.setTuning": [{ code: "EPERM" }, { code: "EPERM", lasts: true }],
  "links.remove": [{ code: "EBUSY" }, unanswered, { code: "EBUSY", lasts: true }],
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
  "files.link": [{ code: "EPERM" }],
  "files.inode": [{ code: "EACCES" }],
  "files.patch": [{ code: "EIO" }],
  "files.replaceForeign": [{ code: "ENOSPC" }],
  "files.rename": [{ code: "EIO" }],
  "files.remove": [{ code: "EROFS" }],
  "files.makeDirectory": [{ code: "EROFS" }],
  "files.hasDirectory": [{ code: "EACCES" }],
  "files.removeDirectory": [{ code: "EIO" }],
  "files.permissions": [{ code: "EACCES" }],
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
  "processes.seesAll": [{ code: "EACCES" }],
  "processes.openersOf": [{ code: "EACCES" }, { code: "EMFILE" }],
  "processes.start": [{ code: "EAGAIN" }, { code: "EAGAIN", lasts: true }],
  "clock.bootId": [{ code: "EMFILE" }],
  "clock.bootTime": [{ code: "EMFILE" }],
  answer: [{ code: "EPIPE" }, { code: "ENOSPC" }],
  "processes.environment": [],
  "lock.share": [],
  "lock.acquire": [],
  "lock.release": [],
  "child.wait": [],
  "child.kill": [],
  "watch.wait": [],
  "watch.close": [],
  "clock.now": [],
  "clock.wall": [],
  "clock.checkInterrupted": [],
  "clock.heedInterrupts": [],
  "clock.ignoreInterrupts": [],
};

/** Answers other than the true one, and waits that end for another reason. */
export const answers: { readonly [Call in NodeCall["call"]]?: readonly string[] } = {
  "links.physical": ["silent"],
  "watch.wait": ["time is up"],
  "lock.acquire": ["time is up"],
  "files.addLine": ["time is up"],
  "child.wait": ["time is up", "killed by a signal", "printed too much"],
};

/** The calls that fail together if the file system of the state directory is full, or becomes read-only. */
export const fullDisk = ["files.create", "files.replaceForeign", "files.makeDirectory", "files.addLine"];
export const readOnly = [
  ...fullDisk,
  "files.patch",
  "files.rename",
  "files.remove",
  "files.removeDirectory",
  "files.lock",
];

/** The calls that a signal ends that was held back. */
export const interruptible = ["watch.wait", "lock.acquire", "child.wait", "clock.checkInterrupted"];
