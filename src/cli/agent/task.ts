import * as host from "host";
import { messageOf } from "../../cni/error-document.ts";
import { ChildProcess, OWN_EXECUTABLE } from "../../linux/child-process.ts";
import { errnoOf } from "../../node/node.ts";

/** Maximum output of a command, bytes. */
const LONGEST_OUTPUT = 1 << 20;
/** How long one look at a running child takes at most, ms. */
const LOOK = 1;
/** Longest reason of a failure, characters. */
const LONGEST_REASON = 500;

/** The outcome of a task: `undefined` if it succeeded, or the reason of its failure. */
export type TaskOutcome = string | undefined;

/**
 * A command of ib-sriov that the agent runs as a child process, so that the agent answers while it runs, and nothing that
 * it does affects the agent.
 */
export class Task {
  private child: ChildProcess | undefined;
  /** The reason if the command could not be started. */
  private startFailure: string | undefined;

  /**
   * @param name the command, for messages.
   * @param args its arguments.
   */
  constructor(
    readonly name: string,
    private readonly args: readonly string[],
  ) {}

  isRunning(): boolean {
    return this.child !== undefined;
  }

  /** Starts the command. If it cannot be started, this is its outcome. */
  start(): void {
    this.startFailure = undefined;
    try {
      this.child = startCommand(this.args);
    } catch (error) {
      this.startFailure = `${this.name}: ${messageOf(error)}`;
    }
  }

  /** Returns the outcome of the last start if the command has ended; "running" otherwise. */
  look(): TaskOutcome | "running" {
    const { child } = this;
    if (child === undefined) return this.startFailure;
    try {
      const ended = child.wait(host.monotonic() + LOOK, LONGEST_OUTPUT);
      this.child = undefined;
      if (ended.status === 0) return undefined;
      const text = (ended.stderr.trim() || ended.stdout.trim()).slice(-LONGEST_REASON);
      const how = ended.signal === 0 ? `exit status ${ended.status}` : `signal ${ended.signal}`;
      return `${this.name}: ${text === "" ? how : text}`;
    } catch (error) {
      if (errnoOf(error) === "ETIMEDOUT") return "running";
      // More output than allowed: the child was killed and reaped.
      if (errnoOf(error) === "EFBIG") this.child = undefined;
      if (errnoOf(error) === "EINTR") throw error;
      return `${this.name}: ${messageOf(error)}`;
    }
  }

  /** Asks the command to end. */
  terminate(): void {
    this.child?.terminate();
  }
}

/** Runs a command, and returns its stdout. @throws {Error} if it fails, or takes longer than `limit`, ms. */
export function outputOf(args: readonly string[], limit: number): string {
  const child = startCommand(args);
  try {
    const { status, stdout, stderr } = child.wait(host.monotonic() + limit, LONGEST_OUTPUT);
    if (status === 0) return stdout;
    throw new Error(`ib-sriov ${args.join(" ")}: ${stderr.trim().slice(-LONGEST_REASON)}`);
  } finally {
    child.kill();
  }
}

function startCommand(args: readonly string[]): ChildProcess {
  // With CNI_COMMAND, the child would be a call of a runtime.
  const environment = host.environ().filter((variable) => !variable.startsWith("CNI_"));
  const words = [OWN_EXECUTABLE, ...args];
  return ChildProcess.start({ path: OWN_EXECUTABLE, words, environment, stdin: "", inherit: [] });
}
