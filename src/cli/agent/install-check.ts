import * as host from "host";
import type { Task } from "./task.ts";

/** How long an answer waits for the check, ms: `install --check` takes 20 ms, but a node can be busy. */
const ANSWER_TIME = 700;
/** How old a check may be when a request comes, ms, so that many requests do not keep the node busy. */
const OLDEST = 1_000;

/** Examines at the request of clients whether the plugin is installed: another program can replace it at any moment. */
export class InstallCheck {
  /** Why the plugin is not installed; `undefined` if it is. */
  private failure: string | undefined = "install: the first check of the plugin has not ended";
  /** When the check with this outcome began, on the monotonic clock, ms. */
  private examined = Number.NEGATIVE_INFINITY;
  private began = Number.NEGATIVE_INFINITY;

  /** @param task `install --check`. */
  constructor(private readonly task: Task) {}

  isRunning(): boolean {
    return this.task.isRunning();
  }

  /** Takes the outcome of a check that has ended, or could not begin. */
  advance(): void {
    // A check that took too long has failed already, but can still be running.
    if (this.examined >= this.began && !this.task.isRunning()) return;
    const outcome = this.task.look();
    if (outcome === undefined) return;
    this.failure = outcome.failure;
    this.examined = this.began;
  }

  /**
   * Returns the reasons for which the plugin is not installed. If a check takes long, those of the check before count.
   * @param requested when the request came, on the monotonic clock, ms.
   * @returns `undefined` while the check runs.
   */
  problems(requested: number): string[] | undefined {
    if (this.examined < requested - OLDEST && host.monotonic() < requested + ANSWER_TIME) {
      if (!this.task.isRunning()) {
        this.began = host.monotonic();
        this.task.start();
        this.advance();
      }
      if (this.examined < this.began) return undefined;
    }
    return this.failure === undefined ? [] : [this.failure];
  }
}
