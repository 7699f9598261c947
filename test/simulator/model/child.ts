import type { LockHolder } from "../../../src/node/files.ts";
import type { ChildOutcome } from "../../../src/node/processes.ts";
import type { OpenFile } from "./open-file.ts";
import type { Timeline } from "./timeline.ts";

/** A program: it is called when the child starts, and continues in {@link Child.after}. */
export type Program = (child: Child) => void;

/** A child process. It ends by itself or by {@link kill}; the end of its parent does not end it. */
export class Child {
  /** `undefined` while the child runs. */
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

  /** Calls `action` after some time, ms, unless the child has ended. */
  after(time: number, action: () => void): void {
    this.timeline.after(time, () => {
      if (this.outcome === undefined) action();
    });
  }

  exit(status: number, stdout: string, stderr = ""): void {
    this.#end({ status, signal: 0, stdout, stderr });
  }

  /** Kills the child, by default with SIGKILL. */
  kill(signal = 9): void {
    this.#end({ status: -1, signal, stdout: "", stderr: "" });
  }

  /**
   * Starts a process that has the files that the child inherited, and continues after the end of the child.
   * @returns a function that ends that process.
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
