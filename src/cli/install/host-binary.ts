import * as host from "host";
import { messageOf } from "../../cni/error-document.ts";
import { VERSION_CALL, versionsIn } from "../../cni/versions.ts";
import { ChildProcess } from "../../linux/child-process.ts";
import { errnoOf } from "../../node/node.ts";
import type { ChildOutcome } from "../../node/processes.ts";

/**
 * The state of the plugin's path on the node.
 * - "runs": the file answers like a CNI plugin.
 * - "unknown": it cannot be checked from here, or not now; it may run on the node.
 * - "broken" and "missing": no pod can be attached.
 */
export interface HostBinary {
  readonly state: "runs" | "unknown" | "broken" | "missing";
  /** The reason; "" for "runs". */
  readonly why: string;
  /** Identifies the file; another file has another identity. */
  readonly identity: string;
}

/** Time limit for the answer to VERSION, ms. The answer takes 1 ms, but a node can be busy. */
const ANSWER_TIME = 30_000;
/** Longest answer, bytes. */
const OUTPUT_LIMIT = 1 << 16;
/** Errors of a file that no machine can run: not an executable, or incomplete (fs/binfmt_elf.c, load_elf_binary). */
const UNUSABLE = ["ENOEXEC", "ELIBBAD", "EINVAL", "EIO"];

/**
 * Examines a plugin, and calls it with VERSION.
 * @throws {HostError} EINTR if a signal arrived; the started process has been killed then.
 */
export function examine(path: string): HostBinary {
  let status: host.FileStatus;
  try {
    status = host.stat(path);
  } catch (error) {
    const why = messageOf(error);
    return { state: errnoOf(error) === "ENOENT" ? "missing" : "unknown", why, identity: "" };
  }
  const identity = identityOf(status);
  if (status.type !== "file" || (status.mode & 0o111) === 0)
    return { state: "broken", why: "it is not an executable file", identity };
  try {
    const why = problemWithAnswer(path);
    return { state: why === "" ? "runs" : "broken", why, identity };
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined || errno === "EINTR") throw error;
    const broken = UNUSABLE.includes(errno) || errno === "ETIMEDOUT" || errno === "EFBIG";
    return { state: broken ? "broken" : "unknown", why: messageOf(error), identity };
  }
}

/** Returns the identity of a file, which stays the same when the file is renamed. */
export function identityOf(status: host.FileStatus): string {
  return `${status.device} ${status.inode} ${status.size}`;
}

/** Calls the plugin with VERSION. Returns the problem with its answer; "" if the answer is right. */
function problemWithAnswer(path: string): string {
  const child = ChildProcess.start({ path, ...VERSION_CALL });
  let outcome: ChildOutcome;
  try {
    outcome = child.wait(host.monotonic() + ANSWER_TIME, OUTPUT_LIMIT);
  } finally {
    child.kill();
  }
  const { status, signal, stdout, stderr } = outcome;
  if (signal !== 0) return `signal ${signal} ended it`;
  if (status !== 0) return `it ended with status ${status}: ${(stdout + stderr).trim()}`;
  return versionsIn(stdout) !== undefined ? "" : "it did not answer with the CNI versions that it supports";
}
