import { deferSignals } from "host";
import { gcOrphaned } from "../../attachment/admin/gc-orphaned.ts";
import { attempt } from "../../attachment/errors.ts";
import { pendingRecord, releasePending } from "../../attachment/ipam/pending-releases.ts";
import { openSession, type Session } from "../../attachment/lock/session.ts";
import { messageOf } from "../../cni/error-document.ts";
import type { Command, CommandCall } from "../command.ts";
import { limitsOf, linuxContext, timeoutOption } from "../context.ts";
import { listingOptions, printListing } from "../output/listing.ts";

/** The outcome for one record or pending release. */
interface Line {
  /** Its path. */
  readonly path: string;
  readonly outcome: "released" | "would be released" | "left" | "failed";
  /** The reason why it was left, or the error. */
  readonly why?: string;
}

/** Releases VFs and leases of orphaned attachments. */
export const gc: Command = {
  name: "gc",
  summary: "Releases VFs and leases of containers whose network namespace is gone",
  details: "Attachments of containers that run, or may run, are left: see `attachments release`.",
  options: [{ name: "dry-run", summary: "only prints what it would do" }, timeoutOption, ...listingOptions],
  run(call: CommandCall): number {
    deferSignals();
    const { node } = linuxContext();
    const lines = gcEntries(openSession(node, limitsOf(node, call)), { dryRun: call.options.has("dry-run") });
    printListing(call, {
      document: { outcomes: lines },
      names: lines.map(({ path }) => path),
      text: () => lines.map(textOf).join("\n"),
    });
    return lines.some(({ outcome }) => outcome === "failed") ? 1 : 0;
  },
};

/** Releases orphaned attachments, and returns a line for each record. An error does not prevent the rest. */
export function gcEntries(session: Session, { dryRun }: { readonly dryRun: boolean }): Line[] {
  const { state } = session;
  const done = dryRun ? "would be released" : "released";
  const recorded = attempt("list the attachments", () => state.paths().sort());
  const records = recorded.flatMap((path) =>
    lineOf(path, () => {
      const outcome = gcOrphaned(session, path, { dryRun });
      if (outcome.kind === "gone") return [];
      if (outcome.kind === "left") return [{ path, outcome: "left", why: outcome.why }];
      return [{ path, outcome: done }];
    }),
  );
  const owedPaths = attempt("list the pending releases", () => state.pendingReleases());
  const owed = owedPaths.flatMap((path) =>
    lineOf(path, () => {
      const record = pendingRecord(state, path);
      if (!dryRun) attempt("release the lease", () => releasePending(session, path, record));
      return [{ path, outcome: done }];
    }),
  );
  return [...records, ...owed];
}

function lineOf(path: string, action: () => Line[]): Line[] {
  try {
    return action();
  } catch (error) {
    return [{ path, outcome: "failed", why: messageOf(error) }];
  }
}

function textOf({ path, outcome, why }: Line): string {
  return why === undefined ? `${path}: ${outcome}` : `${path}: ${outcome}: ${why}`;
}
