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
 * STATUS: could an ADD succeed? It changes nothing, takes no lock and looks at no VF: runtimes call it often.
 *
 * A node that has no VF yet is ready: what makes the VFs (an operator, say) waits for nodes that are.
 * @throws {CniError} 50 where not, telling everything that is in the way; 51 where the IPAM plugin says that.
 */
export function status(node: Node, call: StatusRequest): void {
  // What every ADD of this network needs of the node, whatever its VF.
  const needs = [requireState, requireIpam, requireRdmaMode];
  const failure = combineErrors(
    "no container can be attached on this node",
    attemptAll(needs.map((need) => () => unavailable(() => need(node, call)))),
  );
  if (failure !== undefined) throw failure;
  sayWhetherVfs(node, call);
}

/** Nothing that is found out here is in the way of anything. */
function sayWhetherVfs(node: Node, { warn }: StatusRequest): void {
  try {
    if (!node.functions.anyVirtual())
      warn("this node has no InfiniBand VF (yet): see sriov_numvfs of its PFs");
  } catch (error) {
    warn(`cannot tell whether this node has VFs: ${messageOf(error)}`);
  }
}

function requireState(node: Node): void {
  attempt("write to the state directory", () => new StateDirectory(node.files).requireWritable());
}

function requireRdmaMode(node: Node, { rdmaIsolation }: StatusRequest): void {
  if (rdmaIsolation) requireExclusiveRdma(node);
}

/** @throws {CniError} where there is no such plugin, or it is not ready itself. */
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

/** Whatever is in the way of an ADD has the code that STATUS has for it. */
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
