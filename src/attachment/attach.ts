import { CniError, codes } from "../cni/errors.ts";
import type { Result } from "../cni/result.ts";
import { isWhole, type VirtualFunction } from "../node/functions.ts";
import type { Namespace } from "../node/namespaces.ts";
import type { Node } from "../node/node.ts";
import type { Attaching } from "./attachment.ts";
import { attachmentOf } from "./attachment-of.ts";
import { autoGuid } from "./auto-guid.ts";
import type { AttachCall } from "./call.ts";
import { openContainer } from "./container.ts";
import { estateOf } from "./estate.ts";
import { attempt } from "./failure.ts";
import { functionAt, PhysicalFunction } from "./function.ts";
import { inherit } from "./inherit.ts";
import { Locks } from "./locks.ts";
import { parkLease, settleOwed } from "./owed-leases.ts";
import { makePlan } from "./plan.ts";
import type { AttachmentRecord } from "./record.ts";
import { rollBack } from "./roll-back.ts";
import { StateDirectory } from "./state-directory.ts";
import { stepsOf } from "./steps/all-steps.ts";
import { callForWhole } from "./vfio-plan.ts";

/**
 * ADD: gives a VF to a container.
 * @returns what the runtime is told; the record says `complete` by then.
 * @throws {CniError} where it could not be done. The node is then as it was, or the record says what is not.
 */
export function attach(node: Node, call: AttachCall): Result {
  const state = new StateDirectory(node.files);
  const pod = openContainer(node, call.netns, call.ownNetnsAllowed);
  const find = () => attempt(`read deviceID ${call.deviceID}`, () => functionAt(node, call.deviceID));
  const found = find();
  const { pci } = found;
  requireName(state, call);
  attempt("prepare the state directory", () => state.prepare());
  const locks = new Locks(node, state, call, `ADD of container ${call.name.containerId}`);
  attempt(`lock VF ${pci}`, () => locks.acquireVf(pci));
  try {
    // While the lock was waited for the VF can have been destroyed and made anew.
    const now = attempt(`read deviceID ${pci} again`, () => node.functions.incarnation(pci));
    const vf = now === found.incarnation ? found : find();
    return attachLocked(node, isWhole(vf) ? callForWhole(call) : call, state, locks, pod, vf);
  } finally {
    locks.release();
  }
}

function attachLocked(
  node: Node,
  call: AttachCall,
  state: StateDirectory,
  locks: Locks,
  pod: Namespace,
  vf: VirtualFunction,
): Result {
  const estate = attempt(`find out who has VF ${vf.pci}`, () => estateOf(node, state, locks, vf));
  const pf = new PhysicalFunction(node, vf.pf, vf.index);
  const provided = attempt(`choose a GUID for VF ${vf.pci}`, () =>
    call.guid === "auto" ? autoGuid(node, state, vf, pf, estate) : undefined,
  );
  const wanted = { ...call.wanted, guid: call.guid === "auto" ? provided : call.guid };
  const inherited = attempt(`take VF ${vf.pci} over from a dead attachment`, () =>
    estate === undefined ? undefined : inherit(node, state, locks, call, wanted, estate),
  );
  const { record, netdev, effective } = attempt(`read what VF ${vf.pci} is like`, () => {
    try {
      return makePlan(node, call, vf, pod, pf, wanted, inherited?.originals, provided);
    } catch (cause) {
      // The Go plugin does not say whose a VF is: that this container has it already, its cache alone tells.
      if (state.find(call.name)?.reference !== undefined) throw alreadyAttached(call, cause);
      throw cause;
    }
  });

  const pfName = isWhole(vf) ? "" : attempt(`read PF ${vf.pf}`, () => pf.link).name;
  attempt(`note that VF ${vf.pci} is claimed`, () => locks.claim(call.name));
  // From here on whoever comes after us finds the plan, and with it the way back.
  const path = createRecord(state, locks, call, record, pfName);
  const attachment: Attaching = {
    ...attachmentOf(node, record, pod, locks, call),
    pf: () => pf.link,
    reply: call.reply,
    effective,
    netdev,
    netdevIn: node.namespaces.host,
    result: undefined,
  };
  try {
    const owing = inherited?.owing;
    if (owing !== undefined) {
      attempt("put a dead attachment's record aside", () =>
        parkLease(state, locks, owing.path, owing.record),
      );
    }
    attempt(`note whose VF ${vf.pci} is`, () => locks.setOwner(call.name));
    for (const step of stepsOf(record)) {
      call.observe("apply", step.name, record, () =>
        attempt(`apply the ${step.name} of VF ${vf.pci}`, () => step.apply(attachment)),
      );
    }
    // A signal ends every wait; one that came while nothing was waited for counts, too, as long as it can.
    attempt("go on", () => node.clock.checkInterrupted());
    settleOwed(node, state, locks, vf.pci, call);
    attempt("complete the attachment's record", () => state.setState(path, "complete"));
  } catch (error) {
    throw rollBack(attachment, state, path, error);
  }
  if (attachment.result === undefined) throw new Error("the last step has left no result");
  return attachment.result;
}

/** Without a record the VF stays whose it was. */
function createRecord(
  state: StateDirectory,
  locks: Locks,
  call: AttachCall,
  record: AttachmentRecord,
  pfName: string,
): string {
  let path: string | undefined;
  try {
    path = attempt("write the attachment's record", () => state.create(record, pfName));
  } finally {
    if (path === undefined) {
      attempt(`note that VF ${record.vf.pci} is not claimed any more`, () => locks.disown());
    }
  }
  if (path === undefined) throw alreadyAttached(call);
  return path;
}

/** Names that are too long for a file are refused before anything is changed. */
function requireName(state: StateDirectory, { name }: AttachCall): void {
  if (state.nameFits(name)) return;
  throw new CniError(
    codes.badEnvironment,
    "CNI_CONTAINERID and CNI_IFNAME are too long: with a dash between them they must not be over 255 bytes",
  );
}

function alreadyAttached({ name }: AttachCall, cause?: unknown): CniError {
  return new CniError(
    codes.badEnvironment,
    `CNI_CONTAINERID ${name.containerId} has an attachment ${name.ifname} (CNI_IFNAME) already; it must be ` +
      "detached (DEL) first",
    { cause },
  );
}
