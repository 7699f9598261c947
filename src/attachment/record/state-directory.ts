import { fromJson } from "../../cni/document.ts";
import { utf8Length } from "../../cni/utf8-length.ts";
import { type Guid, parseGuid } from "../../infiniband/guid.ts";
import { type Files, type Lock, requireCreatable } from "../../node/files.ts";
import { errnoOf } from "../../node/node.ts";
import { parentOf } from "../../node/path.ts";
import { parsePciAddress } from "../../node/pci-address.ts";
import { isPatchable, stateLetter, stateOffset, withState } from "./codec.ts";
import { GuidNotes } from "./guid-notes.ts";
import { type AttachmentName, type AttachmentRecord, isNamed } from "./record.ts";
import { recordDocument } from "./record-document.ts";
import { requireRootOnly } from "./root-only.ts";
import { mayBeOf, parseStored, requireRead, type StoredRecord } from "./stored-record.ts";
import { refusedFile } from "./unreadable.ts";

/**
 * The state directory. The Go plugin uses the same path. It is below `/var/lib/cni`, because that is the one directory
 * that every caller shares with the host (a DRA driver's container does not have the host's /run).
 */
export const STATE_DIRECTORY = "/var/lib/cni/ib-sriov";

/** The directory of records whose plain path is taken by a record of another attachment. */
const collisionRoot = `${STATE_DIRECTORY}/.x`;

/** The node's lock file. */
export const nodeLockPath = `${STATE_DIRECTORY}/.node`;

const countersFile = `${STATE_DIRECTORY}/.calls`;

/** The errnos of a process or a machine that lacks descriptors or memory. They say nothing about the file. */
const EXHAUSTED = ["EMFILE", "ENFILE", "ENOMEM"];

/** Longest file name of Linux file systems, bytes (NAME_MAX, linux/limits.h). */
const longestName = 255;

/**
 * The state directory: a record for each attachment, a lock file for each VF, unreleased leases, and more. Names of
 * directories and files that are not records begin with a dot, because a container ID cannot.
 */
export class StateDirectory {
  /** The last record that was read: a call reads it again under the VF's lock, and mostly gets the same text. */
  private lastRead: ({ readonly text: string } & ReturnType<typeof parseStored>) | undefined;

  /** The path of the record that this call has created. */
  private created: string | undefined;

  readonly guidNotes: GuidNotes;

  constructor(private readonly files: Files) {
    this.guidNotes = new GuidNotes(files, STATE_DIRECTORY);
  }

  /**
   * Makes the directories that a change needs.
   * @throws {Error} if another file has their path, or as {@link requireRootOnly}.
   */
  prepare(): void {
    this.files.makeDirectory(`${STATE_DIRECTORY}/.vf`);
    requireRootOnly(this.files, STATE_DIRECTORY);
  }

  /**
   * Throws an error if records and lock files cannot be made. It changes nothing: if a directory does not exist, it
   * requires that the nearest existing parent directory is writable.
   */
  requireWritable(): void {
    requireRootOnly(this.files, STATE_DIRECTORY);
    this.files.requireWritable(`${STATE_DIRECTORY}/.vf`);
    requireCreatable(this.files, STATE_DIRECTORY);
  }

  /** Returns the lock file of a VF, which also contains the VF's owner. It is never removed. */
  vfLock(pci: string): Lock {
    return this.files.lock(vfLockPath(pci));
  }

  /** Returns the text of a VF's lock file, read without the lock; "" if the file is empty or does not exist. */
  vfNote(pci: string): string {
    return this.files.read(vfLockPath(pci)) ?? "";
  }

  /** Returns the node's lock file, for rebinds and RDMA moves, which reassign the RDMA character devices. */
  nodeLock(): Lock {
    return this.files.lock(nodeLockPath);
  }

  /** Adds a line to the file in which calls are counted (src/log/counters.ts), as {@link Files.addLine} does. */
  count(line: string, limit: number, deadline: number, shorten: (text: string) => string): void {
    this.files.addLine(countersFile, line, limit, deadline, shorten);
  }

  /** Returns the text of the counters' file; "" if it does not exist. */
  countersText(): string {
    return this.files.read(countersFile) ?? "";
  }

