import { messageOf } from "../../cni/error-document.ts";
import { CniError, codes } from "../../cni/errors.ts";
import type { Result } from "../../cni/result.ts";
import type { Node } from "../../node/node.ts";
import type { AddContext, Step } from "../context.ts";
import { attempt } from "../errors.ts";
import { releaseLeasesOf } from "../ipam/unreleased-leases.ts";
import { withVfLock } from "../lock/locks.ts";
import { openSession, type Session } from "../lock/session.ts";
import { openContainerNetns } from "../netns.ts";
import { openAddSession, recoverOwnGuids, restoreOrphanFor } from "../plan/add-session.ts";
import { chooseGuid } from "../plan/choose-guid.ts";
import { createRecord, refuseTakenName } from "../plan/create-record.ts";
import { makePlan } from "../plan/plan.ts";
import { notePodFiles } from "../plan/pod-files.ts";
import { reserveGuids } from "../plan/reserve-guid.ts";
import { requireRecordFits } from "../record/record-document.ts";
import type { AddRequest } from "../requests.ts";
import { findOrphan, forgetOrphan } from "../restore/orphan.ts";
import { rollBack } from "../restore/rollback.ts";
import { stepsOf } from "../steps/order.ts";
import { resultOfAdd } from "../steps/own-result.ts";
import { functionAt } from "../vf/pci-function.ts";

/**
 * ADD: gives a VF to a container.
 * @param answer writes the result for the runtime. It is called once, after the record has become `complete` and while
 *   the VF's lock is held, so that an ADD whose result cannot be written is rolled back.
 * @throws {CniError} if ADD fails. The node is then as before, or the record remains and names what is to be restored.
 */
export function add(node: Node, request: AddRequest, answer: (result: Result) => void): void {
  const session = openSession(node, request);
  const containerNetns = openContainerNetns(node, request);
  const find = () => attempt(`read deviceID ${request.deviceID}`, () => functionAt(node, request.deviceID));
  const seen = find();
  const { pci } = seen;
  requireRecordable(session, request);
  attempt(`attach VF ${pci}`, () =>
    withVfLock(session, pci, `ADD of container ${request.name.containerId}`, (locked) => {
      // The VF may have been destroyed and created again while this call waited for the lock.
      const vf = node.functions.generation(pci) === seen.generation ? seen : find();
      const adding = openAddSession(locked, request, vf, containerNetns);
      const orphan = findOrphan(adding, vf, request.name);
      refuseTakenName(adding, orphan);
      if (orphan !== undefined) notePodFiles(adding);
      const ownGuids = recoverOwnGuids(adding, orphan);
      const desired = { ...adding.request.settings, guid: chooseGuid(adding, orphan, ownGuids) };
      const kept = restoreOrphanFor(adding, orphan, desired);
      const plan = makePlan(adding, desired, kept, ownGuids);
      const attachment = createRecord(adding, plan);
      try {
        forgetOrphan(attachment, request.name, orphan);
        reserveGuids(attachment);
        for (const step of stepsOf(attachment)) apply(attachment, step);
        complete(attachment, answer);
      } catch (error) {
        throw rollBack(attachment, error);
      }
    }),
  );
}

/** Requires, before any change, that the attachment's name and configuration are short enough for a record. */
function requireRecordable({ state }: Session, request: AddRequest): void {
  requireRecordFits(request);
  if (state.nameFits(request.name)) return;
  throw new CniError(
    codes.badEnvironment,
    "CNI_CONTAINERID and CNI_IFNAME are too long: joined with a dash, they must not exceed 255 bytes",
  );
}

function apply(attachment: AddContext, step: Step): void {
  const { observe, record } = attachment;
  if (step.apply === undefined) return;
  observe("apply", step.name, record, () =>
    attempt(`apply the ${step.name} of VF ${record.vf.pci}`, () => step.apply?.(attachment)),
  );
}

/** Marks the record as complete, and writes the result. */
function complete(attachment: AddContext, answer: (result: Result) => void): void {
  const { node, state, path, record } = attachment;
  releaseLeasesOf(attachment, record.vf.pci);
  // A signal ends every wait. This check finds a signal that came while the call did not wait, or that ended the wait
  // for the lease of an orphaned attachment, which does not fail the call.
  node.clock.checkInterrupted();
  const result = attachment.result ?? resultOfAdd(attachment, undefined, undefined);
  state.setState(path, "complete");
  try {
    answer(result);
  } catch (cause) {
    // A runtime that gets no result may never call DEL, so ADD fails.
    if (cause instanceof CniError) throw cause;
    throw new CniError(codes.io, `cannot write the result of ADD to stdout: ${messageOf(cause)}`, { cause });
  }
}
