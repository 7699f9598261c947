import { deferSignals } from "host";
import { gcOrphaned, type LeftBecause } from "../../attachment/admin/gc-orphaned.ts";
import { tidyGuidNotes } from "../../attachment/admin/guid-notes.ts";
import { attemptEach } from "../../attachment/attempt-each.ts";
import { attempt } from "../../attachment/errors.ts";
import { recordOfLease, releaseLeaseAt } from "../../attachment/ipam/unreleased-leases.ts";
import { openSession, type Session } from "../../attachment/lock/session.ts";
import { STATE_DIRECTORY } from "../../attachment/record/state-directory.ts";
import { messageOf } from "../../cni/error-document.ts";
import type { Command, CommandCall } from "../command.ts";
import { limitsOf, linuxContext, timeoutOption } from "../context.ts";
import { type Column, listingOptions, printListing, type TextStyle, tablesText } from "../output/listing.ts";
import { during } from "../progress.ts";
import { attachmentAt, type ListedAttachment, recordedAt } from "./attachments.ts";
import { labelOf, shortId } from "./select.ts";

/** An attachment, or an unreleased lease of the lease of an attachment, as far as its record names it. */
type Subject = Pick<ListedAttachment, "path"> & Partial<Pick<ListedAttachment, "name" | "pod" | "pci">>;

/** The outcome for one record or unreleased lease. */
export interface GcLine extends Subject {
  readonly outcome: "released" | "would be released" | "left" | "failed";
  /** The reason why it was left, the error, or which part of it was released if not all of it. */
  readonly why?: string;
  /** For "left". */
  readonly because?: LeftBecause;
}

/** Releases VFs and leases of orphaned attachments. */
export const gc: Command = {
  name: "gc",
  summary: "Releases VFs and leases of containers whose network namespace is gone",
  details: `Attachments of containers that run, or may run, are left: see \`attachments release\`.
-o name prints only those that it releases.`,
  options: [{ name: "dry-run", summary: "only prints what it would do" }, timeoutOption, ...listingOptions],
  run(call: CommandCall): number {
    deferSignals();
    const { node } = linuxContext();
    const lines = gcEntries(openSession(node, limitsOf(node, call)), { dryRun: call.options.has("dry-run") });
    printListing(call, {
      document: { outcomes: lines.map(documentOf) },
      names: lines.filter(isReleased).map(labelOf),
      text: (style) => textOf(lines, style),
    });
    return lines.some(({ outcome }) => outcome === "failed") ? 1 : 0;
  },
};

/** Releases orphaned attachments, and returns a line for each record. An error does not prevent the rest. */
export function gcEntries(session: Session, { dryRun }: { readonly dryRun: boolean }): GcLine[] {
  const { state } = session;
  const done = dryRun ? "would be released" : "released";
  const lines: GcLine[] = [];
  const recorded = attempt("list the attachments", () => state.paths().sort());
  const records = recorded.map((path) => (limited: Session) => {
    lines.push(
      ...linesOf(session, path, (subject) => {
        const result = during(`examining ${labelOf(subject)}`, () => gcOrphaned(limited, path, { dryRun }));
        if (result.kind === "gone") return [];
        if (result.kind === "released") return [{ ...subject, outcome: done }];
        return [{ ...subject, outcome: "left", why: result.why, because: result.because }];
      }),
    );
  });
  const leasePaths = attempt("list the unreleased leases", () => state.unreleasedLeases().sort());
  const leases = leasePaths.map((path) => (limited: Session) => {
    lines.push(
      ...linesOf(session, path, (subject) => {
        const record = recordOfLease(state, path);
        const release = () => attempt("release the lease", () => releaseLeaseAt(limited, path, record));
        if (!dryRun) during(`releasing the lease of ${labelOf(subject)}`, release);
        return [{ ...subject, outcome: done, why: "only its lease was left" }];
      }),
    );
  });
  const stopped = attemptEach(session, "attachments and unreleased leases", [...records, ...leases]);
  lines.push(
    ...stopped.map((error) => ({ path: STATE_DIRECTORY, outcome: "failed" as const, why: messageOf(error) })),
  );
  // An error is only a warning: the next run tries again.
  if (!dryRun && stopped.length === 0)
    for (const failure of tidyGuidNotes(session)) session.warn(messageOf(failure));
  return lines;
}

function linesOf(session: Session, path: string, action: (subject: Subject) => GcLine[]): GcLine[] {
  const subject = subjectAt(session, path);
  try {
    return action(subject);
  } catch (error) {
    return [{ ...subject, outcome: "failed", why: messageOf(error) }];
  }
}

/** Returns the attachment of a record. A file that cannot be read is named by its path only, and left or reported. */
function subjectAt({ node, state }: Session, path: string): Subject {
  try {
    const record = state.readAny(path)?.record;
    return (record ? recordedAt(path, record) : attachmentAt(node, state, path)) ?? { path };
  } catch {
    return { path };
  }
}

function isReleased({ outcome }: GcLine): boolean {
  return outcome === "released" || outcome === "would be released";
}

function documentOf({ pod, name, pci, outcome, why, path }: GcLine) {
  return { pod, ...name, pci, outcome, why, path };
}

const COLUMNS: readonly Column[] = [
  ...["POD", "CONTAINER", "INTERFACE", "VF", "OUTCOME", "WHY"].map((heading) => ({ heading })),
  { heading: "RECORD", isWide: true },
];

/** Formats the outcomes as text: a table, and a sentence if nothing was to be released. */
export function textOf(lines: readonly GcLine[], style: TextStyle): string {
  const rows = lines.map(({ pod, name, pci, outcome, why, path }) => {
    const container = name === undefined ? path : style.isWide ? name.containerId : shortId(name.containerId);
    return [pod ?? "", container, name?.ifname ?? "", pci ?? "", outcome, why ?? "", path];
  });
  const table = tablesText([{ columns: COLUMNS, rows }], style);
  if (lines.some(({ outcome }) => outcome !== "left") || (rows.length > 0 && !style.hasHeadings))
    return table;
  const sentence = `Nothing to release: ${leftText(lines)}.`;
  return table === "" ? sentence : `${table}\n\n${sentence}`;
}

function leftText(lines: readonly GcLine[]): string {
  const counted = (kind: LeftBecause, one: string, several: string) => {
    const count = lines.filter(({ because }) => because === kind).length;
    return count === 0 ? [] : [count === 1 ? `1 ${one}` : `${count} ${several}`];
  };
  const parts = [
    ...counted("running", "attachment of a running container", "attachments of running containers"),
    ...counted("unreadable", "attachment with an unreadable record", "attachments with unreadable records"),
    ...counted("go-plugin", "attachment of the Go plugin", "attachments of the Go plugin"),
  ];
  return parts.length === 0 ? "nothing is attached" : parts.join(", ");
}
