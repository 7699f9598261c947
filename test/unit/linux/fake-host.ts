/*
 * A double of the module `host`: a small machine in memory, with the calls that src/linux makes. Tests set its
 * content and its failures, and see every call.
 *
 *   vi.mock("host", async (pure) => ({ ...(await pure<typeof import("host")>()), ...(await import("./fake-host.ts")) }));
 */
import type * as real from "host";

/** The machine. {@link resetMachine} creates a new one for each test. */
export const machine = {
  /** Every call, such as "readLink /sys/…". */
  calls: [] as string[],
  /** Calls that fail: the errno's name by the beginning of the call's text. */
  faults: new Map<string, string>(),
  /** Text files (sysfs, procfs) by path; for a namespace that the thread has entered, by `name:path` first. */
  files: new Map<string, string>(),
  /** The targets of symbolic links. */
  links: new Map<string, string>(),
  /** Inodes of files of nsfs, by path. */
  inodes: new Map<string, string>(),
  /** The entries of directories. */
  directories: new Map<string, string[]>(),
  /** Called when a file is written. */
  onWrite: (_path: string, _text: string): void => {},
  /** Network namespaces by path: name, and the answers of statfs and NS_GET_NSTYPE. */
  namespaces: new Map<string, { name: string; magic: number; type: number }>(),
  /** The namespace that the thread is in. */
  inside: "host",
  /** Whether this kernel has SO_NETNS_COOKIE (5.14). */
  cookies: true,
  /** The answer of a netlink socket in a namespace to a datagram. */
  answer: (_namespace: string, _datagram: Uint8Array): (Uint8Array | string)[] => [],
  /** Open descriptors, and their kinds. */
  descriptors: new Map<number, Descriptor>(),
  now: 1000,
  signal: undefined as string | undefined,
};

/** Numbers are not reused, so that a test detects the use of a closed descriptor. */
let nextDescriptor = 3;

interface Descriptor {
  readonly what: string;
  readonly namespace: string;
  readonly queue: (Uint8Array | string)[];
  readonly groups: number[];
}

const pristine = { ...machine };

/** A machine with only the host's network namespace. */
export function resetMachine(): void {
  Object.assign(machine, pristine, {
    calls: [],
    faults: new Map(),
    files: new Map(),
    links: new Map(),
    inodes: new Map(),
    directories: new Map(),
    descriptors: new Map(),
    namespaces: new Map([["/proc/thread-self/ns/net", { name: "host", magic: NSFS, type: NET }]]),
  });
}

export const NSFS = 0x6e736673;
export const NET = 0x40000000;

/** Returns the open descriptors, such as "netlink in pod". */
export function openDescriptors(): string[] {
  return [...machine.descriptors.values()].map(({ what, namespace }) => `${what} in ${namespace}`);
}

/** Adds an event, or an error, to the socket that has joined groups. */
export function happens(event: Uint8Array | string): void {
  for (const one of machine.descriptors.values()) if (one.groups.length > 0) one.queue.push(event);
}

/** The error that `host` throws. */
export function hostError(code: string, call: string, subject: string): Error {
  return Object.assign(new Error(`${call} ${subject}: (${code})`), { code, call, subject, errno: 1 });
}

function called(call: string, subject: string): void {
  const text = `${call} ${subject}`;
  machine.calls.push(text);
  for (const [start, code] of machine.faults)
    if (text.startsWith(start)) throw hostError(code, call, subject);
}

/** Returns the result of a call; `undefined` if it fails with an expected errno. */
function expecting<T>(expected: readonly string[] | undefined, call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (expected?.includes((error as real.HostError).code) === true) return undefined as T;
    throw error;
  }
}

function present<T>(value: T | undefined, call: string, subject: string): T {
  if (value === undefined) throw hostError("ENOENT", call, subject);
  return value;
}

function open(what: string, namespace: string): number {
  const fd = nextDescriptor++;
  machine.descriptors.set(fd, { what, namespace, queue: [], groups: [] });
  return fd;
}

function descriptor(fd: number): Descriptor {
  const found = machine.descriptors.get(fd);
  if (found === undefined) throw hostError("EBADF", "fd", String(fd));
  return found;
}

export const readFile: typeof real.readFile = (path: string, _limit?: number, expected?: readonly string[]) =>
  expecting(expected, () => {
    called("readFile", path);
    return present(
      machine.files.get(`${machine.inside}:${path}`) ?? machine.files.get(path),
      "readFile",
      path,
    );
  });

export const writeFile: typeof real.writeFile = (path, text) => {
  called("writeFile", `${path} ${JSON.stringify(text)}`);
  machine.onWrite(path, text);
};

export const writeFileApart: typeof real.writeFileApart = writeFile;

export const readLink: typeof real.readLink = (path: string, expected?: readonly string[]) =>
  expecting(expected, () => {
    called("readLink", path);
    return present(machine.links.get(path), "readLink", path);
  });

export const readDirectory: typeof real.readDirectory = (path: string, expected?: readonly string[]) =>
  expecting(expected, () => {
    called("readDirectory", path);
    return [...present(machine.directories.get(path), "readDirectory", path)];
  });

export const stat: typeof real.stat = (path: string, _follow?: boolean, expected?: readonly string[]) =>
  expecting(expected, (): real.FileStatus => {
    called("stat", path);
    const known = machine.inodes.get(path);
    if (known !== undefined)
      return { type: "file", device: "4", inode: known, size: 0, modified: 0, mode: 0o444 };
    present(machine.directories.get(path), "stat", path);
    return {
      type: "directory",
      device: "22",
      inode: `9007199254740993${path.length}`,
      size: 0,
      modified: 0,
      mode: 0o755,
    };
  });

export const statfsType: typeof real.statfsType = (path) => {
  called("statfs", path);
  return present(machine.namespaces.get(path), "statfs", path).magic;
};

export const openFile: typeof real.openFile = (path) => {
  called("open", path);
  return open(path, present(machine.namespaces.get(path), "open", path).name);
};

export const namespaceType: typeof real.namespaceType = (fd) => {
  called("NS_GET_NSTYPE", descriptor(fd).what);
  const type = machine.namespaces.get(descriptor(fd).what)?.type ?? 0;
  if (type === 0) throw hostError("ENOTTY", "NS_GET_NSTYPE", "");
  return type;
};

export const fstat: typeof real.fstat = (fd) => {
  called("fstat", descriptor(fd).what);
  return { type: "file", device: "4", inode: "4026532008", size: 0, modified: 0, mode: 0o444 };
};

export const enterNetworkNamespace: typeof real.enterNetworkNamespace = (fd) => {
  called("setns", descriptor(fd).namespace);
  machine.inside = descriptor(fd).namespace;
};

export const close: typeof real.close = (fd) => {
  called("close", descriptor(fd).what);
  machine.descriptors.delete(fd);
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
