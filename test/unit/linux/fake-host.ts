/*
 * A double of the module `host`: a small machine (machine.ts), with the calls that src/linux makes. Tests set its content
 * and its failures, and see every call.
 *
 *   vi.mock("host", async (pure) => ({ ...(await pure<typeof import("host")>()), ...(await import("./fake-host.ts")) }));
 */
import type * as real from "host";
import { called, descriptor, hostError, machine, newDescriptor } from "./machine.ts";

export * from "./fake-files.ts";

/** NS_GET_NSTYPE. */
export const ioctl: typeof real.ioctl = (fd) => {
  called("NS_GET_NSTYPE", descriptor(fd).what);
  const type = machine.namespaces.get(descriptor(fd).what)?.type ?? 0;
  if (type === 0) throw hostError("ENOTTY", "NS_GET_NSTYPE", "");
  return type;
};

export const setns: typeof real.setns = (fd) => {
  called("setns", descriptor(fd).namespace);
  machine.inside = descriptor(fd).namespace;
};

export const socket: typeof real.socket = (_family, _type, protocol) => {
  called("socket", String(protocol));
  return newDescriptor("netlink", machine.inside);
};

export const setsockopt: typeof real.setsockopt = () => 0;

/** Joins multicast groups. */
export const bind: typeof real.bind = (fd, address) => {
  const groups = new DataView(address.buffer).getUint32(8, true);
  called("bind", String(groups));
  for (let bit = 0; bit < 32; bit++) if (groups & (1 << bit)) descriptor(fd).groups.push(bit + 1);
};

export const netnsCookie: typeof real.netnsCookie = (fd) => {
  called("cookie", descriptor(fd).namespace);
  return machine.cookies ? `cookie of ${descriptor(fd).namespace}` : undefined;
};

export const send: typeof real.send = (fd, datagram) => {
  called("send", descriptor(fd).namespace);
  descriptor(fd).queue.push(...machine.answer(descriptor(fd).namespace, datagram));
};

export const netlinkReceive: typeof real.netlinkReceive = (fd, deadline) => {
  called("receive", descriptor(fd).namespace);
  const { queue } = descriptor(fd);
  if (queue.length === 0) {
    machine.now = Math.max(machine.now, deadline);
    throw hostError("ETIMEDOUT", "ppoll", "");
  }
  if (typeof queue[0] === "string") throw hostError(queue.shift() as string, "recvmmsg", "");
  const failure = queue.findIndex((each) => typeof each === "string");
  return queue.splice(0, failure < 0 ? queue.length : failure) as Uint8Array[];
};

export const monotonic: typeof real.monotonic = () => machine.now;
export const realtime: typeof real.realtime = () => 1_700_000_000_000;
export const getpid: typeof real.getpid = () => {
  called("getpid", "");
  return 4321;
};
export const pendingSignal: typeof real.pendingSignal = () => machine.signal;
export const environ: typeof real.environ = () => ["PATH=/bin"];

/** Waits without descriptors. */
export const poll: typeof real.poll = (_first, _second, deadline) => {
  called("poll", String(deadline));
  machine.now = Math.max(machine.now, deadline);
  throw hostError("ETIMEDOUT", "ppoll", "");
};
