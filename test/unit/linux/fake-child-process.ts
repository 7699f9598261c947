/*
 * A double of src/linux/child-process.ts, on the machine of machine.ts.
 *
 *   vi.mock("../../../src/linux/child-process.ts", () => import("./fake-child-process.ts"));
 */
import type { ChildStart } from "../../../src/linux/child-process.ts";
import type { ChildOutcome } from "../../../src/node/processes.ts";
import { called, hostError } from "./machine.ts";

/** Outcomes of the children that are started, in order; a text is the errno with which the call fails. */
export const children = { starts: [] as string[], ends: [] as (ChildOutcome | string)[] };

export class ChildProcess {
  static start({ path }: ChildStart): ChildProcess {
    called("spawn", path);
    const failure = children.starts.shift();
    if (failure !== undefined) throw hostError(failure, "spawn", path);
    return new ChildProcess();
  }

  wait(deadline: number, limit: number, excess?: string): ChildOutcome {
    called("wait", [deadline, limit, excess].join(" ").trimEnd());
    const end = children.ends.shift() ?? "ETIMEDOUT";
    if (typeof end === "string") throw hostError(end, "wait", "");
    return end;
  }

  kill(): void {
    called("kill", "");
  }
}
