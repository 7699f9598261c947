// The installer: copies this executable into the node's directory of CNI plugins, and restores the copy if necessary.
// Nothing else changes the node outside of an attachment's steps.
import * as host from "host";
import { messageOf } from "../../cni/error-document.ts";
import { OWN_EXECUTABLE } from "../../linux/child-process.ts";
import { readDirectory } from "../../linux/files/read.ts";
import { errnoOf } from "../../node/node.ts";
import { type Command, UsageError } from "../command.ts";
import { usageOf } from "../usage.ts";
import { requireInstalled } from "./check.ts";
import { copyFile } from "./copy-file.ts";
import { DirectoryWatch } from "./directory-watch.ts";
import { examine, type HostBinary, identityOf } from "./host-binary.ts";
import { DEFAULT_DIRECTORY, type InstallOptions, parseInstallOptions } from "./options.ts";

/** Name of the copy, which is the `type` of a network. */
const PLUGIN = "ib-sriov";
/** Mode of the copy: every user may run it. */
const MODE = 0o755;
/** Interval of checks without an event, ms: a file system may not report changes. */
const CHECK_TIME = 60_000;
/** Time for which a plugin must be missing or broken before it is restored, ms: another program may be replacing it. */
const SETTLE_TIME = 2_000;
/** Age from which on a temporary file is a remainder of a killed installer, ms. */
const LEFTOVER_TIME = 600_000;
const TEMPORARY = /^\.ib-sriov\.(\d+)\.\d+$/;

/** The command as the help shows it. Its flags are parsed like those of the Go plugin's installer: see options.ts. */
export const installer: Command = {
  name: "install",
  summary: "Copies this executable to the node's directory of CNI plugins, and keeps the copy intact",
  details:
    "It keeps running, and restores the copy if it is missing or does not run. It ends at once on SIGTERM.",
  options: [
    {
      name: "cni-bin-dir",
      value: "DIRECTORY",
      summary: `directory of the copy (default ${DEFAULT_DIRECTORY})`,
    },
    { name: "ib-sriov-cni-bin-file", value: "FILE", summary: "file to copy (default: this executable)" },
    { name: "no-sleep", summary: "ends after copying" },
    {
      name: "check",
      summary: "changes nothing, and fails if the copy is missing or is another plugin; for probes",
    },
  ],
  run: ({ words }) => install(words),
};

/**
 * Runs the installer until a signal arrives. Prints its actions on stdout, and errors on stderr.
 * @param words the arguments after `install`.
 * @returns the exit status: 0, 1 if it failed, 2 if the arguments are invalid.
 */
export function install(words: readonly string[]): number {
  try {
    const options = parseInstallOptions(words);
    if (options === "help") log(1, usageOf(installer));
    else run(options);
    return 0;
  } catch (error) {
    if (error instanceof UsageError) {
      log(2, `${error.message}\n${usageOf(installer)}`);
      return 2;
    }
    if (errnoOf(error) === "EINTR") {
      log(1, `${host.pendingSignal() ?? "a signal"} received, ending\n`);
      return 0;
    }
    log(2, `Error: ${messageOf(error)}\n`);
    return 1;
  }
}

function run(options: InstallOptions): void {
  // Without this, it would not get SIGTERM if it is the first process of a container.
  host.deferSignals();
  const executable = options.executable ?? host.readLink(OWN_EXECUTABLE);
  const target = `${options.directory}/${PLUGIN}`;
  requireDirectory(options.directory);
  requireFile(executable);
  if (options.check) {
    requireInstalled(executable, target);
    log(1, `${target} is installed\n`);
    return;
  }
  removeLeftovers(options.directory);
  const identity = installCopy(executable, options.directory, target);
  log(1, `copied ${executable} to ${target}\n`);
  if (options.stay) keepInstalled({ executable, directory: options.directory, target, identity });
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
    const why = errnoOf(cause) === "ENOENT" ? "does not exist" : "cannot be examined";
    throw new Error(`${what} ${why}: ${messageOf(cause)}; ${remedy}`, { cause });
  }
}

/** Removes temporary files of installers that were killed. */
function removeLeftovers(directory: string): void {
  for (const name of readDirectory(directory)) {
    const [, time] = TEMPORARY.exec(name) ?? [];
    if (time === undefined || Number(time) > host.realtime() - LEFTOVER_TIME) continue;
    try {
      host.unlink(`${directory}/${name}`);
    } catch (error) {
      log(2, `cannot remove the temporary file of a killed installer: ${messageOf(error)}\n`);
    }
  }
}

/**
 * Installs the copy, completely or not at all. Running calls continue with the file that they have opened.
 * @returns the copy's identity.
 */
function installCopy(executable: string, directory: string, target: string): string {
  // Another installer, in another container, can have the same PID, but does not start in the same millisecond, too.
  const temporary = `${directory}/.${PLUGIN}.${Math.floor(host.realtime())}.${host.getpid()}`;
  try {
    copyFile(executable, temporary, MODE);
    const identity = identityOf(host.stat(temporary));
    try {
      host.rename(temporary, target, 0);
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
  /** Identity of the copy. */
  readonly identity: string;
}

/**
 * Restores the copy if it is missing or does not run, until a signal arrives (EINTR). Another plugin that runs is not
 * replaced, because a second installer would then replace this one's copy, and so on.
 * @throws {Error} if this installer's own copy does not run.
 */
function keepInstalled(first: Installed): void {
  const watch = new DirectoryWatch(first.directory, (error) =>
    log(2, `${messageOf(error)}: checking every ${CHECK_TIME / 1000} s instead\n`),
  );
  let { identity } = first;
  let reportedIdentity = identity;
  /** When it was first found missing or broken, ms. */
  let since: number | undefined;
  requireRunning(examine(first.target), first);
  log(1, `it runs; checking it until SIGTERM\n`);
  for (;;) {
    const binary = examine(first.target);
    const now = host.monotonic();
    if (binary.state === "runs" || binary.state === "unknown") {
      since = undefined;
      if (binary.identity !== reportedIdentity)
        log(1, `${first.target} is ${description(binary)}; it is not replaced\n`);
      reportedIdentity = binary.identity;
    } else {
      since ??= now;
      if (now >= since + SETTLE_TIME) {
        log(1, `${first.target} is ${binary.state} (${binary.why}); restoring it\n`);
        identity = installCopy(first.executable, first.directory, first.target);
        requireRunning(examine(first.target), { ...first, identity });
        since = undefined;
        reportedIdentity = identity;
      }
    }
    watch.wait(since === undefined ? now + CHECK_TIME : since + SETTLE_TIME);
  }
}

function description({ state, why }: HostBinary): string {
  return state === "runs" ? "another plugin that runs" : `a file that cannot be checked from here (${why})`;
}

/** Checks that this installer's own copy runs. Another file that has replaced it does not have to run. */
function requireRunning(binary: HostBinary, { target, identity, executable }: Installed): void {
  if (binary.identity !== identity || binary.state !== "broken") return;
  throw new Error(
    `${target} does not run on this node: ${binary.why}; check that ${executable} is for this architecture`,
  );
}

/** Prints a message. Errors are ignored, because the installer must continue without a reader. */
function log(fd: 1 | 2, text: string): void {
  try {
    host.print(fd, text);
  } catch {
    // The output is closed.
  }
}
