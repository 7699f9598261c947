import type { LockHolder } from "../../../src/node/files.ts";
import type { ChildOutcome } from "../../../src/node/processes.ts";
import type { OpenFile } from "./open-file.ts";
import type { Timeline } from "./timeline.ts";

/** What a program does: it is called when the child starts, and goes on in {@link Child.after}. */
export type Program = (child: Child) => void;

/** A child process. Nothing ends it but itself and {@link kill}: not the death of its parent either. */
export class Child {
  /** undefined as long as it runs. */
  outcome: ChildOutcome | undefined;

  constructor(
    readonly holder: LockHolder,
    private readonly timeline: Timeline,
    readonly environment: ReadonlyMap<string, string>,
    readonly stdin: string,
    private readonly inherited: readonly OpenFile[],
  ) {
    for (const file of inherited) file.share(holder);
  }

  /** Does the next thing after some time, ms, unless it was killed. */
  after(time: number, action: () => void): void {
    this.timeline.after(time, () => {
      if (this.outcome === undefined) action();
    });
  }

  exit(status: number, stdout: string, stderr = ""): void {
    this.#end({ status, signal: 0, stdout, stderr });
  }

  /** SIGKILL. */
  kill(signal = 9): void {
    this.#end({ status: -1, signal, stdout: "", stderr: "" });
  }

  /**
   * Starts a process that has the files that the child inherited, and runs on when the child has ended.
   * @returns what ends that process.
   */
  leaveBehind(command: string): () => void {
    const pid = this.holder.pid + 10_000;
    const holder = { pid, pids: [pid], command };
    for (const file of this.inherited) file.share(holder);
    return () => {
      for (const file of this.inherited) file.close(holder);
    };
  }

  #end(outcome: ChildOutcome): void {
    if (this.outcome !== undefined) return;
    this.outcome = outcome;
    for (const file of this.inherited) file.close(this.holder);
  }
}
