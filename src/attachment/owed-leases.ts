import { messageOf } from "../cni/error-document.ts";
import type { Node } from "../node/node.ts";
import { type IpamCall, ipamCallOf, runIpam, sameLease } from "./ipam-call.ts";
import type { AttachmentName, AttachmentRecord } from "./record.ts";
import type { StateDirectory } from "./state-directory.ts";

/** How long the release of somebody else's lease may keep an ADD from its end, ms. */
const patience = 5000;

/**
 * Releases a lease that a dead attachment still owed, on the way of an ADD. It never fails: what cannot be
 * released now stays owed, for GC.
 * @param path of the parked record.
 */
export function settleOwed(
  node: Node,
  state: StateDirectory,
  path: string,
  inherit: readonly number[],
  warn: (message: string) => void,
): void {
  try {
    const record = state.read(path)?.record;
    releaseOwed(node, state, path, record, inherit, node.clock.now() + patience, warn);
  } catch (error) {
    warn(`the lease of a dead attachment is still owed (${path}): ${messageOf(error)}`);
  }
}

/**
 * Releases such a lease.
 * @param record what stands at the path; undefined where nothing can be read there: then nothing is owed.
 * @throws {CniError} where the IPAM plugin could not do it by the deadline. It stays owed then.
 */
export function releaseOwed(
  node: Node,
  state: StateDirectory,
  path: string,
  record: AttachmentRecord | undefined,
  inherit: readonly number[],
  deadline: number,
  warn: (message: string) => void,
): void {
  const call = record && ipamCallOf(record);
  if (record !== undefined && call !== undefined && !isHeldAgain(state, record, call)) {
    runIpam(node, "DEL", call, inherit, deadline, warn);
  }
  state.remove(path);
}

/** Has an attachment of that name a lease of its own by now? An IPAM plugin could not tell the two apart. */
function isHeldAgain(state: StateDirectory, name: AttachmentName, owed: IpamCall): boolean {
  const record = state.find(name)?.record;
  const call = record && ipamCallOf(record);
  return call !== undefined && sameLease(call, owed);
}
