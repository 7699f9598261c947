import { CniError, codes } from "../../cni/errors.ts";
import type { Namespace } from "../../node/namespaces.ts";
import type { Node } from "../../node/node.ts";
import { stepContextOf } from "../context-of.ts";
import { attempt } from "../errors.ts";
import { callForLease, runIpam } from "../ipam/ipam.ts";
import { Locks } from "../lock/locks.ts";
import { openSession, type Session } from "../lock/session.ts";
import { openNetnsIfPresent } from "../netns.ts";
import type { AttachmentRecord } from "../record/record.ts";
import type { CheckRequest } from "../requests.ts";
import { stepsOf } from "../steps/order.ts";
import { interfaceInContainer } from "../steps/own-result.ts";

/**
 * CHECK: verifies that the attachment is still as ADD made it. It changes nothing and takes no lock.
 * @throws {CniError} at the first step that is no longer in effect, or if the attachment does not exist.
 */
export function check(node: Node, request: CheckRequest): void {
  const session = openSession(node, request);
  const { containerId } = request.name;
  attempt(`check container ${containerId}`, () => {
    const record = completeRecord(session, request);
    if (record === undefined) {
      checkGoAttachment(session, request);
      return;
    }
    const containerNetns = openRecordedNetns(node, request.netns, record);
    requireSandbox(node, request, containerNetns);
    const locks = new Locks(session, `CHECK of container ${containerId}`);
    const attachment = {
      ...stepContextOf({ ...session, locks }, record, containerNetns),
      ipam: callForLease(request.ipam, record),
    };
    for (const step of stepsOf(attachment)) {
      if (step.verify === undefined) continue;
      session.observe("verify", step.name, record, () =>
        attempt(`check the ${step.name} of VF ${record.vf.pci}`, () =>
          step.verify?.(attachment, request.prevResult),
        ),
      );
    }
  });
}

/**
 * Returns the record of an attachment; `undefined` if the Go plugin has made the attachment.
 * @throws {CniError} code 3 if the attachment does not exist, which means that no DEL is needed; code 100 if its record
 *   cannot be read, or ADD or DEL has not ended.
 */
function completeRecord({ state }: Session, { name }: CheckRequest): AttachmentRecord | undefined {
  const stored = state.find(name);
  if (stored?.unreadable !== undefined)
    throw new CniError(codes.node, `the record ${stored.path} cannot be read: ${stored.unreadable.reason}`);
  const record = stored?.record;
  if (record?.state === "complete") return record;
  if (record === undefined && stored?.goCache !== undefined) return undefined;
  const what = `container ${name.containerId} has no attachment ${name.ifname}`;
  if (record === undefined) throw new CniError(codes.unknownContainer, what);
  throw new CniError(
    codes.node,
    `${what}, because its ADD or DEL has not ended (its record is ${record.state})`,
  );
}

/**
 * Checks an attachment that the Go plugin has made before it was replaced: that the namespace exists, and the lease. The
 * Go plugin's CHECK does nothing, and its file does not have the values to compare with. An error would be wrong: CRI-O
 * calls CHECK for the running pods when it starts.
 */
function checkGoAttachment(session: Session, { name, netns, ipam }: CheckRequest): void {
  if (openNetnsIfPresent(session.node, netns) === undefined) throw noNamespace(netns);
  session.warn(`the Go plugin has attached container ${name.containerId}: its VF is not checked`);
  if (ipam !== undefined) runIpam(session, "CHECK", ipam);
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

function noNamespace(netns: string): CniError {
  return new CniError(codes.badNamespace, `CNI_NETNS ${netns} does not exist, or is not a network namespace`);
}

/**
 * Opens the container's namespace.
 * @throws {CniError} if the namespace at that path is not the namespace that ADD was called with.
 */
function openRecordedNetns(node: Node, netns: string, record: AttachmentRecord): Namespace {
  const containerNetns = openNetnsIfPresent(node, netns);
  if (containerNetns === undefined) throw noNamespace(netns);
  if (containerNetns.cookie === record.netnsCookie) return containerNetns;
  throw new CniError(
    codes.badNamespace,
    `CNI_NETNS ${netns} is not the network namespace that ADD attached VF ${record.vf.pci} to ` +
      `(${record.netns})`,
  );
}
