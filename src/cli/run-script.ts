import { messageOf } from "../cni/error-document.ts";
import type { Node } from "../node/node.ts";

const SHELL = "/bin/sh";
/** Directories of programs, which the PATH of a systemd unit or a container can lack. */
export const PROGRAM_DIRECTORIES = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The result of a script: its output, or the reason why it has no output. */
export type ScriptOutcome =
  | { readonly output: string; readonly failure?: undefined }
  | { readonly output?: undefined; readonly failure: string };

/**
 * Runs a script of the shell, and returns its output if it succeeds. It runs programs of the node, such as journalctl and
 * modprobe, because the processes of Node (src/node/processes.ts) have no arguments.
 * @param time limit, ms; then the shell and its children are killed.
 */
export function runScript({ processes, clock }: Node, script: string, time: number): ScriptOutcome {
  const deadline = clock.now() + time;
  try {
    const child = processes.start({
      path: SHELL,
      environment: [`PATH=${PROGRAM_DIRECTORIES}`, "LC_ALL=C"],
      stdin: script,
      inherit: [],
      deadline,
    });
    try {
      const { status, stdout, stderr } = child.wait(deadline);
      return status === 0 ? { output: stdout } : { failure: stderr.trim() || `exit status ${status}` };
    } finally {
      child.kill();
    }
  } catch (error) {
    return { failure: messageOf(error) };
  }
}
