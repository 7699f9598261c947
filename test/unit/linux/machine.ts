/* The state of the double of the module `host` (fake-host.ts), which tests set and read. */
import type { HostError } from "host";

/** The machine. {@link resetMachine} creates a new one for each test. */
export const machine = {
  /** Every call, such as "readLink /sys/…". */
  calls: [] as string[],
  /** Calls that fail: the errno's name by the beginning of the call's text. */
  faults: new Map<string, string>(),
  /** Called before each call. */
  beforeCall: (_call: string, _subject: string): void => {},
  /** The directory of this computer whose files the calls can reach, see {@link scratchFiles}. */
  scratch: undefined as string | undefined,
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

/**
 * Numbers are not reused, so that a test detects the use of a closed descriptor, and are not those of real files.
 */
let nextDescriptor = 1_000_000;

export interface Descriptor {
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

/** The error that `host` throws. */
export function hostError(code: string, call: string, subject: string): Error {
  return Object.assign(new Error(`${call} ${subject}: (${code})`), { code, call, subject, errno: 1 });
}

/** Notes a call, and throws its fault. */
export function called(call: string, subject: string): void {
  const text = `${call} ${subject}`;
  machine.calls.push(text);
  machine.beforeCall(call, subject);
  for (const [start, code] of machine.faults)
    if (text.startsWith(start)) throw hostError(code, call, subject);
}

/** Returns the result of a call; `undefined` if it fails with an expected errno. */
export function expecting<T>(expected: readonly string[] | undefined, call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (expected?.includes((error as HostError).code) === true) return undefined as T;
    throw error;
  }
}

/** Returns a value that must exist. @throws {HostError} ENOENT. */
export function present<T>(value: T | undefined, call: string, subject: string): T {
  if (value === undefined) throw hostError("ENOENT", call, subject);
  return value;
}

/** Returns a descriptor that tests do not count, such as that of a file. */
export function unusedDescriptor(): number {
  return nextDescriptor++;
}

/** Opens something that tests count, such as a socket. */
export function newDescriptor(what: string, namespace: string): number {
  const fd = unusedDescriptor();
  machine.descriptors.set(fd, { what, namespace, queue: [], groups: [] });
  return fd;
}

/** @throws {HostError} EBADF. */
export function descriptor(fd: number): Descriptor {
  const found = machine.descriptors.get(fd);
  if (found === undefined) throw hostError("EBADF", "fd", String(fd));
  return found;
}

/** Returns the open descriptors, such as "netlink in pod". */
export function openDescriptors(): string[] {
  return [...machine.descriptors.values()].map(({ what, namespace }) => `${what} in ${namespace}`);
}

/** Adds an event, or an error, to the socket that has joined groups. */
export function deliver(event: Uint8Array | string): void {
  for (const one of machine.descriptors.values()) if (one.groups.length > 0) one.queue.push(event);
}
