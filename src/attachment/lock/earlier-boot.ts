import { CniError, codes } from "../../cni/errors.ts";
import type { Node } from "../../node/node.ts";
import type { AttachmentName } from "../record/record.ts";
import type { StateDirectory, StoredRecord } from "../record/state-directory.ts";
import type { Locks } from "./locks.ts";

/**
 * Refuses a VF whose owner has a record that cannot be read.
 * @param owner of the VF, as its lock file says.
 * @throws {CniError} code 101, unless the record is from an earlier boot: then nothing of it is on the VF.
 */
export function requireEarlierBoot(
  node: Node,
  state: StateDirectory,
  locks: Locks,
  pci: string,
  owner: AttachmentName,
  { path, unreadable }: StoredRecord,
): void {
  if (isOfEarlierBoot(node, state, locks, path)) return;
  const { containerId, ifname } = owner;
  throw new CniError(
    codes.deviceInUse,
    `VF ${pci} belongs to container ${containerId} (interface ${ifname}), whose record ${path} cannot be read: ` +
      `${unreadable?.reason}; detach the container (DEL), or, if it has ended, run: ib-sriov attachments release ` +
      `${containerId} ${ifname} --force`,
    { cause: unreadable?.error },
  );
}

/**
 * Returns whether the record of the VF's owner was written before the machine was booted. A power cut can leave an empty
 * file, since records are not synced, and nothing on a VF outlives a boot.
 *
 * The lock file says in which boot its owner claimed the VF. A note that survives a power cut is from before it, so that
 * is certain, whatever the clocks say. Of a note without a boot, which older versions wrote, the file's time decides: a
 * clock that was set forward after this boot's first attachments would make their records look older, but only records
 * that are damaged, and that an older version wrote, get that far.
 */
export function isOfEarlierBoot(
  node: Node,
  state: StateDirectory,
  { ownerBoot }: Locks,
  path: string,
): boolean {
  if (ownerBoot !== undefined) return ownerBoot !== node.clock.bootId();
  const modified = state.modified(path);
  return modified !== undefined && modified < node.clock.bootTime();
}
