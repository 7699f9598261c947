/*
 * A double of the module `host`: a small machine (machine.ts), with the calls that src/linux makes. Tests set its content
 * and its failures, and see every call.
 *
 *   vi.mock("host", async (pure) => ({ ...(await pure<typeof import("host")>()), ...(await import("./fake-host.ts")) }));
 */
import type * as real from "host";
import { called, descriptor, hostError, machine, open } from "./machine.ts";

export * from "./fake-files.ts";

export const namespaceType: typeof real.namespaceType = (fd) => {
  called("NS_GET_NSTYPE", descriptor(fd).what);
  const type = machine.namespaces.get(descriptor(fd).what)?.type ?? 0;
  if (type === 0) throw hostError("ENOTTY", "NS_GET_NSTYPE", "");
  return type;
};

export const enterNetworkNamespace: typeof real.enterNetworkNamespace = (fd) => {
  called("setns", descriptor(fd).namespace);
  machine.inside = descriptor(fd).namespace;
};

export const netlinkSocket: typeof real.netlinkSocket = (protocol) => {
  called("socket", String(protocol));
  return open("netlink", machine.inside);
};

export const netlinkEvents: typeof real.netlinkEvents = (protocol, groups) => {
  called("events", `${protocol} ${groups}`);
  const fd = open("netlink", machine.inside);
  for (let bit = 0; bit < 32; bit++) if (groups & (1 << bit)) descriptor(fd).groups.push(bit + 1);
  return fd;
};

export const netnsCookie: typeof real.netnsCookie = (fd) => {
  called("cookie", descriptor(fd).namespace);
  return machine.cookies ? `cookie of ${descriptor(fd).namespace}` : undefined;
};

export const netlinkSend: typeof real.netlinkSend = (fd, datagram) => {
  called("send", descriptor(fd).namespace);
  descriptor(fd).queue.push(...machine.answer(descriptor(fd).namespace, datagram));
};

export const netlinkReceive: typeof real.netlinkReceive = (fd, deadline, largest) => {
  called("receive", descriptor(fd).namespace);
  const { queue } = descriptor(fd);
  if (queue.length === 0) {
    machine.now = Math.max(machine.now, deadline);
    throw hostError("ETIMEDOUT", "ppoll", "");
  }
  if (typeof queue[0] === "string") throw hostError(queue.shift() as string, "recvmmsg", "");
  const failure = queue.findIndex((each) => typeof each === "string");
  const there = queue.splice(0, failure < 0 ? queue.length : failure) as Uint8Array[];
  if (there.some(({ length }) => length > largest)) throw hostError("EMSGSIZE", "recvmmsg", "");
  return there;
};

export const monotonic: typeof real.monotonic = () => machine.now;
export const realtime: typeof real.realtime = () => 1_700_000_000_000;
export const getpid: typeof real.getpid = () => {
  called("getpid", "");
  return 4321;
};
export const pendingSignal: typeof real.pendingSignal = () => machine.signal;
export const environ: typeof real.environ = () => ["PATH=/bin"];

/** Outcomes of the children that are started, in order; a text is the errno with which the call fails. */
export const children = { starts: [] as string[], ends: [] as (real.ChildOutcome | string)[] };

export const spawn: typeof real.spawn = (start) => {
  called("spawn", start.path);
  const failure = children.starts.shift();
  if (failure !== undefined) throw hostError(failure, "spawn", start.path);
  return 77;
};

export const wait: typeof real.wait = (child, deadline, limit) => {
  called("wait", `${child} ${deadline} ${limit}`);
  const end = children.ends.shift() ?? "ETIMEDOUT";
  if (typeof end === "string") throw hostError(end, "wait", "");
  return end;
};

export const kill: typeof real.kill = (child) => called("kill", String(child));
