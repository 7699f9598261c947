import { messageOf } from "../../cni/error-document.ts";
import { CniError, codes } from "../../cni/errors.ts";
import type { Node } from "../../node/node.ts";
import { attempt, attemptAll, combineErrors } from "../errors.ts";
import { runIpam, supportedVersions } from "../ipam/ipam.ts";
import { openSession, type Session } from "../lock/session.ts";
import { requireExclusiveRdma } from "../plan/rdma-netns-mode.ts";
import type { StatusRequest } from "../requests.ts";

/**
 * STATUS: reports whether an ADD could succeed. It changes nothing, takes no lock and reads no VF, because runtimes
 * call it often.
 *
 * A node without VFs is ready, because the program that creates them, such as an operator, waits until the node is
 * ready.
 * @throws {CniError} code 50, naming everything that is missing; code 51 if the IPAM plugin answers with it.
 */
export function status(node: Node, request: StatusRequest): void {
  const session = openSession(node, request);
  // Every ADD of this network needs these, whatever its VF.
  const needs = [
    () => attempt("write to the state directory", () => session.state.requireWritable()),
    () => requireIpam(session, request),
    () => (request.rdmaIsolation ? requireExclusiveRdma(node) : undefined),
  ];
  const failures = attemptAll(needs.map((need) => () => unavailable(need)));
  // 51 reports more than 50, and the first error gives its code to all.
  const [limited, others] = [failures.filter(isLimited), failures.filter((each) => !isLimited(each))];
  const failure = combineErrors("no container can be attached on this node", [...limited, ...others]);
  if (failure !== undefined) throw failure;
  warnIfNoVfs(session);
}

/** Warns if the node has no VF. It never fails, because STATUS does not depend on it. */
function warnIfNoVfs({ node, warn }: Session): void {
  try {
    if (!node.functions.anyVirtual())
      warn("this node has no InfiniBand VF (yet): see sriov_numvfs of its PFs");
  } catch (error) {
    warn(`cannot find out whether this node has VFs: ${messageOf(error)}`);
  }
}

/** @throws {CniError} if the IPAM plugin does not exist, or is not ready itself. */
function requireIpam(session: Session, { ipam, cniVersion }: StatusRequest): void {
  if (ipam === undefined) return;
  try {
    attempt(`ask IPAM plugin ${ipam.plugin} for its STATUS`, () => runIpam(session, "STATUS", ipam));
  } catch (error) {
    const versions = supportedVersions(session, ipam);
    if (versions.length === 0 || versions.includes(cniVersion)) throw error;
    throw new CniError(
      codes.notAvailable,
      `IPAM plugin ${ipam.plugin} does not speak CNI ${cniVersion}, in which the network is written, but ` +
        `${versions.join(", ")}: an ADD would fail; update the plugin, or lower the network's cniVersion`,
      { cause: error },
    );
  }
}

/** Turns an error that would make ADD fail into one with the code that STATUS has for it. */
function unavailable(check: () => void): void {
  try {
    check();
  } catch (error) {
    const details = error instanceof CniError ? { details: error.details } : {};
    const code = isLimited(error) ? codes.notAvailableLimited : codes.notAvailable;
    throw new CniError(code, messageOf(error), { ...details, cause: error });
  }
}

function isLimited(error: unknown): boolean {
  return error instanceof CniError && error.code === codes.notAvailableLimited;
}
