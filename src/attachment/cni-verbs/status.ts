import { messageOf } from "../../cni/error-document.ts";
import { CniError, codes } from "../../cni/errors.ts";
import type { Node } from "../../node/node.ts";
import { attempt, attemptAll } from "../errors.ts";
import { runIpam, supportedVersions } from "../ipam/ipam.ts";
import { requireExclusiveRdma } from "../plan/rdma-netns-mode.ts";
import { StateDirectory } from "../record/state-directory.ts";
import type { StatusRequest } from "../requests.ts";
import { combineErrors } from "../undo/undo-all.ts";

/**
 * STATUS: reports whether an ADD could succeed. It changes nothing, takes no lock and reads no VF, because runtimes
 * call it often.
 *
 * A node without VFs is ready, because the program that creates them, such as an operator, waits until the node is
 * ready.
 * @throws {CniError} code 50, naming everything that is missing; code 51 if the IPAM plugin answers with it.
 */
export function status(node: Node, call: StatusRequest): void {
  // Every ADD of this network needs these, whatever its VF.
  const needs = [requireState, requireIpam, requireRdmaMode];
  const failure = combineErrors(
    "no container can be attached on this node",
    attemptAll(needs.map((need) => () => unavailable(() => need(node, call)))),
  );
  if (failure !== undefined) throw failure;
  warnIfNoVfs(node, call);
}

/** Warns if the node has no VF. It never fails, because STATUS does not depend on it. */
function warnIfNoVfs(node: Node, { warn }: StatusRequest): void {
  try {
    if (!node.functions.anyVirtual())
      warn("this node has no InfiniBand VF (yet): see sriov_numvfs of its PFs");
  } catch (error) {
    warn(`cannot find out whether this node has VFs: ${messageOf(error)}`);
  }
}

function requireState(node: Node): void {
  attempt("write to the state directory", () => new StateDirectory(node.files).requireWritable());
}

function requireRdmaMode(node: Node, { rdmaIsolation }: StatusRequest): void {
  if (rdmaIsolation) requireExclusiveRdma(node);
}

/** @throws {CniError} if the IPAM plugin does not exist, or is not ready itself. */
function requireIpam(node: Node, call: StatusRequest): void {
  const { ipam, cniVersion } = call;
  if (ipam === undefined) return;
  try {
    attempt(`ask IPAM plugin ${ipam.plugin} for its STATUS`, () => runIpam(node, "STATUS", ipam, [], call));
  } catch (error) {
    const versions = supportedVersions(node, ipam, call);
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
    const limited = error instanceof CniError && error.code === codes.notAvailableLimited;
    const details = error instanceof CniError ? { details: error.details } : {};
    const code = limited ? codes.notAvailableLimited : codes.notAvailable;
    throw new CniError(code, messageOf(error), { ...details, cause: error });
  }
}
