import { attempt } from "../errors.ts";
import { useOfAttachment, useText } from "../in-use/in-use.ts";
import type { Session } from "../lock/session.ts";
import { hasRecordedNetns } from "../netns.ts";
import { detach } from "../restore/detach.ts";
import { withLockedRecord } from "../restore/locked-record.ts";

const VERB = "gc";

/** The result of gc for a record. "left" has the reason in `why`, and its kind in `because`. */
export type GcOutcome =
  | { readonly kind: "released" }
  | { readonly kind: "left"; readonly because: LeftBecause; readonly why: string }
  | { readonly kind: "gone" };

/**
 * Why gc leaves an attachment.
 * - "running": its container is running.
 * - "unreadable": its record cannot be read, so the container may be running.
 * - "go-plugin": the Go plugin has made it, and its cache does not show whether the container is running.
 */
export type LeftBecause = "running" | "unreadable" | "go-plugin";

/**
 * Releases the VF of an orphaned attachment, of whatever network: Multus forwards GC for no network but the first, so
 * GC never reaches the other networks. A container whose namespace exists counts as running, because only its runtime
 * could know better.
 * @param path of its record.
 * @param options `dryRun`: only reports what it would do.
 * @throws {CniError} if the VF is busy, or a setting could not be restored; the record then remains.
 */
export function gcOrphaned(
  session: Session,
  path: string,
  { dryRun }: { readonly dryRun: boolean },
): GcOutcome {
  const { node, state } = session;
  let outcome: GcOutcome = { kind: "gone" };
  // If the namespace exists, the VF is not locked, so that a call that needs the lock does not wait for this one.
  const read = () => {
    const stored = state.readAny(path);
    if (stored?.unreadable !== undefined) {
      const why = `its record cannot be read: ${stored.unreadable.reason}`;
      outcome = { kind: "left", because: "unreadable", why };
      return undefined;
    }
    const record = stored?.record;
    if (stored?.goCache !== undefined) {
      const why = "the Go plugin made it, and does not record its namespace";
      outcome = { kind: "left", because: "go-plugin", why };
    }
    if (record?.state !== "complete" || !hasRecordedNetns(node, record)) return record;
    outcome = { kind: "left", because: "running", why: `its namespace ${record.netns} exists` };
    return undefined;
  };
  withLockedRecord(session, VERB, read, (attachment) => {
    const use = attempt("find out whether the container is running", () =>
      useOfAttachment(attachment, { emptyNetns: "used" }),
    );
    outcome =
      use === undefined ? { kind: "released" } : { kind: "left", because: "running", why: useText(use) };
    if (use === undefined && !dryRun) detach(attachment, path);
  });
  return outcome;
}
