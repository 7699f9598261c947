import type { Node } from "../../node/node.ts";
import { attempt } from "../errors.ts";
import type { Limits } from "../limits.ts";
import { recordedNetns } from "../netns.ts";
import type { StateDirectory } from "../record/state-directory.ts";
import { livenessEvidence } from "../recovery/liveness.ts";
import { release } from "../undo/release.ts";
import { withLockedRecord } from "../undo/with-locked-record.ts";

const VERB = "gc";

/** What gc has done about a record. "left" says why. */
export type GcOutcome =
  | { readonly kind: "released" }
  | { readonly kind: "left"; readonly why: string }
  | { readonly kind: "gone" };

/**
 * Takes a VF back from a container that is dead, whatever its network: Multus hands GC on for no network but the
 * first, so nobody else ever asks. One whose namespace is there lives, as far as anybody can tell who is not its runtime.
 * @param path of its record.
 * @param act does it, or else only tells?
 * @throws {CniError} where the VF is busy, or something could not be put back; the record stays then.
 */
export function gcOrphaned(
  node: Node,
  state: StateDirectory,
  limits: Limits,
  path: string,
  act: boolean,
): GcOutcome {
  let outcome: GcOutcome = { kind: "gone" };
  // A VF whose container can be seen is not locked: whoever is at work on it shall not wait for us.
  const read = () => {
    const stored = state.readAny(path);
    if (stored?.unreadable !== undefined) {
      outcome = { kind: "left", why: `it cannot be read: ${stored.unreadable.reason}` };
      return undefined;
    }
    const record = stored?.record;
    const pod = record?.state === "complete" ? recordedNetns(node, record) : undefined;
    if (pod === undefined) return record;
    outcome = { kind: "left", why: `its namespace ${pod.path} is there` };
    return undefined;
  };
  withLockedRecord(node, state, limits, VERB, read, (attachment) => {
    const why = attempt("find out whether it lives", () => livenessEvidence(attachment));
    outcome = why === undefined ? { kind: "released" } : { kind: "left", why };
    if (why === undefined && act) release(attachment, state, path);
  });
  return outcome;
}
