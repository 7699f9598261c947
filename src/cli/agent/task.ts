import * as host from "host";
import { messageOf } from "../../cni/error-document.ts";
import { ChildProcess, OWN_EXECUTABLE } from "../../linux/child-process.ts";
import { errnoOf } from "../../node/node.ts";
import type { ChildOutcome } from "../../node/processes.ts";
import { pause } from "../pause.ts";
import { isError, messagesIn, readErrors, readReport } from "./command-report.ts";
import { endingWithThis } from "./parent.ts";

/** Maximum output of a command, bytes. */
const LONGEST_OUTPUT = 1 << 20;
/** How long one look at a running child takes at most, ms. */
const LOOK = 1;
/** How often the end of the commands is checked when the agent ends, ms. */
const END_STEP = 10;
/** The most errors of a command that its reason contains. */
const MOST_ERRORS = 20;

/** How a command of the agent ended. */
export interface TaskOutcome {
  /** Why it failed, with the name of the task; `undefined` if it succeeded. */
  readonly failure: string | undefined;
  readonly stdout: string;
}

/** How a task runs. */
export interface TaskOptions {
  /** The command and its arguments. */
  readonly words: readonly string[];
  /** Gets the changes of the command, and its warnings, line by line. */
  readonly log: (text: string) => void;
  /** Gets the descriptors that can be read when the command has printed something. */
  readonly watch: (fd: number) => void;
  /** How long it may run, ms; by default, without a limit, because it has its own. */
  readonly limit?: number;
  /** Its maximum output, bytes. */
  readonly most?: number;
}

/**
 * A command of ib-sriov that the agent runs as a child process, so that the agent answers while it runs, and no error of
 * the command affects the agent. It ends when the agent does, also if the agent is killed.
 */
export class Task {
  private child: ChildProcess | undefined;
  /** The reason if the command could not be started, or was killed. */
  private reason: string | undefined;
  private deadline = Number.POSITIVE_INFINITY;
  /** The last error that {@link logLines} has taken from the output of the command. */
  private lastError = "";
  /** The warnings of the last run: a warning is logged again only if one run did not have it. */
  private warnings: readonly string[] = [];

  constructor(
    readonly name: string,
    private readonly options: TaskOptions,
  ) {}

  isRunning(): boolean {
    return this.child !== undefined;
  }

  /** Starts the command. If it cannot be started, this is its outcome. */
  start(): void {
    const { words, watch, limit = Number.POSITIVE_INFINITY } = this.options;
    this.reason = undefined;
    this.lastError = "";
    this.deadline = host.monotonic() + limit;
    try {
      // With CNI_COMMAND, the child would be a call of a runtime.
      const environment = host.environ().filter((variable) => !variable.startsWith("CNI_"));
      this.child = ChildProcess.start({
        path: OWN_EXECUTABLE,
        words: [OWN_EXECUTABLE, endingWithThis(), ...words],
        environment,
        stdin: "",
        inherit: [],
      });
      for (const fd of this.child.descriptors) watch(fd);
    } catch (error) {
      this.fail(error);
    }
  }

  /**
   * Returns the outcome of the last start if the command has ended; `undefined` while it runs. A command that runs too long
   * has failed, but is running until the kernel has ended it: a command that sleeps in the kernel (state D) may never end.
   */
  look(): TaskOutcome | undefined {
    const { child } = this;
    if (child === undefined) return this.failed(this.reason ?? "is not running");
    try {
      const ended = child.wait(host.monotonic() + LOOK, this.options.most ?? LONGEST_OUTPUT);
      this.child = undefined;
      return this.outcomeOf(ended);
    } catch (error) {
      if (errnoOf(error) === "EINTR") throw error;
      if (errnoOf(error) !== "ETIMEDOUT") {
        this.fail(error);
        return this.failed(messageOf(error));
      }
      if (this.reason !== undefined || host.monotonic() < this.deadline) return undefined;
      this.reason = `took more than ${(this.options.limit ?? 0) / 1000} s`;
      child.sendKill();
      return this.failed(this.reason);
    }
  }

  /** Logs the lines that a running command has printed so far. Its last error is kept for its outcome instead. */
  logLines(): void {
    for (const text of this.child?.takeLines() ?? [])
      for (const line of text.split("\n"))
        if (isError(line)) [this.lastError = ""] = messagesIn(line);
        else this.log(messagesIn(line));
  }

  /** Asks the command to end. */
  terminate(): void {
    this.child?.terminate();
  }

  private outcomeOf({ status, signal, stdout, stderr }: ChildOutcome): TaskOutcome {
    const { changes, errors } = readReport(stdout);
    this.log(changes);
    if (status === 0) {
      this.warn(messagesIn(stderr));
      return { failure: undefined, stdout };
    }
    if (this.reason !== undefined) return this.failed(this.reason);
    if (errors.length > 0) {
      this.warn(messagesIn(stderr));
      const more = errors.length - MOST_ERRORS;
      return this.failed(...errors.slice(0, MOST_ERRORS), ...(more > 0 ? [`${more} more errors`] : []));
    }
    const { error, others } = readErrors(stderr);
    this.warn(others);
    const how = signal === 0 ? `exit status ${status}` : `ended by signal ${signal}`;
    return this.failed(error || this.lastError || how);
  }

  /** Ends the child, if there is one, because of an error. */
  private fail(error: unknown): void {
    this.reason = messageOf(error);
    this.child?.kill();
    this.child = undefined;
  }

  private failed(...reasons: readonly string[]): TaskOutcome {
    return { failure: reasons.map((reason) => `${this.name}: ${reason}`).join("\n"), stdout: "" };
  }

  private warn(warnings: readonly string[]): void {
    this.log(warnings.filter((line) => !this.warnings.includes(line)));
    this.warnings = warnings;
  }

  private log(lines: readonly string[]): void {
    for (const line of lines) this.options.log(`${this.name}: ${line}`);
  }
}

/** Asks all tasks to end, and waits for them, but not longer than `limit`, ms. */
export function endTasks(tasks: readonly Task[], limit: number): void {
  const running = tasks.filter((task) => task.isRunning());
  for (const task of running) task.terminate();
  const deadline = host.monotonic() + limit;
  while (host.monotonic() < deadline && running.some((task) => task.isRunning() && task.look() === undefined))
    pause(Math.min(END_STEP, deadline - host.monotonic()));
}