  /**
   * Reports whether a file name "CONTAINER-IFNAME" would have at most {@link longestName} bytes, also as JSON: the lock
   * file of a VF has room for two such names.
   */
  nameFits(name: AttachmentName): boolean {
    return utf8Length(JSON.stringify(`${name.containerId}-${name.ifname}`)) - 2 <= longestName;
  }

  /**
   * Returns the attachment's record; `undefined` if it has no record. Two attachments can have the same plain path ("a"
   * with "b-c", and "a-b" with "c"); the record of the second one is then below {@link collisionRoot}.
   * @throws the error of the file system, if the file cannot be read.
   */
  find(name: AttachmentName): StoredRecord | undefined {
    return requireRead(this.findOnce(name));
  }

  /**
   * Like {@link find}, but a file that the file system refuses to read is {@link StoredRecord.unreadable}, too. It
   * tries twice, because a disk error can be temporary, and without the record undo restores less.
   */
  findAny(name: AttachmentName): StoredRecord | undefined {
    const stored = this.findOnce(name);
    return stored?.unreadable?.kind === "not read" ? this.findOnce(name) : stored;
  }

  private findOnce(name: AttachmentName): StoredRecord | undefined {
    const plain = this.readAny(plainPath(name));
    if (isNamed(plain?.record, name)) return plain;
    const collision = this.readAny(collisionPath(name));
    if (collision !== undefined) return collision;
    return plain !== undefined && mayBeOf(plain, name) ? plain : undefined;
  }

  /**
   * Reads a record by its path ({@link StoredRecord.path}), and changes nothing. Every change of a record comes after
   * such a read, so this function refuses a link that leads out of the state directory.
   * @throws the error of the file system (for example EIO), if the next read may succeed.
   */
  read(path: string): StoredRecord | undefined {
    return requireRead(this.readAny(path));
  }

  /**
   * Like {@link read}, but a file that the file system refuses to read is {@link StoredRecord.unreadable}, too.
   * @throws EMFILE, ENFILE or ENOMEM, which say nothing about the file.
   */
  readAny(path: string): StoredRecord | undefined {
    let text: string | undefined;
    try {
      text = this.text(path);
      if (text !== undefined && path.startsWith(`${collisionRoot}/`)) {
        this.files.hasDirectory(collisionRoot);
        this.files.hasDirectory(parentOf(path));
      }
    } catch (error) {
      if (EXHAUSTED.includes(errnoOf(error) ?? "")) throw error;
      return { path, record: undefined, goCache: undefined, unreadable: refusedFile(error) };
    }
    if (text === undefined) return undefined;
    if (this.lastRead?.text !== text) this.lastRead = { text, ...parseStored(text) };
    const { record, goCache, unreadable } = this.lastRead;
    return { path, record, goCache, unreadable };
  }

  /** Returns the modification time of a file, ms since 1970; `undefined` if it does not exist. */
  modified(path: string): number | undefined {
    return this.files.modified(path);
  }

  /** Returns the PCI addresses of all VFs with a lock file. It lists a directory, so ADD and DEL do not call it. */
  lockedVfs(): string[] {
    return this.files.list(`${STATE_DIRECTORY}/.vf`).filter((name) => parsePciAddress(name) === name);
  }

  /** Returns the port GUID that a PF had with its own driver; `undefined` if {@link notePfGuid} was never called. */
  pfGuid(pci: string): Guid | undefined {
    return parseGuid(this.files.read(`${STATE_DIRECTORY}/.pf/${pci}`) ?? "");
  }

  /** Notes the port GUID of a PF, which the kernel does not show while the PF is bound to vfio-pci. */
  notePfGuid(pci: string, guid: Guid): void {
    if (this.pfGuid(pci) === guid) return;
    const path = `${STATE_DIRECTORY}/.pf/${pci}`;
    this.files.makeDirectory(`${STATE_DIRECTORY}/.pf`);
    this.files.replaceForeign(path, guid, 0o600, `${path}.new`);
  }

  /** Returns the JSON of a record or Go plugin's cache; `undefined` if the file is not JSON or does not exist. */
  document(path: string): unknown {
    return fromJson(this.text(path) ?? "");
  }

  /** Returns the text of a file; `undefined` if it does not exist, "" if it is not a regular file, or too large for a record. */
  private text(path: string): string | undefined {
    try {
      return this.files.read(path);
    } catch (error) {
      // After any other error (for example EIO), the next read may find a record.
      if (["ELOOP", "EINVAL", "EFBIG"].includes(errnoOf(error) ?? "")) return "";
      throw error;
    }
  }

