import * as host from "host";
import { messageOf } from "../../cni/error-document.ts";
import { VERSION_QUESTION, versionsIn } from "../../cni/versions.ts";
import { errnoOf } from "../../node/node.ts";

/**
 * What is at the place of the plugin on the node.
 * - "runs": it answers as a CNI plugin does.
 * - "unknown": it cannot be judged from here, or not now; whoever put it there may know better.
 * - "broken" and "missing": no pod can be attached.
 */
export interface HostBinary {
  readonly state: "runs" | "unknown" | "broken" | "missing";
  /** Why it is not "runs"; "" where it is. */
  readonly why: string;
  /** Which file it is: changes with every other one. */
  readonly identity: string;
}

/** How long it may take to say its version, ms. It takes one; a node can be busy. */
const ANSWER_TIME = 30_000;
/** How much it may say, in bytes. */
const OUTPUT_LIMIT = 1 << 16;
/** No machine will ever run such a file: it is no executable, or not whole (fs/binfmt_elf.c, load_elf_binary). */
const UNUSABLE = ["ENOEXEC", "ELIBBAD", "EINVAL", "EIO"];

/**
 * Looks at a plugin, and lets it say its version.
 * @throws {HostError} EINTR where a signal came meanwhile; what was started is dead then.
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
    return { state: "broken", why: "it is no executable file", identity };
  try {
    const why = trouble(path);
    return { state: why === "" ? "runs" : "broken", why, identity };
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined || errno === "EINTR") throw error;
    const broken = UNUSABLE.includes(errno) || errno === "ETIMEDOUT" || errno === "EFBIG";
    return { state: broken ? "broken" : "unknown", why: messageOf(error), identity };
  }
}

/** Which file is it? The same also under another name. */
export function identityOf(status: host.FileStatus): string {
  return `${status.device} ${status.inode} ${status.size}`;
}

/** What is wrong with its answer; "" for nothing. */
function trouble(path: string): string {
  const child = host.spawn({ path, ...VERSION_QUESTION });
  let outcome: host.ChildOutcome;
  try {
    outcome = host.wait(child, host.monotonic() + ANSWER_TIME, OUTPUT_LIMIT);
  } finally {
    host.kill(child);
  }
  const { status, signal, stdout, stderr } = outcome;
  if (signal !== 0) return `signal ${signal} ended it`;
  if (status !== 0) return `it ended with status ${status}: ${(stdout + stderr).trim()}`;
  return versionsIn(stdout) !== undefined ? "" : "it did not answer with the CNI versions that it supports";
}
