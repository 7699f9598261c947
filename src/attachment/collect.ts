import { networkNameOf } from "../cni/configuration.ts";
import { messageOf } from "../cni/error-document.ts";
import { NEWEST_VERSION } from "../cni/versions.ts";
import type { Node } from "../node/node.ts";
import type { Attachment } from "./attachment.ts";
import { attachmentOf } from "./attachment-of.ts";
import type { CollectCall } from "./call.ts";
import { recordedContainer } from "./container.ts";
import { attempt, attemptAll } from "./failure.ts";
import { runIpam, spokenVersions } from "./ipam-call.ts";
import { located } from "./located.ts";
import { Locks } from "./locks.ts";
import { releaseOwed } from "./owed-leases.ts";
import { rdmaDevicesAway } from "./rdma-devices-in.ts";
import { type AttachmentRecord, isNamed } from "./record.ts";
import { holdsVf, release } from "./release.ts";
import { StateDirectory } from "./state-directory.ts";
import { combined } from "./undo.ts";
import { hostNetdevOf } from "./vf-netdev.ts";

/** How long somebody who is at work on a VF is waited for, ms: whoever it is will clean up, or has the VF. */
const patience = 5000;

/**
 * GC: detaches what the runtime does not know (any more) in one network, and releases what leases are owed there.
 *
 * The list is one runtime's. There can be others on the node whose network has the same name (a DRA driver beside
 * the container runtime, podman), so an attachment that is not in it is not for that alone a dead one. A VF is
 * therefore never pulled out of a container in which something runs, nor out of a namespace that cannot be seen
 * from here: it is left, and that is said. A namespace in which nothing runs is what a runtime forgot.
 *
 * It walks over all records, which nothing else but the command line may.
 * @throws {CniError} telling everything that could not be removed; the rest is.
 */
export function collect(node: Node, call: CollectCall): void {
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
  const failure = combined(
    `not everything that is left over of network ${call.network} could be removed (the next GC tries again)`,
    attemptUntilStopped(node, [...stale, () => forward(node, call)]),
  );
  if (failure !== undefined) throw failure;
}

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
function leftOver(state: StateDirectory, path: string, call: CollectCall): AttachmentRecord | undefined {
  const { network, valid = [], warn } = call;
  const stored = attempt(`read ${path}`, () => state.read(path));
  if (stored === undefined) return undefined;
  const { record } = stored;
  if (record === undefined) {
    warn(`${path} is no record that can be read; it is left`);
    return undefined;
  }
  if (networkNameOf(record.call.stdin) !== network) return undefined;
  return valid.some((name) => isNamed(name, record)) ? undefined : record;
}

function collectRecord(node: Node, state: StateDirectory, call: CollectCall, path: string): void {
  const seen = leftOver(state, path, call);
  if (seen === undefined) return;
  const { pci } = seen.vf;
  const deadline = Math.min(node.clock.now() + patience, call.deadline);
  const locks = new Locks(node, state, deadline, `GC of network ${call.network}`);
  attempt(`lock VF ${pci}`, () => locks.acquireVf(pci));
  try {
    // What was read without the lock may be history by now.
    const read = leftOver(state, path, call);
    if (read?.vf.pci !== pci) return;
    const record = attempt(`find VF ${pci} at its PF`, () => located(node, read));
    const pod = attempt(`look for the network namespace ${record.netns}`, () =>
      recordedContainer(node, record),
    );
    const attachment = attachmentOf(node, record, pod, locks, call);
    const life = attempt(`find out whether container ${record.containerId} lives`, () =>
      signOfLife(attachment),
    );
    if (life === undefined) release(attachment, state, path);
    else {
      call.warn(
        `container ${record.containerId} (${record.ifname}) is not in the list of valid attachments of network ` +
          `${call.network}, but keeps VF ${pci}: ${life}`,
      );
    }
  } finally {
    locks.release();
  }
}

/**
 * What says that the container may be alive with its VF; undefined where nothing does. One that never got it (the
 * record is not complete, and nobody holds the VF's lock) cannot miss it, and nobody one that is another's by now.
 */
function signOfLife(attachment: Attachment): string | undefined {
  const { node, record, pod } = attachment;
  if (!holdsVf(attachment)) return undefined;
  if (pod !== undefined) {
    const lives = record.state === "complete" && node.namespaces.inhabited(pod);
    return lives ? `processes run in its namespace ${record.netns}` : undefined;
  }
  if (record.mode === "vfio") {
    // Nothing of it was ever in a namespace.
    const lives = record.state === "complete" && node.functions.isOpenByVfio(record.vf.pci);
    return lives
      ? `its namespace ${record.netns} cannot be found, and yet a virtual machine has it open`
      : undefined;
  }
  if (record.mode === "rdma") {
    const away = rdmaDevicesAway(node, record.vf.pci);
    return away.length === 0
      ? undefined
      : `its namespace ${record.netns} cannot be found, and yet the host has not the RDMA device ${away.join(", ")}`;
  }
  // A rebind would tear the VF out of wherever it is.
  if (!node.functions.hasNetdev(record.vf.pci)) return undefined;
  try {
    hostNetdevOf(attachment);
    return undefined;
  } catch (error) {
    return `its namespace ${record.netns} cannot be found, and yet ${messageOf(error)}`;
  }
}

function collectOwed(node: Node, state: StateDirectory, call: CollectCall, path: string): void {
  const record = leftOver(state, path, call);
  if (record === undefined) return;
  attempt(`release the lease that container ${record.containerId} (${record.ifname}) owes`, () =>
    releaseOwed(node, state, path, record, [], call.deadline, call.warn),
  );
}

/** The IPAM plugin may have more to clean up than what we know of. */
function forward(node: Node, { ipam, deadline, warn }: CollectCall): void {
  if (ipam === undefined) return;
  try {
    attempt(`hand GC on to IPAM plugin ${ipam.plugin}`, () => runIpam(node, "GC", ipam, [], deadline, warn));
  } catch (error) {
    const versions = spokenVersions(node, ipam, deadline, warn);
    if (versions.length === 0 || versions.includes(NEWEST_VERSION)) throw error;
    warn(
      `IPAM plugin ${ipam.plugin} is older than GC: it has only been asked to release the leases that we know`,
    );
  }
}
