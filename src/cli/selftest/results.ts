import { messageOf } from "../../cni/error-document.ts";
import { InterruptedError } from "../../node/clock.ts";
import { errnoOf } from "../../node/node.ts";

/** The checks, in the order of the report, and what each requires. */
export const CHECKS = {
  status: "STATUS succeeds",
  settings: "the PF reports the VF's GUIDs and link policy",
  add: "ADD succeeds without a warning",
  "link-policy": "the PF has the link policy of the network",
  rebind: "the driver binds to the VF again, at the first attempt",
  netdev: "the VF has a netdev after the rebind",
  guid: "the VF runs with the derived node GUID and port GUID",
  isolation: "only the container has the VF's RDMA devices",
  pkey: "the VF's port is in a partition",
  carrier: "the interface has a carrier",
  mtu: "the interface has the VF's MTU, and a packet of that size reaches the other VF",
  ping: "another VF answers over the fabric",
  "rc-pingpong": "ibv_rc_pingpong succeeds between two VFs",
  check: "CHECK succeeds",
  del: "DEL succeeds",
  restore: "every setting of the VF is as before",
  gc: "GC releases the VF of a namespace that is gone",
  kill: "every killed ADD and DEL is completed, and the VF is as before",
} as const;

/** Name of a check. */
export type CheckName = keyof typeof CHECKS;

/** The outcome of a check of a VF, or of the node. */
export interface CheckResult {
  readonly check: CheckName;
  /** PCI address of the VF; `undefined` for a check of the node. */
  readonly vf: string | undefined;
  readonly result: "ok" | "failed" | "skipped";
  /** The finding, the error, or the reason why the check was skipped. */
  readonly detail: string;
}

/** Why a check cannot be made here. */
export class Skipped extends Error {
  override readonly name = "Skipped";
}

/** The outcomes of all checks so far. */
export class Results {
  private readonly all: CheckResult[] = [];

  /** The outcomes, in the order of {@link CHECKS}. */
  get list(): readonly CheckResult[] {
    return Object.keys(CHECKS).flatMap((name) => this.all.filter(({ check }) => check === name));
  }

  get hasFailed(): boolean {
    return this.all.some(({ result }) => result === "failed");
  }

  note(check: CheckName, vf: string | undefined, result: CheckResult["result"], detail: string): void {
    this.all.push({ check, vf, result, detail });
  }

  /** Returns the outcome of a check of a VF; `undefined` if it was not made yet. */
  of(check: CheckName, vf: string): CheckResult["result"] | undefined {
    return this.all.find((each) => each.check === check && each.vf === vf)?.result;
  }

  /** Notes that all checks of a VF that were not made are skipped. */
  skipRest(vf: string, checks: readonly CheckName[], why: string): void {
    for (const check of checks) if (this.of(check, vf) === undefined) this.note(check, vf, "skipped", why);
  }

  /**
   * Makes a check, and notes its outcome.
   * @param look returns what was seen; it throws {@link Skipped}, or the error of a failed check.
   * @throws {InterruptedError} if a signal has asked this process to stop.
   */
  make(check: CheckName, vf: string | undefined, look: () => string): void {
    try {
      this.note(check, vf, "ok", look());
    } catch (error) {
      if (error instanceof InterruptedError) throw error;
      if (errnoOf(error) === "EINTR") throw new InterruptedError("stopped by a signal", { cause: error });
      this.note(check, vf, error instanceof Skipped ? "skipped" : "failed", messageOf(error));
    }
  }
}
