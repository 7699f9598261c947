// The installer: copies this executable into the node's directory of CNI plugins, and looks after it there. Nothing
// else changes the node outside of an attachment's steps.
import * as host from "host";
import { messageOf } from "../../cni/error-document.ts";
import { errnoOf } from "../../node/node.ts";
import { UsageError } from "../command.ts";
import { examine, type HostBinary, identityOf } from "./host-binary.ts";
import { INSTALL_USAGE, type InstallOptions, parseInstallOptions } from "./options.ts";

/** What the runtime looks for: the `type` of a network. */
const PLUGIN = "ib-sriov";
/** Of the copy: everyone may run it. */
const MODE = 0o755;
/** How often it looks where no change was seen, ms: a file system need not tell of them. */
const CHECK_TIME = 60_000;
/** How long a plugin must be missing or broken before it is restored, ms: somebody may be about to replace it. */
const SETTLE_TIME = 2_000;
/** A temporary file that is older has nobody any more who would rename it, ms. */
const LEFTOVER_TIME = 600_000;
const TEMPORARY = /^\.ib-sriov\.(\d+)\.\d+$/;

/**
 * Runs the installer until it is told to end, and says what it does on stdout, and why it cannot on stderr.
 * @param words the arguments behind `install`.
 * @returns the exit status: 0, 1 where it failed, 2 where the arguments are wrong.
 */
export function install(words: readonly string[]): number {
  try {
    const options = parseInstallOptions(words);
    if (options === "help") say(1, INSTALL_USAGE);
    else run(options);
    return 0;
  } catch (error) {
    if (error instanceof UsageError) {
      say(2, `${error.message}\n${INSTALL_USAGE}`);
      return 2;
    }
    if (errnoOf(error) === "EINTR") {
      say(1, `${host.pendingSignal() ?? "a signal"} received, ending\n`);
      return 0;
    }
    say(2, `Error: ${messageOf(error)}\n`);
    return 1;
  }
}

function run(options: InstallOptions): void {
  // As a container's first process it would not get SIGTERM otherwise.
  host.deferSignals();
  const executable = options.executable ?? host.readLink("/proc/self/exe");
  requireDirectory(options.directory);
  requireFile(executable);
  removeLeftovers(options.directory);
  const target = `${options.directory}/${PLUGIN}`;
  const identity = put(executable, options.directory, target);
  say(1, `copied ${executable} to ${target}\n`);
  if (options.stay) lookAfter({ executable, directory: options.directory, target, identity });
}

function requireDirectory(path: string): void {
  const remedy = "mount the node's directory of CNI plugins there, or name another one with --cni-bin-dir";
  const status = found(path, `CNI bin directory "${path}"`, remedy);
  if (status.type !== "directory")
    throw new Error(`CNI bin directory "${path}" is not a directory; ${remedy}`);
}

function requireFile(path: string): void {
  const remedy = "name the plugin's executable with --ib-sriov-cni-bin-file";
  const status = found(path, `IB SR-IOV CNI binary file "${path}"`, remedy);
  if (status.type !== "file")
    throw new Error(`IB SR-IOV CNI binary file "${path}" is not a regular file; ${remedy}`);
}

function found(path: string, what: string, remedy: string): host.FileStatus {
  try {
    return host.stat(path);
  } catch (cause) {
    const why = errnoOf(cause) === "ENOENT" ? "does not exist" : "cannot be looked at";
    throw new Error(`${what} ${why}: ${messageOf(cause)}; ${remedy}`, { cause });
  }
}

/** Temporary files of installers that were killed. */
function removeLeftovers(directory: string): void {
  for (const name of host.readDirectory(directory)) {
    const [, time] = TEMPORARY.exec(name) ?? [];
    if (time === undefined || Number(time) > host.realtime() - LEFTOVER_TIME) continue;
    try {
      host.unlink(`${directory}/${name}`);
    } catch (error) {
      say(2, `cannot remove what a killed installer left: ${messageOf(error)}\n`);
    }
  }
}

/**
 * Puts the executable there, whole or not at all. Calls that run go on with the file that they have.
 * @returns the copy's identity.
 */
function put(executable: string, directory: string, target: string): string {
  // Another installer, in another container, may have our pid; not at the same time, too.
  const temporary = `${directory}/.${PLUGIN}.${Math.floor(host.realtime())}.${host.getpid()}`;
  try {
    host.copyFile(executable, temporary, MODE);
    const identity = identityOf(host.stat(temporary));
    try {
      host.rename(temporary, target);
    } catch (error) {
      host.unlink(temporary);
      throw error;
    }
    return identity;
  } catch (cause) {
    throw new Error(`cannot copy ${executable} to ${target}: ${messageOf(cause)}`, { cause });
  }
}

interface Installed {
  readonly executable: string;
  readonly directory: string;
  readonly target: string;
  /** Of the copy. */
  readonly identity: string;
}

/**
 * Restores the copy where it is missing or does not run, until a signal comes (EINTR). Another plugin that runs is left:
 * a second installer would do the same to ours.
 * @throws {Error} where our own copy does not run.
 */
function lookAfter(first: Installed): void {
  const watch = watchOf(first.directory);
  let { identity } = first;
  let said = identity;
  /** When it was first found missing or broken, ms. */
  let since: number | undefined;
  requireRunning(examine(first.target), first);
  say(1, `it runs; looking after it until SIGTERM\n`);
  for (;;) {
    const binary = examine(first.target);
    const now = host.monotonic();
    if (binary.state === "runs" || binary.state === "unknown") {
      since = undefined;
      if (binary.identity !== said) say(1, `${first.target} is ${description(binary)}; it is left there\n`);
      said = binary.identity;
    } else {
      since ??= now;
      if (now >= since + SETTLE_TIME) {
        say(1, `${first.target} is ${binary.state} (${binary.why}); restoring it\n`);
        identity = put(first.executable, first.directory, first.target);
        requireRunning(examine(first.target), { ...first, identity });
        since = undefined;
        said = identity;
      }
    }
    waitForChange(watch, since === undefined ? now + CHECK_TIME : since + SETTLE_TIME);
  }
}

function description({ state, why }: HostBinary): string {
  return state === "runs" ? "another plugin that runs" : `not to be judged from here (${why})`;
}

/** Whatever else may be there by now: only our own copy must run. */
function requireRunning(binary: HostBinary, { target, identity, executable }: Installed): void {
  if (binary.identity !== identity || binary.state !== "broken") return;
  throw new Error(
    `${target} does not run on this node: ${binary.why}; is ${executable} an ib-sriov for this architecture?`,
  );
}

/** -1, which only waits, where the kernel has no watch left. */
function watchOf(directory: string): number {
  try {
    return host.watchDirectory(directory);
  } catch (error) {
    say(2, `${messageOf(error)}: looking every ${CHECK_TIME / 1000} s instead\n`);
    return -1;
  }
}

function waitForChange(watch: number, deadline: number): void {
  try {
    host.waitForChange(watch, deadline);
  } catch (error) {
    if (errnoOf(error) !== "ETIMEDOUT") throw error;
  }
}

/** Whether anybody listens is no reason to end. */
function say(fd: 1 | 2, text: string): void {
  try {
    host.print(fd, text);
  } catch {
    // Nobody does.
  }
}
