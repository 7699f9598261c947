import { CniError, codes } from "../../cni/errors.ts";
import type { Namespace } from "../../node/namespaces.ts";
import type { Node } from "../../node/node.ts";
import { stepContextOf } from "../context-of.ts";
import { attempt } from "../errors.ts";
import { callForLease } from "../ipam/ipam.ts";
import { Locks } from "../lock/locks.ts";
import { openSession, type Session } from "../lock/session.ts";
import { openNetnsIfPresent } from "../netns.ts";
import type { AttachmentRecord } from "../record/record.ts";
import type { CheckRequest } from "../requests.ts";
import { interfaceInContainer } from "../steps/own-result.ts";
import { stepsOf } from "../steps/steps.ts";

/**
 * CHECK: verifies that the attachment is still as ADD made it. It changes nothing and takes no lock.
 * @throws {CniError} at the first step that is no longer in effect, or if the attachment does not exist.
 */
export function check(node: Node, request: CheckRequest): void {
  const session = openSession(node, request);
  const { containerId } = request.name;
  attempt(`check container ${containerId}`, () => {
    const record = completeRecord(session, request);
    const containerNetns = openRecordedNetns(node, request.netns, record);
    requireSandbox(node, request, containerNetns);
    const locks = new Locks(session, `CHECK of container ${containerId}`);
    const attachment = {
      ...stepContextOf({ ...session, locks }, record, containerNetns),
      ipam: callForLease(request.ipam, record),
    };
    for (const step of stepsOf(attachment)) {
      session.observe("verify", step.name, record, () =>
        attempt(`check the ${step.name} of VF ${record.vf.pci}`, () =>
          step.verify(attachment, request.prevResult),
        ),
      );
    }
  });
}

/** @throws {CniError} if the attachment does not exist, its record cannot be read, or ADD or DEL has not ended. */
function completeRecord({ state }: Session, { name }: CheckRequest): AttachmentRecord {
  const stored = state.find(name);
  if (stored?.unreadable !== undefined)
    throw new CniError(codes.node, `the record ${stored.path} cannot be read: ${stored.unreadable.reason}`);
  const record = stored?.record;
  if (record?.state === "complete") return record;
  throw new CniError(
    codes.unknownContainer,
    `container ${name.containerId} has no attachment ${name.ifname}${record === undefined ? "" : ` (its record is ${record.state})`}`,
  );
}

/**
 * Requires that prevResult names the container's namespace for the interface, by CNI_NETNS or by another path.
 * @throws {CniError} code 7 if it names another namespace, or if nothing exists at its path any more.
 */
function requireSandbox(
  node: Node,
  { name: { ifname }, netns, prevResult }: CheckRequest,
  containerNetns: Namespace,
): void {
  const sandbox = interfaceInContainer(prevResult, ifname)?.sandbox;
  if (sandbox === undefined || sandbox === netns) return;
  if (openNetnsIfPresent(node, sandbox)?.cookie === containerNetns.cookie) return;
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
  const containerNetns = openNetnsIfPresent(node, netns);
  if (containerNetns === undefined) {
    throw new CniError(
      codes.badNamespace,
      `CNI_NETNS ${netns} does not exist, or is not a network namespace`,
    );
  }
  if (containerNetns.cookie === record.netnsCookie) return containerNetns;
  throw new CniError(
    codes.badNamespace,
    `CNI_NETNS ${netns} is not the network namespace that ADD attached VF ${record.vf.pci} to ` +
      `(${record.netns})`,
  );
}
