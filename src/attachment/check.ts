import { CniError, codes } from "../cni/errors.ts";
import type { Node } from "../node/node.ts";
import { attachmentOf } from "./attachment-of.ts";
import type { CheckCall } from "./call.ts";
import { recordedContainer } from "./container.ts";
import { attempt } from "./failure.ts";
import { Locks } from "./locks.ts";
import { StateDirectory } from "./state-directory.ts";
import { allSteps } from "./steps/all-steps.ts";

/**
 * CHECK: is the attachment still as ADD made it? It changes nothing and takes no lock.
 * @throws {CniError} at the first step that does not hold any more, or where there is no such attachment.
 */
export function check(node: Node, call: CheckCall): void {
  const { containerId, ifname } = call.name;
  const state = new StateDirectory(node.files);
  const record = attempt("read the attachment's record", () => state.find(call.name))?.record;
  if (record?.state !== "complete") {
    throw new CniError(
      codes.unknownContainer,
      `container ${containerId} has no attachment ${ifname}${record === undefined ? "" : ` (its record says ${record.state})`}`,
    );
  }
  const pod = attempt(`open the network namespace ${record.netns}`, () => recordedContainer(node, record));
  const locks = new Locks(node, state, call.deadline, `CHECK of container ${containerId}`);
  const attachment = attachmentOf(node, record, pod, locks, call);
  for (const step of allSteps()) {
    attempt(`check the ${step.name} of VF ${record.vf.pci}`, () => step.verify(attachment, call.prevResult));
  }
}
