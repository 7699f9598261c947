import * as host from "host";
import type { ChildOutcome, Excess } from "../node/processes.ts";
import { closeOnError } from "./close-on-error.ts";
import { readDirectory } from "./files/read.ts";

/** Constants of linux/memfd.h and asm-generic/signal.h. */
const MFD_CLOEXEC = 1;
const SIGKILL = 9;
const SIGTERM = 15;
/** Constants of linux/close_range.h and linux/fcntl.h. */
const CLOSE_RANGE_CLOEXEC = 4;
const F_SETFD = 2;
const FD_CLOEXEC = 1;

/**
 * This executable, also if its file was replaced. A child is a copy of this process until it runs the executable, so the
 * path is right for a child, too.
 */
export const OWN_EXECUTABLE = "/proc/self/exe";

/** How long a child that was killed is waited for, ms. Most end within one. */
const KILL_TIME = 1000;

/** Maximum bytes of one read. */
const LONGEST_READ = 1 << 16;

/** The parameters of a new child. */
export interface ChildStart {
  /** Absolute path of the executable. */
  readonly path: string;
  /** argv; by default, the path alone. */
  readonly words?: readonly string[];
  readonly environment: readonly string[];
  /** The text on the child's stdin. The child can read it also after this process has ended. */
  readonly stdin: string;
  /** Descriptors that the child inherits, with the same numbers; all others are close-on-exec. */
  readonly inherit: readonly number[];
}

/** An output stream of a child. */
interface Output {
  /** The end of the pipe from which this process reads; -1 after its end. */
  fd: number;
  readonly parts: Uint8Array[];
  /** Bytes that were read, kept or not. */
  length: number;
}

/** A child process and its output so far. It leads a separate process group. */
export class ChildProcess {
  private readonly outputs: readonly [Output, Output];
  private reaped = false;

  private constructor(
    private readonly pid: number,
    [stdout, stderr]: readonly number[],
  ) {
    this.outputs = [
      { fd: stdout as number, parts: [], length: 0 },
      { fd: stderr as number, parts: [], length: 0 },
    ];
  }

  /** @throws {HostError} ETXTBSY if a process has the executable open for writing. */
  static start({ path, words, environment, stdin, inherit }: ChildStart): ChildProcess {
    const own: number[] = [];
    const given: number[] = [];
    try {
      given.push(inputFile(stdin));
      for (let i = 0; i < 2; i++) {
        const [end, givenEnd] = host.pipe();
        own.push(end);
        given.push(givenEnd);
      }
      markInheritedDescriptors();
      return new ChildProcess(spawn(path, words, environment, [...given, ...inherit]), own);
    } catch (error) {
      for (const fd of own) host.close(fd);
      throw error;
    } finally {
      for (const fd of given) host.close(fd);
    }
  }

  /**
   * Reads the output until the child ends, and reaps it. At the deadline throws ETIMEDOUT; the child continues to run,
   * and can be waited for again or killed. Does not wait for a grandchild that keeps the pipes open.
   * @param limit maximum output, bytes: of both streams, and if the excess is dropped, of each.
   * @param excess if it is refused, the child is killed and reaped.
   */
  wait(deadline: number, limit: number, excess: Excess = "refused"): ChildOutcome {
    if (this.reaped) host.fail("ECHILD", "waitpid", "");
    const [stdout, stderr] = this.outputs;
    const kept = keptOf(limit, excess);
    let mayHaveEnded = true;
    while (excess === "dropped" || this.length <= limit) {
      const status = mayHaveEnded ? host.waitpid(this.pid, Number.NEGATIVE_INFINITY) : undefined;
      if (status !== undefined) return this.end(status, limit, excess);
      const ready = host.poll(stdout.fd, stderr.fd, deadline, true);
      // Another process that has the pipes can print without end.
      mayHaveEnded = ready === 0 || this.length > limit;
      this.take(ready, kept);
    }
    this.kill();
    return tooLong();
  }

  private get length(): number {
    const [stdout, stderr] = this.outputs;
    return stdout.length + stderr.length;
  }

  /**
   * Sends SIGKILL to the child and its process group, and reaps the child. Does nothing if it is already reaped. A child
   * that sleeps in the kernel (state D), for example on a file system that does not respond, ends only when the kernel
   * lets it, so it is left after {@link KILL_TIME}: this process holds locks.
   */
  kill(): void {
    if (this.reaped) return;
    host.kill(-this.pid, SIGKILL, ["ESRCH", "EPERM"]);
    host.waitpid(this.pid, host.monotonic() + KILL_TIME);
    this.close();
  }

