import { networkNameOf } from "../../cni/configuration.ts";
import { NEWEST_VERSION } from "../../cni/versions.ts";
import type { Node } from "../../node/node.ts";
import type { StepContext } from "../context.ts";
import { attempt, attemptAll } from "../errors.ts";
import { runIpam, supportedVersions } from "../ipam/ipam.ts";
import { releasePending } from "../ipam/pending-releases.ts";
import { type AttachmentRecord, isNamed } from "../record/record.ts";
import { StateDirectory } from "../record/state-directory.ts";
import { livenessEvidence } from "../recovery/liveness.ts";
import type { GcRequest } from "../requests.ts";
import { holdsVf } from "../undo/ownership.ts";
import { release } from "../undo/release.ts";
import { combineErrors } from "../undo/undo-all.ts";
import { withLockedRecord } from "../undo/with-locked-record.ts";

/**
 * GC: detaches what the runtime does not know (any more) in one network, and releases what leases are owed there.
 *
 * The list is one runtime's. There can be others on the node whose network has the same name (a DRA driver beside
 * the container runtime, podman), so an attachment that is not in it is not for that alone a dead one. A VF is
 * therefore never pulled out of a container in which something runs, nor out of a namespace that cannot be seen
 * from here: it is left, and that is said. A namespace in which nothing runs is what a runtime forgot, unless it may
 * be newer than the list.
 *
 * It walks over all records, which nothing else but the command line may.
 * @throws {CniError} telling everything that could not be removed; the rest is.
 */
export function gc(node: Node, call: GcRequest): void {
  if (call.valid === undefined) {
    call.warn(
      `GC of network ${call.network} has no list of valid attachments (cni.dev/valid-attachments): nothing is removed`,
    );
    return;
  }
  const state = new StateDirectory(node.files);
  const stale = attempt("list what is attached and owed", () => [
    ...state.paths().map((path) => () => collectRecord(node, state, call, path)),
    ...state.owedPaths().map((path) => () => collectOwed(node, state, call, path)),
  ]);
  const failure = combineErrors(
    `not everything that is left over of network ${call.network} could be removed (the next GC tries again)`,
    attemptUntilStopped(node, [...stale, () => forward(node, call)]),
  );
  if (failure !== undefined) throw failure;
}

/**
 * How old an attachment in a namespace that exists must be before GC may detach it, ms. A list that was read just before
 * an ADD does not contain its attachment, and between ADD and the first process of the container nothing runs there.
 */
const GRACE_PERIOD = 10 * 60_000;

/** Does each thing whatever becomes of the others, but begins no more when a signal has come. */
function attemptUntilStopped(node: Node, actions: readonly (() => void)[]): unknown[] {
  const failures: unknown[] = [];
  for (const action of actions) {
    const stopped = attemptAll([() => attempt("go on", () => node.clock.checkInterrupted())]);
    if (stopped.length > 0) return [...failures, ...stopped];
    failures.push(...attemptAll([action]));
  }
  return failures;
}

/** The record at a path, if it is one that GC of this network has to do with. */
function leftOver(state: StateDirectory, path: string, call: GcRequest): AttachmentRecord | undefined {
  const { network, valid = [], warn } = call;
  const stored = attempt(`read ${path}`, () => state.readAny(path));
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

function collectRecord(node: Node, state: StateDirectory, call: GcRequest, path: string): void {
  const read = () => leftOver(state, path, call);
  withLockedRecord(node, state, call, `GC of network ${call.network}`, read, (attachment) => {
    const { record } = attachment;
    const life = attempt(
      `find out whether container ${record.containerId} lives`,
      () => signOfYouth(attachment) ?? livenessEvidence(attachment),
    );
    if (life === undefined) release(attachment, state, path);
    else {
      call.warn(
        `container ${record.containerId} (${record.ifname}) is not in the list of valid attachments of network ` +
          `${call.network}, but keeps VF ${record.vf.pci}: ${life}`,
      );
    }
  });
}

/**
 * Returns why the attachment may be newer than the list; `undefined` if it is not. A clock that was set back meanwhile makes
 * an attachment younger than it is, and GC then leaves it longer.
 */
function signOfYouth(attachment: StepContext): string | undefined {
  const { node, record, pod } = attachment;
  if (pod === undefined || record.state !== "complete" || !holdsVf(attachment)) return undefined;
  if (node.clock.wall() - record.since >= GRACE_PERIOD) return undefined;
  return `it is younger than ten minutes, so that the list may be older, and its namespace ${record.netns} exists`;
}

function collectOwed(node: Node, state: StateDirectory, call: GcRequest, path: string): void {
  const record = leftOver(state, path, call);
  if (record === undefined) return;
  attempt(`release the lease that container ${record.containerId} (${record.ifname}) owes`, () =>
    releasePending(node, state, path, record, [], call),
  );
}

/** The IPAM plugin may have more to clean up than what we know of. */
function forward(node: Node, call: GcRequest): void {
  const { ipam } = call;
  if (ipam === undefined) return;
  try {
    attempt(`hand GC on to IPAM plugin ${ipam.plugin}`, () => runIpam(node, "GC", ipam, [], call));
  } catch (error) {
    const versions = supportedVersions(node, ipam, call);
    if (versions.length === 0 || versions.includes(NEWEST_VERSION)) throw error;
    call.warn(
      `IPAM plugin ${ipam.plugin} is older than GC: it has only been asked to release the leases that we know`,
    );
  }
}
