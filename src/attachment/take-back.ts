import { CniError, codes } from "../cni/errors.ts";
import type { Node } from "../node/node.ts";
import type { Attachment } from "./attachment.ts";
import { attempt } from "./failure.ts";
import type { Limits } from "./limits.ts";
import { settleOwed } from "./owed-leases.ts";
import { restoreRdmaNames } from "./rdma-names.ts";
import { rebind } from "./rebind.ts";
import { type AttachmentName, changesGuid } from "./record.ts";
import { holdsVf, release } from "./release.ts";
import { releaseUnreadable } from "./release-unreadable.ts";
import { presumedLife } from "./sign-of-life.ts";
import type { StateDirectory } from "./state-directory.ts";
import { externalDriver } from "./vf-driver.ts";
import { withLockedRecord } from "./with-locked-record.ts";

/**
 * Takes a VF back from a container as its runtime's DEL would, for an operator who knows that nobody will call that.
 * @param force also from one that is alive. Nothing else in this program takes a VF out of a living container.
 * @returns false where there is no such attachment with a record of ours. Of one that cannot be read see
 * {@link releaseUnreadable}.
 * @throws {CniError} where it is alive (code 101), its VF is busy (11), or something could not be put back.
 */
export function takeBack(
  node: Node,
  state: StateDirectory,
  limits: Limits,
  name: AttachmentName,
  force: boolean,
): boolean {
  const stored = attempt("read the attachment's record", () => state.findAny(name));
  if (stored?.unreadable !== undefined) {
    releaseUnreadable(node, state, limits, name, stored, force);
    return true;
  }
  let isDone = false;
  const verb = `release of container ${name.containerId}`;
  withLockedRecord(
    node,
    state,
    limits,
    verb,
    () => state.find(name)?.record,
    (attachment) => {
      const life = attempt("find out whether it lives", () => presumedLife(attachment));
      if (life !== undefined && !force) throw alive(name, life);
      if (life !== undefined) tearOut(attachment);
      const path = attempt("find the attachment's record", () => state.find(name)?.path);
      if (path !== undefined) release(attachment, state, path);
      settleOwed(node, state, attachment.locks, attachment.record.vf.pci, limits);
      isDone = true;
    },
  );
  return isDone;
}

function alive({ containerId }: AttachmentName, life: string): CniError {
  return new CniError(
    codes.deviceInUse,
    `container ${containerId} seems to be alive: ${life}; --force takes its VF all the same`,
  );
}

/** From a namespace that cannot be seen only a rebind brings the devices home; that of the GUIDs, where they change. */
function tearOut(attachment: Attachment): void {
  const { record, pod } = attachment;
  if (pod !== undefined || record.mode === "vfio" || !holdsVf(attachment)) return;
  if (externalDriver(attachment) !== undefined) return;
  if (changesGuid(record.wanted, record.found)) return;
  attachment.home = rebind(attachment);
  restoreRdmaNames(attachment);
}