  /** Asks the child to end (SIGTERM). */
  terminate(): void {
    if (!this.reaped) host.kill(this.pid, SIGTERM, ["ESRCH", "EPERM"]);
  }

  /** The child's stdout and stderr, as far as they have been read. */
  get output(): readonly [string, string] {
    const [stdout, stderr] = this.outputs;
    return [textOf(stdout), textOf(stderr)];
  }

  private end(status: number, limit: number, excess: Excess): ChildOutcome {
    const [stdout, stderr] = this.outputs;
    const isDropped = excess === "dropped";
    const kept = keptOf(limit, excess);
    // The child can have left output in the pipes, which have room for less than the limit.
    const most = isDropped ? this.length + limit : limit;
    for (let ready = -1; ready !== 0 && this.length <= most; this.take(ready, kept))
      ready = host.poll(stdout.fd, stderr.fd, Number.NEGATIVE_INFINITY);
    this.close();
    if (!isDropped && this.length > limit) tooLong();
    const signal = status & 0x7f;
    return {
      status: signal === 0 ? (status >> 8) & 0xff : -1,
      signal,
      stdout: textOf(stdout),
      stderr: textOf(stderr),
    };
  }

  /** Reads once from each output that is ready, keeps as many bytes as allowed, and closes it at its end. */
  private take(ready: number, kept: number): void {
    for (let i = 0; i < 2; i++) {
      if ((ready & (i + 1)) === 0) continue;
      const output = this.outputs[i] as Output;
      const bytes = host.read(output.fd, LONGEST_READ);
      const rest = kept - output.length;
      if (rest > 0) output.parts.push(bytes.subarray(0, rest));
      output.length += bytes.length;
      if (bytes.length > 0) continue;
      host.close(output.fd);
      output.fd = -1;
    }
  }

  private close(): void {
    this.reaped = true;
    for (const output of this.outputs) if (output.fd >= 0) host.close(output.fd);
  }
}

/** Returns how many bytes of each output are kept. */
function keptOf(limit: number, excess: Excess): number {
  return excess === "dropped" ? limit : Number.POSITIVE_INFINITY;
}

/** The kernel takes descriptors below this number. The first three are the child's own stdin, stdout and stderr. */
const ALL_DESCRIPTORS = 0xffffffff;
const STANDARD = 3;
let isMarked = false;

/** Marks descriptors that the caller left open as close-on-exec. The descriptors of this process are marked already. */
function markInheritedDescriptors(): void {
  if (isMarked) return;
  if (host.closeRange(STANDARD, ALL_DESCRIPTORS, CLOSE_RANGE_CLOEXEC, ["ENOSYS", "EINVAL"]) === undefined) {
    // Before Linux 5.11, close_range(2) cannot mark descriptors. There can be a billion numbers, so only open ones are marked.
    for (const name of readDirectory("/proc/self/fd"))
      if (Number(name) >= STANDARD) host.fcntl(Number(name), F_SETFD, FD_CLOEXEC, ["EBADF"]);
  }
  isMarked = true;
}

/** Starts a child. The first three descriptors become its stdin, stdout and stderr; it gets the others, too. */
function spawn(
  path: string,
  words: readonly string[] | undefined,
  environment: readonly string[],
  descriptors: readonly number[],
): number {
  if ([...environment, ...(words ?? [])].some((text) => text.includes("\0")))
    host.fail("EINVAL", "posix_spawn", path);
  if (descriptors.some((fd) => fd < STANDARD)) throw new TypeError("0 to 2 are the child's own descriptors");
  const numbers = new Uint8Array(Int32Array.from(descriptors).buffer);
  return host.spawn(path, terminated(environment), numbers, words && terminated(words));
}

/** Returns texts with a NUL byte at the end of each. */
function terminated(texts: readonly string[]): Uint8Array {
  return host.utf8Encode(texts.map((text) => `${text}\0`).join(""));
}

/** Makes the child's stdin: a file in memory instead of a pipe, which has any length and outlives this process. */
function inputFile(text: string): number {
  const bytes = host.utf8Encode(text);
  return closeOnError(host.memfd("stdin", MFD_CLOEXEC), (fd) => {
    // pwrite(2) does not move the file's position, so that the child reads from the beginning.
    for (let at = 0; at < bytes.length; ) at += host.pwrite(fd, bytes.subarray(at), at) ?? bytes.length;
    return fd;
  });
}

function textOf({ parts }: Output): string {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return host.decodeText(bytes);
}

function tooLong(): never {
  return host.fail("EFBIG", "read", "output of the child");
}
