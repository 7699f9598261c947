import { CniError, codes } from "../../cni/errors.ts";
import type { Files, Permissions } from "../../node/files.ts";

/** The ID of the user root, and of its group. */
const ROOT = 0;
/** Bits of linux/stat.h. */
const WRITABLE_BY_GROUP = 0o020;
const WRITABLE_BY_ALL = 0o002;
/** The permissions of the directories that this program makes. */
const ROOT_ONLY: Permissions = { user: ROOT, group: ROOT, mode: 0o700 };

/**
 * Requires that only root can change a directory of records: as root, a call restores the settings of a record, and starts
 * its IPAM plugin. A directory that does not exist will be root's.
 * @throws {CniError} code 100 if others can change it.
 */
export function requireRootOnly(files: Pick<Files, "permissions">, directory: string): void {
  const { user, group, mode } = files.permissions(directory) ?? ROOT_ONLY;
  const isOthers = (mode & WRITABLE_BY_ALL) !== 0 || ((mode & WRITABLE_BY_GROUP) !== 0 && group !== ROOT);
  if (user === ROOT && !isOthers) return;
  const permissions = `owner ${user}, group ${group}, mode ${(mode & 0o7777).toString(8).padStart(4, "0")}`;
  throw new CniError(
    codes.node,
    `users other than root can change ${directory} (${permissions}), so what is in it cannot be trusted; look for ` +
      `records that are not ib-sriov's, then run: chown -R 0:0 ${directory} && chmod -R go-w ${directory}`,
  );
}
