import { CniError, codes } from "../../cni/errors.ts";
import type { Namespace } from "../../node/namespaces.ts";
import type { Node } from "../../node/node.ts";
import { stepContextOf } from "../context-of.ts";
import { attempt } from "../errors.ts";
import { callForLease } from "../ipam/ipam.ts";
import { Locks } from "../lock/locks.ts";
import { openNetnsIfPresent } from "../netns.ts";
import type { AttachmentRecord } from "../record/record.ts";
import { StateDirectory } from "../record/state-directory.ts";
import type { CheckRequest } from "../requests.ts";
import { stepsOf } from "../steps/step-order.ts";

/**
 * CHECK: verifies that the attachment is still as ADD made it. It changes nothing and takes no lock.
 * @throws {CniError} at the first step that is no longer in effect, or if the attachment does not exist.
 */
export function check(node: Node, call: CheckRequest): void {
  const { containerId, ifname } = call.name;
  const state = new StateDirectory(node.files);
  const stored = attempt("read the attachment's record", () => state.find(call.name));
  if (stored?.unreadable !== undefined)
    throw new CniError(codes.node, `the record ${stored.path} cannot be read: ${stored.unreadable.reason}`);
  const record = stored?.record;
  if (record?.state !== "complete") {
    throw new CniError(
      codes.unknownContainer,
      `container ${containerId} has no attachment ${ifname}${record === undefined ? "" : ` (its record is ${record.state})`}`,
    );
  }
  const pod = attempt(`open the network namespace ${call.netns}`, () =>
    openRecordedNetns(node, call.netns, record),
  );
  requireSandbox(node, call, pod);
  const locks = new Locks(node, state, call, `CHECK of container ${containerId}`);
  const attachment = {
    ...stepContextOf(node, record, pod, locks, call),
    ipam: callForLease(call.ipam, record),
  };
  for (const step of stepsOf(attachment)) {
    call.observe("verify", step.name, record, () =>
      attempt(`check the ${step.name} of VF ${record.vf.pci}`, () =>
        step.verify(attachment, call.prevResult),
      ),
    );
  }
}

/**
 * Requires that prevResult names the container's namespace for the interface, by CNI_NETNS or by another path.
 * @throws {CniError} code 7 if it names another namespace, or if nothing exists at its path any more.
 */
function requireSandbox(
  node: Node,
  { name: { ifname }, netns, prevResult }: CheckRequest,
  pod: Namespace,
): void {
  const own = prevResult.interfaces.find((each) => each.name === ifname && each.sandbox !== undefined);
  const sandbox = own?.sandbox;
  if (sandbox === undefined || sandbox === netns) return;
  const netnsOfResult = attempt(`open the network namespace ${sandbox}`, () =>
    openNetnsIfPresent(node, sandbox),
  );
  if (netnsOfResult?.cookie === pod.cookie) return;
  throw new CniError(
    codes.badConfiguration,
    `prevResult has interface ${ifname} in ${sandbox}, CNI_NETNS is ${netns}`,
  );
}

/**
 * Opens the container's namespace.
 * @throws {CniError} if the namespace at that path is not the namespace that ADD was called with.
 */
function openRecordedNetns(node: Node, netns: string, record: AttachmentRecord): Namespace {
  const pod = openNetnsIfPresent(node, netns);
  if (pod === undefined) {
    throw new CniError(
      codes.badNamespace,
      `CNI_NETNS ${netns} does not exist, or is not a network namespace`,
    );
  }
  if (pod.cookie === record.netnsCookie) return pod;
  throw new CniError(
    codes.badNamespace,
    `CNI_NETNS ${netns} is not the network namespace that ADD attached VF ${record.vf.pci} to ` +
      `(${record.netns})`,
  );
}
