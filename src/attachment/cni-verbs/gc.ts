import { networkNameOf } from "../../cni/configuration.ts";
import { NEWEST_VERSION } from "../../cni/versions.ts";
import type { Node } from "../../node/node.ts";
import { attemptEach } from "../attempt-each.ts";
import type { StepContext } from "../context.ts";
import { attempt, combineErrors } from "../errors.ts";
import { useOfAttachment, useText } from "../in-use/in-use.ts";
import { runIpam, supportedVersions } from "../ipam/ipam.ts";
import { releaseLeaseAt } from "../ipam/unreleased-leases.ts";
import { openSession, type Session } from "../lock/session.ts";
import { type AttachmentRecord, isNamed } from "../record/record.ts";
import type { GcRequest } from "../requests.ts";
import { detach } from "../restore/detach.ts";
import { withLockedRecord } from "../restore/locked-record.ts";
import { ownsVf } from "../vf/owns-vf.ts";

/**
 * GC: detaches the attachments of one network that the runtime does not list, and releases the leases that orphaned
 * attachments of the network have left.
 *
 * The list is that of one runtime. Other runtimes of the node can have a network of the same name (a DRA driver beside
 * the container runtime, podman), so an attachment that is missing from the list is not necessarily orphaned. GC
 * therefore never takes a VF from a namespace in which processes run, nor from a namespace that this process cannot
 * see: it leaves the VF and warns. If no process runs in the namespace, the runtime has forgotten the attachment,
 * unless the attachment may be newer than the list.
 *
 * GC reads all records. Of the other verbs, only the first ADD with `"guid": "auto"` does.
 * @throws {CniError} naming everything that could not be removed, and how many were not examined because the time was up.
 *   The rest has been removed.
 */
export function gc(node: Node, request: GcRequest): void {
  const { network, valid, warn } = request;
  if (valid === undefined) {
    warn(
      `GC of network ${network} has no list of valid attachments (cni.dev/valid-attachments): nothing is removed`,
    );
    return;
  }
  const session = openSession(node, request);
  const { state } = session;
  const removals = attempt("list attachments and unreleased leases", () => [
    ...state.paths().map((path) => (limited: Session) => gcRecord(limited, request, path)),
    ...state
      .unreleasedLeases()
      .map((path) => (limited: Session) => gcUnreleasedLease(limited, request, path)),
  ]);
  const failure = combineErrors(
    `not all unlisted attachments of network ${network} could be removed (the next GC tries again)`,
    attemptEach(session, "attachments, unreleased leases and calls of the IPAM plugin", [
      ...removals,
      // The last one has all the time that is left.
      () => forwardToIpam(session, request),
    ]),
  );
  if (failure !== undefined) throw failure;
}

/**
 * The age, in ms, at which GC may detach an attachment whose namespace exists. A list that was read just before an ADD
 * does not contain its attachment, and between ADD and the first process of the container its namespace has no
 * processes.
 */
const GRACE_PERIOD = 10 * 60_000;

/** Returns the record at a path; `undefined` if it is of another network, is listed, or cannot be used. */
function unlistedRecord(
  { state, warn }: Session,
  { network, valid = [] }: GcRequest,
  path: string,
): AttachmentRecord | undefined {
  const stored = state.readAny(path);
  if (stored === undefined) return undefined;
  const { record, unreadable } = stored;
  if (record === undefined) {
    const why = unreadable === undefined ? "is the Go plugin's" : `cannot be read: ${unreadable.reason}`;
    warn(`the record ${path} ${why}; it is left`);
    return undefined;
  }
  if (networkNameOf(record.call.stdin) !== network) return undefined;
  return valid.some((name) => isNamed(name, record)) ? undefined : record;
}

function gcRecord(session: Session, request: GcRequest, path: string): void {
  const { network } = request;
  const read = () => unlistedRecord(session, request, path);
  withLockedRecord(session, `GC of network ${network}`, read, (attachment) => {
    const { record } = attachment;
    const evidence = attempt(
      `find out whether container ${record.containerId} is running`,
      () => recentAddEvidence(attachment) ?? evidenceOf(attachment),
    );
    if (evidence === undefined) detach(attachment, path);
    else {
      session.warn(
        `container ${record.containerId} (${record.ifname}) is not in the list of valid attachments of network ` +
          `${network}, but keeps VF ${record.vf.pci}: ${evidence}`,
      );
    }
  });
}

/** Returns why a VF whose attachment the list lacks is in use, or may be; `undefined` if it is not. */
function evidenceOf(attachment: StepContext): string | undefined {
  const use = useOfAttachment(attachment, { emptyNetns: "unused" });
  return use && useText(use);
}

/**
 * Returns the reason why the attachment may be newer than the list; `undefined` if it is not. If the clock was set back
 * since ADD, the attachment seems younger than it is, and GC leaves it longer.
 */
function recentAddEvidence(attachment: StepContext): string | undefined {
  const { node, record, containerNetns } = attachment;
  if (containerNetns === undefined || record.state !== "complete" || !ownsVf(attachment)) return undefined;
  if (node.clock.wall() - record.since >= GRACE_PERIOD) return undefined;
  return `it is younger than ten minutes, so that the list may be older, and its namespace ${record.netns} exists`;
}

function gcUnreleasedLease(session: Session, request: GcRequest, path: string): void {
  attempt(`release the unreleased lease ${path}`, () => {
    const record = unlistedRecord(session, request, path);
    if (record !== undefined) releaseLeaseAt(session, path, record);
  });
}

/** Forwards GC, since the IPAM plugin may have leases to clean up that no record contains. */
function forwardToIpam(session: Session, { ipam }: GcRequest): void {
  if (ipam === undefined) return;
  try {
    attempt(`forward GC to IPAM plugin ${ipam.plugin}`, () => runIpam(session, "GC", ipam));
  } catch (error) {
    const versions = supportedVersions(session, ipam);
    if (versions.length === 0 || versions.includes(NEWEST_VERSION)) throw error;
    session.warn(
      `IPAM plugin ${ipam.plugin} is older than GC: only the leases that records contain were released`,
    );
  }
}
