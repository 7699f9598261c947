import { emptyDns } from "../../cni/result.ts";
import { NEWEST_VERSION } from "../../cni/versions.ts";
import type { Guid } from "../../infiniband/guid.ts";
import type { Node } from "../../node/node.ts";
import type { VirtualFunction } from "../../node/pci-functions.ts";
import { attempt } from "../errors.ts";
import { releasePendingOf } from "../ipam/pending-releases.ts";
import { type Limits, rollbackTimeOf } from "../limits.ts";
import { type Locks, withVfLock } from "../lock/locks.ts";
import { prepare, takeOver } from "../plan/prepare.ts";
import { StateDirectory } from "../record/state-directory.ts";
import type { AddRequest } from "../requests.ts";
import { adminGuid } from "../steps/admin-guid.ts";
import { guid } from "../steps/guid.ts";
import { release } from "../undo/release.ts";
import { rollBack } from "../undo/rollback.ts";
import { functionAt } from "../vf/pci-function.ts";

/** The container ID in the record of a VF while it is provisioned. */
const CONTAINER = "provision";

/** The GUID of a VF after `provision`. */
export interface ProvisionOutcome {
  readonly guid: Guid | undefined;
  /** Whether the VF had another GUID before, or none. */
  readonly isNew: boolean;
}

/**
 * Gives a free VF the GUID that `"guid": "auto"` derives for it, so that no pod waits for the rebind. It is the
 * beginning and the end of an attachment without a container: with the same plan, steps and record, so that a later
 * call completes it after a kill. The GUID stays; all other settings are as before.
 * @throws {CniError} if a running container has the VF (code 101), or a step failed.
 */
export function provision(node: Node, limits: Limits, pci: string): ProvisionOutcome {
  const state = new StateDirectory(node.files);
  const found = attempt(`read VF ${pci}`, () => functionAt(node, pci));
  return withVfLock(node, state, limits, pci, `provision of VF ${pci}`, (locks) => {
    const rdmaOnly = attempt(`look for a netdev of VF ${pci}`, () => hasNoNetdev(node, state, locks, pci));
    return provisionLocked(node, callFor(node, limits, pci, rdmaOnly), state, locks, found);
  });
}

function provisionLocked(
  node: Node,
  call: AddRequest,
  state: StateDirectory,
  locks: Locks,
  vf: VirtualFunction,
): ProvisionOutcome {
  const prepared = prepare(node, call, state, locks, node.namespaces.host, vf);
  const { path, owing } = prepared;
  const attachment = { ...prepared.attachment, pod: undefined };
  const { record, effective } = attachment;
  try {
    takeOver(attachment, state, owing);
    const step = record.mode === "vfio" ? adminGuid : guid;
    attempt(`apply the ${step.name} of VF ${vf.pci}`, () => step.apply(attachment));
  } catch (error) {
    throw rollBack(attachment, state, path, error);
  }
  release(attachment, state, path);
  releasePendingOf(node, state, locks, vf.pci, call);
  const { guid: wanted } = record.wanted;
  if (wanted === undefined) return { guid: effective.port, isNew: false };
  return { guid: wanted, isNew: effective.node !== wanted || effective.port !== wanted };
}

/**
 * Reports whether the VF has no netdev by design. If a killed call has left the VF in the middle of a rebind, its
 * record shows that.
 */
function hasNoNetdev(node: Node, state: StateDirectory, { owner }: Locks, pci: string): boolean {
  const left = owner && state.findAny(owner)?.record;
  return left?.vf.pci === pci ? left.mode === "rdma" : !node.functions.hasNetdev(pci);
}

/** Returns the request of an ADD without a container, which sets the GUID only. */
function callFor(
  node: Node,
  { deadline, warn, observe }: Limits,
  pci: string,
  rdmaOnly: boolean,
): AddRequest {
  const rollbackTime = rollbackTimeOf(deadline - node.clock.now());
  return {
    name: { containerId: CONTAINER, ifname: pci },
    netns: "",
    ownNetnsAllowed: true,
    stdin: "{}",
    args: "",
    path: "",
    deadline: deadline - rollbackTime,
    rollbackTime,
    warn,
    observe,
    deviceID: pci,
    vfioPciMode: undefined,
    rdmaOnly: rdmaOnly || undefined,
    guid: "auto",
    wanted: {},
    reply: { cniVersion: NEWEST_VERSION, prevResult: undefined, dns: emptyDns() },
  };
}
