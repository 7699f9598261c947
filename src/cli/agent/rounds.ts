import * as host from "host";
import type { Task } from "./task.ts";

/** How long devices must be quiet before a round for them, ms: VFs appear one after the other. */
const SETTLE_TIME = 2_000;

/** The tasks of an agent. */
export interface AgentTasks {
  /** Runs all the time; `undefined` without `--install`. */
  readonly installer: Task | undefined;
  /** Run once in every round, one after the other. */
  readonly periodic: readonly Task[];
}

/** The outcome of a task in the last round. */
export interface TaskState {
  readonly name: string;
  readonly failed: boolean;
}

/** The rounds of an agent: in each, all periodic tasks run once, and the installer is started if it does not run. */
export class Rounds {
  /** When the next round begins, on the monotonic clock, ms. */
  private next = Number.NEGATIVE_INFINITY;
  /** When the last round began, on the same clock. */
  private began = 0;
  /** The tasks of the present round that have not ended; the first is running. */
  private readonly left: Task[] = [];
  /** The number of rounds that have ended. */
  private ended = 0;
  /** Why the last run of a task failed; a task whose last run succeeded has no entry. */
  private readonly failures = new Map<Task, string>();

  constructor(
    private readonly tasks: AgentTasks,
    private readonly interval: number,
    private readonly log: (line: string) => void,
  ) {}

  /** Returns when the next round begins; Infinity while a round is running. */
  nextStart(): number {
    return this.isBusy() ? Number.POSITIVE_INFINITY : this.next;
  }

  /** Reports whether a periodic task is running. */
  isBusy(): boolean {
    return this.left.length > 0;
  }

  /** Begins the next round soon. During a round it does nothing: `provision` itself makes devices appear. */
  devicesChanged(): void {
    if (!this.isBusy()) this.next = Math.min(this.next, host.monotonic() + SETTLE_TIME);
  }

  /** Returns the reasons for which the last round did not succeed; an empty list if it did. */
  problems(): string[] {
    return [...(this.ended === 0 ? ["the first round has not ended"] : []), ...this.failures.values()];
  }

  /** Returns how many rounds have ended. */
  number(): number {
    return this.ended;
  }

  /** Returns the outcome of each task; an empty list before the first round has ended. */
  outcomes(): TaskState[] {
    const { installer, periodic } = this.tasks;
    const tasks = this.ended === 0 ? [] : [...(installer === undefined ? [] : [installer]), ...periodic];
    return tasks.map((task) => ({ name: task.name, failed: this.failures.has(task) }));
  }

  /** Returns for how long the present round has been running, ms; 0 between rounds. */
  runningTime(): number {
    return this.isBusy() ? host.monotonic() - this.began : 0;
  }

  /** Begins and ends tasks. It does not wait for them. */
  advance(): void {
    const { installer, periodic } = this.tasks;
    if (installer?.isRunning()) this.lookAtInstaller(installer);
    if (!this.isBusy() && host.monotonic() >= this.next) {
      this.began = host.monotonic();
      this.left.push(...periodic);
      // An installer that has run since the round before works.
      if (installer?.isRunning()) this.outcome(installer, undefined);
      else if (installer !== undefined) {
        installer.start();
        this.lookAtInstaller(installer);
      }
      this.left[0]?.start();
      if (!this.isBusy()) this.endRound();
    }
    for (let task = this.left[0]; task !== undefined && this.look(task); task = this.left[0]) {
      this.left.shift();
      const following = this.left[0];
      if (following === undefined) this.endRound();
      else following.start();
    }
  }

  /** Returns whether the task has ended. */
  private look(task: Task): boolean {
    const outcome = task.look();
    if (outcome !== undefined) this.outcome(task, outcome.failure);
    return outcome !== undefined;
  }

  /** The installer must run until a signal arrives. If it ended, the next round starts it again. */
  private lookAtInstaller(installer: Task): void {
    const outcome = installer.look();
    if (outcome === undefined) installer.logLines();
    else this.outcome(installer, outcome.failure ?? `${installer.name}: ended`);
  }

  private endRound(): void {
    this.ended++;
    this.next = host.monotonic() + this.interval;
  }

  /** Stores an outcome, and logs it if it differs from the one before. */
  private outcome(task: Task, reason: string | undefined): void {
    const before = this.failures.get(task);
    if (reason === before) return;
    if (reason === undefined) this.failures.delete(task);
    else this.failures.set(task, reason);
    this.log(reason ?? `${task.name}: works again`);
  }
}
