import { CniError, codes } from "../cni/errors.ts";
import type { Result } from "../cni/result.ts";
import { isWhole, type VirtualFunction } from "../node/functions.ts";
import type { Namespace } from "../node/namespaces.ts";
import type { Node } from "../node/node.ts";
import { begin, takeOver } from "./begin.ts";
import type { AttachCall } from "./call.ts";
import { openContainer } from "./container.ts";
import { attempt } from "./failure.ts";
import { functionAt } from "./function.ts";
import { Locks } from "./locks.ts";
import { settleOwed } from "./owed-leases.ts";
import { requireRecordFits } from "./record-document.ts";
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
  requireRecordFits(call);
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
  const { attachment, path, owing } = begin(node, call, state, locks, pod, vf);
  try {
    takeOver(attachment, state, owing);
    for (const step of stepsOf(attachment)) {
      call.observe("apply", step.name, attachment.record, () =>
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

/** Names that are too long for a file are refused before anything is changed. */
function requireName(state: StateDirectory, { name }: AttachCall): void {
  if (state.nameFits(name)) return;
  throw new CniError(
    codes.badEnvironment,
    "CNI_CONTAINERID and CNI_IFNAME are too long: with a dash between them they must not be over 255 bytes",
  );
}