  /**
   * Writes a new record atomically. It never overwrites a record.
   * @returns its path; `undefined` if the attachment already has a record.
   */
  create(record: AttachmentRecord, pfName: string): string | undefined {
    const text = recordDocument(record, pfName);
    const plain = plainPath(record);
    if (this.files.create(plain, text)) return this.noteCreated(plain);
    const present = this.read(plain);
    if (present === undefined || mayBeOf(present, record)) return undefined;
    const collision = collisionPath(record);
    this.files.makeDirectory(collisionRoot);
    this.files.makeDirectory(parentOf(collision));
    return this.files.create(collision, text) ? this.noteCreated(collision) : undefined;
  }

  private noteCreated(path: string): string {
    this.created = path;
    return path;
  }

  /**
   * Replaces the Go plugin's cache by a record, atomically. The caller holds the VF's lock, so no other call uses the
   * temporary file; a temporary file that a killed call left is overwritten.
   */
  replace(path: string, record: AttachmentRecord, pfName: string): void {
    this.files.replaceForeign(path, recordDocument(record, pfName), 0o600, temporaryPath(record));
  }

  /**
   * Changes the state in a record. It is one byte: neither a kill nor a full disk can interrupt the write. A record that
   * another program (jq) has rewritten has its state at another place, and is replaced. The caller holds the VF's
   * lock, as for {@link replace}. To read what this call has created would cost ADD four system calls.
   */
  setState(path: string, state: AttachmentRecord["state"]): void {
    const text = path === this.created ? undefined : this.text(path);
    if (text === undefined || isPatchable(text)) this.files.patch(path, stateOffset(), stateLetter(state));
    else
      this.files.replaceForeign(path, withState(text, state), 0o600, temporaryPath(parseStored(text).record));
  }

  /** Removes a record, or another file at its path; a missing file is a success. */
  remove(path: string): void {
    this.files.remove(path);
    if (path.startsWith(`${collisionRoot}/`)) this.files.removeDirectory(parentOf(path));
  }

  /**
   * Keeps a record of which only the lease must still be released, at another path. The new name contains the VF
   * and the time, so it is unique even if a later attachment of the same name becomes orphaned, too.
   */
  deferRelease(path: string, { vf, since }: AttachmentRecord): void {
    this.files.makeDirectory(`${STATE_DIRECTORY}/.leases`);
    this.files.rename(path, `${STATE_DIRECTORY}/.leases/${vf.pci}-${since}`);
  }

  /** Returns the paths of a VF's unreleased leases. It lists a directory, so callers first check the VF's lock file. */
  unreleasedLeasesOf(pci: string): string[] {
    const names = this.files.list(`${STATE_DIRECTORY}/.leases`).filter((name) => name.startsWith(`${pci}-`));
    return names.sort().map((name) => `${STATE_DIRECTORY}/.leases/${name}`);
  }

  /** Returns the paths of all unreleased leases. It lists a directory, so ADD and DEL do not call it. */
  unreleasedLeases(): string[] {
    return this.files.list(`${STATE_DIRECTORY}/.leases`).map((name) => `${STATE_DIRECTORY}/.leases/${name}`);
  }

  /** Returns the paths of all records. It lists directories, so ADD and DEL call it only if they need it. */
  paths(): string[] {
    const plain = this.files.list(STATE_DIRECTORY).filter((name) => !name.startsWith("."));
    const collision = this.files
      .list(collisionRoot)
      .flatMap((id) => this.files.list(`${collisionRoot}/${id}`).map((ifname) => `.x/${id}/${ifname}`));
    return [...plain, ...collision].map((name) => `${STATE_DIRECTORY}/${name}`);
  }
}

/** @throws {Error} if the record is damaged. */
function temporaryPath(record: AttachmentRecord | undefined): string {
  if (record === undefined) throw new Error("the record is damaged");
  return `${vfLockPath(record.vf.pci)}.new`;
}

/** Returns the path of a VF's lock file. */
export function vfLockPath(pci: string): string {
  return `${STATE_DIRECTORY}/.vf/${pci}`;
}

function plainPath(name: AttachmentName): string {
  return `${STATE_DIRECTORY}/${name.containerId}-${name.ifname}`;
}

function collisionPath(name: AttachmentName): string {
  return `${collisionRoot}/${name.containerId}/${name.ifname}`;
}
