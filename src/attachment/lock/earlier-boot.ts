import { CniError, codes } from "../../cni/errors.ts";
import type { AttachmentName } from "../record/record.ts";
import type { StoredRecord } from "../record/stored-record.ts";
import { shellWord } from "../shell-word.ts";
import type { VfSession } from "./locks.ts";

/**
 * Refuses a VF whose owner has a record that cannot be read.
 * @param owner the owner of the VF, from its lock file.
 * @throws {CniError} code 101, unless the record is from an earlier boot, whose settings are no longer on the VF.
 */
export function requireEarlierBoot(
  session: VfSession,
  pci: string,
  owner: AttachmentName,
  { path, unreadable }: StoredRecord,
): void {
  if (isOfEarlierBoot(session)) return;
  const { containerId, ifname } = owner;
  throw new CniError(
    codes.deviceInUse,
    `VF ${pci} belongs to container ${containerId} (interface ${ifname}), whose record ${path} cannot be read: ` +
      `${unreadable?.reason}; detach the container (DEL), or, if it has ended, run: ib-sriov attachments release ` +
      `${shellWord(containerId)} ${shellWord(ifname)} --force`,
    { cause: unreadable?.error },
  );
}

/**
 * Reports whether the record of the VF's owner was written before the present boot. A power failure can leave an empty
 * file, since records are not synced to the disk, and no setting of a VF survives a boot.
 *
 * The lock file contains the boot in which its owner claimed the VF. A lock file that survives a power failure was
 * written before it, so this answer is reliable and does not depend on a clock. False if the boot is missing: the lock
 * file was damaged, or the Go plugin made the attachment.
 */
export function isOfEarlierBoot({ node, locks }: VfSession): boolean {
  const { ownerBoot } = locks;
  return ownerBoot !== undefined && ownerBoot !== node.clock.bootId();
}
