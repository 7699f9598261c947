import { messageOf } from "../../cni/error-document.ts";
import { CniError, codes } from "../../cni/errors.ts";
import type { Result } from "../../cni/result.ts";
import type { Namespace } from "../../node/namespaces.ts";
import type { Node } from "../../node/node.ts";
import { isPhysical, type VirtualFunction } from "../../node/pci-functions.ts";
import { attempt } from "../errors.ts";
import { releasePendingOf } from "../ipam/pending-releases.ts";
import { type Locks, withVfLock } from "../lock/locks.ts";
import { openContainerNetns } from "../netns.ts";
import { prepare, takeOver } from "../plan/prepare.ts";
import { reserveGuid } from "../plan/reserve-guid.ts";
import { requestForVfio } from "../plan/vfio.ts";
import { requireRecordFits } from "../record/parse.ts";
import { StateDirectory } from "../record/state-directory.ts";
import type { AddRequest } from "../requests.ts";
import { stepsOf } from "../steps/step-order.ts";
import { rollBack } from "../undo/rollback.ts";
import { functionAt } from "../vf/pci-function.ts";

/**
 * ADD: gives a VF to a container.
 * @param answer writes the result for the runtime. It is called once, after the record has become `complete` and while
 *   the VF's lock is held, so that an ADD whose result cannot be written is rolled back.
 * @throws {CniError} if ADD fails. The node is then as before, or the record remains and names what is to be restored.
 */
export function add(node: Node, call: AddRequest, answer: (result: Result) => void): void {
  const state = new StateDirectory(node.files);
  const pod = openContainerNetns(node, call.netns, call.ownNetnsAllowed);
  const find = () => attempt(`read deviceID ${call.deviceID}`, () => functionAt(node, call.deviceID));
  const found = find();
  const { pci } = found;
  requireName(state, call);
  requireRecordFits(call);
  withVfLock(node, state, call, pci, `ADD of container ${call.name.containerId}`, (locks) => {
    // The VF may have been destroyed and created again while this call waited for the lock.
    const now = attempt(`read deviceID ${pci} again`, () => node.functions.generation(pci));
    const vf = now === found.incarnation ? found : find();
    addLocked(node, isPhysical(vf) ? requestForVfio(call) : call, state, locks, pod, vf, answer);
  });
}

function addLocked(
  node: Node,
  call: AddRequest,
  state: StateDirectory,
  locks: Locks,
  pod: Namespace,
  vf: VirtualFunction,
  answer: (result: Result) => void,
): void {
  const { attachment, path, owing } = prepare(node, call, state, locks, pod, vf);
  try {
    takeOver(attachment, state, owing);
    attempt(`reserve the GUID of VF ${vf.pci}`, () => reserveGuid(attachment, state));
    for (const step of stepsOf(attachment)) {
      call.observe("apply", step.name, attachment.record, () =>
        attempt(`apply the ${step.name} of VF ${vf.pci}`, () => step.apply(attachment)),
      );
    }
    // A signal ends every wait. This check finds a signal that came while the call did not wait.
    attempt("continue", () => node.clock.checkInterrupted());
    releasePendingOf(node, state, locks, vf.pci, call);
    const { result } = attachment;
    if (result === undefined) throw new Error("no step has set the result");
    attempt("complete the attachment's record", () => state.setState(path, "complete"));
    writeResult(answer, result);
  } catch (error) {
    throw rollBack(attachment, state, path, error);
  }
}

/** Writes the result. A runtime that gets no result may never call DEL, so ADD fails if it cannot write it. */
function writeResult(answer: (result: Result) => void, result: Result): void {
  try {
    answer(result);
  } catch (cause) {
    if (cause instanceof CniError) throw cause;
    throw new CniError(codes.io, `cannot write the result of ADD to stdout: ${messageOf(cause)}`, { cause });
  }
}

/** Refuses names that are too long for a file name, before anything is changed. */
function requireName(state: StateDirectory, { name }: AddRequest): void {
  if (state.nameFits(name)) return;
  throw new CniError(
    codes.badEnvironment,
    "CNI_CONTAINERID and CNI_IFNAME are too long: joined with a dash, they must not exceed 255 bytes",
  );
}
