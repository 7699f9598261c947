import { fromJson } from "../../cni/document.ts";
import { utf8Length } from "../../cni/utf8-length.ts";
import type { Guid } from "../../infiniband/guid.ts";
import type { Files, Lock } from "../../node/files.ts";
import { errnoOf } from "../../node/node.ts";
import { parsePciAddress } from "../../node/pci-address.ts";
import { parseRecord, recordDocument, stateLetter, stateOffset, unreadableIn } from "./document.ts";
import { type GoCache, parseGoCache } from "./go-cache.ts";
import { type AttachmentName, type AttachmentRecord, isNamed } from "./record.ts";
import { notRead, type Unreadable } from "./unreadable.ts";

/**
 * Where the node's attachments are written down. It is the Go plugin's place, and below `/var/lib/cni`, the
 * one directory that every caller shares with the host (a DRA driver's container has not even /run).
 */
export const STATE_DIRECTORY = "/var/lib/cni/ib-sriov";

/** Where a record is if another attachment has its plain path. */
const asideRoot = `${STATE_DIRECTORY}/.x`;

const countersFile = `${STATE_DIRECTORY}/.calls`;

/** Longest file name of Linux file systems, bytes (NAME_MAX, linux/limits.h). */
const longestName = 255;

/** What stands in a file of the state directory. */
export interface StoredRecord {
  readonly path: string;
  /** undefined: the file holds no record that can be read. */
  readonly record: AttachmentRecord | undefined;
  /**
   * What the Go plugin has written there instead; undefined where it has not. Of a record of ours that is damaged, what
   * that plugin could read in it.
   */
  readonly reference: GoCache | undefined;
  /** Why there is no record; `undefined` if there is one, or a cache of the Go plugin. */
  readonly unreadable: Unreadable | undefined;
}

/**
 * The state directory: a record for each attachment, a lock file for each VF, leases that are still owed.
 * Names of ours begin with a dot, which no container ID can.
 */
export class StateDirectory {
  /** The last record that was read: it is read again under a lock, and is then mostly the same. */
  private last: ({ readonly text: string } & ReturnType<typeof parse>) | undefined;

  constructor(private readonly files: Files) {}

  /** Makes the directories that a change needs; what else stands in their place throws. */
  prepare(): void {
    this.files.makeDirectory(`${STATE_DIRECTORY}/.vf`);
  }

  /**
   * Throws what keeps records and lock files from being made, and changes nothing. What is not there yet would be
   * made, so then it is the nearest directory above that must be writable.
   */
  requireWritable(): void {
    this.files.requireWritable(`${STATE_DIRECTORY}/.vf`);
    this.requireNearest(STATE_DIRECTORY);
  }

  private requireNearest(path: string): void {
    const isThere = this.files.requireWritable(path);
    if (!isThere && path !== "") this.requireNearest(path.slice(0, path.lastIndexOf("/")));
  }

  /** The lock file of a VF, which also says who owns the VF; never removed. */
  vfLock(pci: string): Lock {
    return this.files.lock(`${STATE_DIRECTORY}/.vf/${pci}`);
  }

  /** What the lock file of a VF says; "" where it says nothing. To be read without the lock. */
  vfNote(pci: string): string {
    return this.files.read(`${STATE_DIRECTORY}/.vf/${pci}`) ?? "";
  }

  /**
   * Notes that a VF is given a GUID.
   * @returns false, and nothing is changed, if there is a note of that GUID already.
   */
  createGuidNote(guid: Guid, pci: string): boolean {
    const path = guidPath(guid);
    try {
      return this.files.create(path, pci);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
    }
    this.files.makeDirectory(parentOf(path));
    return this.files.create(path, pci);
  }

  /** Returns the PCI address of the VF that was given a GUID, as its note says; `undefined` if there is no note. */
  guidNote(guid: Guid): string | undefined {
    return this.files.read(guidPath(guid));
  }

  /** Removes the note of a GUID; gone already is success. */
  removeGuidNote(guid: Guid): void {
    this.files.remove(guidPath(guid));
  }

  /** The lock file that guards what reallocates the node's RDMA character devices. */
  nodeLock(): Lock {
    return this.files.lock(`${STATE_DIRECTORY}/.node`);
  }

  /** Adds a line to the file in which calls are counted (src/log/counters.ts), as {@link Files.addLine} does. */
  count(line: string, limit: number, deadline: number, shorten: (text: string) => string): void {
    this.files.addLine(countersFile, line, limit, deadline, shorten);
  }

  /** What that file says; "" where there is none. */
  countersText(): string {
    return this.files.read(countersFile) ?? "";
  }

  /** Is the attachment's name one that a file can bear? "a-b" and longer than {@link longestName} is not. */
  nameFits(name: AttachmentName): boolean {
    return utf8Length(name.containerId) + 1 + utf8Length(name.ifname) <= longestName;
  }

  /**
   * The attachment's record, undefined where there is none. Two attachments can claim one path ("a" with
   * "b-c" and "a-b" with "c"); the second one's record then stands aside.
   */
  find(name: AttachmentName): StoredRecord | undefined {
    return requireRead(this.findOnce(name));
  }

  /**
   * {@link find}, but a file that the file system does not let us read is {@link StoredRecord.unreadable}, too. An error
   * of the disk can pass, and without the record less is put back, so it is read once more.
   */
  findAny(name: AttachmentName): StoredRecord | undefined {
    const stored = this.findOnce(name);
    return stored?.unreadable?.kind === "not read" ? this.findOnce(name) : stored;
  }

  private findOnce(name: AttachmentName): StoredRecord | undefined {
    const plain = this.readAny(plainPath(name));
    if (isNamed(plain?.record, name)) return plain;
    const aside = this.readAny(asidePath(name));
    if (aside !== undefined) return aside;
    return plain !== undefined && mayBeOf(plain, name) ? plain : undefined;
  }

  /**
   * Reads a record by its path (as {@link StoredRecord} has it), and changes nothing. Whatever is done to the record later
   * comes after such a read, so a link that leads out of the state directory is refused here.
   * @throws what the file system answered (EIO, say), if the file may be a record next time.
   */
  read(path: string): StoredRecord | undefined {
    return requireRead(this.readAny(path));
  }

  /** {@link read}, but a file that the file system does not let us read is {@link StoredRecord.unreadable}, too. */
  readAny(path: string): StoredRecord | undefined {
    let text: string | undefined;
    try {
      text = this.text(path);
      if (text !== undefined && path.startsWith(`${asideRoot}/`)) {
        this.files.hasDirectory(asideRoot);
        this.files.hasDirectory(parentOf(path));
      }
    } catch (error) {
      return { path, record: undefined, reference: undefined, unreadable: notRead(error) };
    }
    if (text === undefined) return undefined;
    if (this.last?.text !== text) this.last = { text, ...parse(text) };
    const { record, reference, unreadable } = this.last;
    return { path, record, reference, unreadable };
  }

  /** Returns when a file was written last, ms since 1970; `undefined` if it does not exist. */
  modified(path: string): number | undefined {
    return this.files.modified(path);
  }

  /** Returns the PCI addresses of the VFs that have a lock file. A walk: not for ADD or DEL. */
  lockedVfs(): string[] {
    return this.files.list(`${STATE_DIRECTORY}/.vf`).filter((name) => parsePciAddress(name) === name);
  }

  /** What a file says, be it our record or the Go plugin's cache; undefined where it is no JSON, or not there. */
  document(path: string): unknown {
    return fromJson(this.text(path) ?? "");
  }

  /** undefined where nothing is there; "" where what stands there is no file of ours, and never was. */
  private text(path: string): string | undefined {
    try {
      return this.files.read(path);
    } catch (error) {
      // Anything else (EIO, say) may be a record next time.
      if (["ELOOP", "EINVAL", "EFBIG"].includes(errnoOf(error) ?? "")) return "";
      throw error;
    }
  }

  /**
   * Writes a new record, whole or not at all, and never over another one.
   * @returns its path; undefined where this attachment has a record already.
   */
  create(record: AttachmentRecord, pfName: string): string | undefined {
    const text = recordDocument(record, pfName);
    const plain = plainPath(record);
    if (this.files.create(plain, text)) return plain;
    const holder = this.read(plain);
    if (holder === undefined || mayBeOf(holder, record)) return undefined;
    const aside = asidePath(record);
    this.files.makeDirectory(asideRoot);
    this.files.makeDirectory(parentOf(aside));
    return this.files.create(aside, text) ? aside : undefined;
  }

  /**
   * Writes a record over what the Go plugin has written, whole or not at all. The VF's lock is held, so nobody else
   * uses the temporary file; one that a kill left is written over.
   */
  replace(path: string, record: AttachmentRecord, pfName: string): void {
    const temporary = `${STATE_DIRECTORY}/.vf/${record.vf.pci}.new`;
    this.files.replaceForeign(path, recordDocument(record, pfName), 0o600, temporary);
  }

  /** Says in a record what has become of its attachment. It is one byte: no kill can tear it, and no full disk hinder it. */
  setState(path: string, state: AttachmentRecord["state"]): void {
    this.files.patch(path, stateOffset(), stateLetter(state));
  }

  /** Removes a record, or what stands in its place; gone already is success. */
  remove(path: string): void {
    this.files.remove(path);
    if (path.startsWith(`${asideRoot}/`)) this.files.removeDirectory(parentOf(path));
  }

  /**
   * Puts a record aside of which only the lease is left to be released. Its new name tells it from any other
   * that is owed: an attachment of the same name can come and die again.
   */
  park(path: string, { vf, since }: AttachmentRecord): void {
    this.files.makeDirectory(`${STATE_DIRECTORY}/.owed`);
    this.files.rename(path, `${STATE_DIRECTORY}/.owed/${vf.pci}-${since}`);
  }

  /** Paths of such records of a VF. A walk, only for where the VF's lock file says that there are any. */
  owedOf(pci: string): string[] {
    const names = this.files.list(`${STATE_DIRECTORY}/.owed`).filter((name) => name.startsWith(`${pci}-`));
    return names.sort().map((name) => `${STATE_DIRECTORY}/.owed/${name}`);
  }

  /** Paths of the records of which only the lease is left. A walk: not for ADD or DEL. */
  owedPaths(): string[] {
    return this.files.list(`${STATE_DIRECTORY}/.owed`).map((name) => `${STATE_DIRECTORY}/.owed/${name}`);
  }

  /** All records' paths. A walk: not for ADD or DEL. */
  paths(): string[] {
    const plain = this.files.list(STATE_DIRECTORY).filter((name) => !name.startsWith("."));
    const aside = this.files
      .list(asideRoot)
      .flatMap((id) => this.files.list(`${asideRoot}/${id}`).map((ifname) => `.x/${id}/${ifname}`));
    return [...plain, ...aside].map((name) => `${STATE_DIRECTORY}/${name}`);
  }
}

function parse(text: string): Omit<StoredRecord, "path"> {
  const record = parseRecord(text);
  if (record !== undefined) return { record, reference: undefined, unreadable: undefined };
  const unreadable = unreadableIn(text);
  // What an older program does with a part of it that it can read, a later one may not expect.
  if (unreadable?.kind === "later format") return { record, reference: undefined, unreadable };
  const reference = parseGoCache(text);
  const isOther = reference !== undefined && unreadable === undefined;
  return { record, reference, unreadable: isOther ? undefined : (unreadable ?? notOurs) };
}

const notOurs: Unreadable = { kind: "damaged", reason: "it holds no record" };

function requireRead(stored: StoredRecord | undefined): StoredRecord | undefined {
  if (stored?.unreadable?.kind === "not read") throw stored.unreadable.error;
  return stored;
}

/** Can what stands in the file of an attachment's name be that attachment's? Of what cannot be read nobody knows. */
function mayBeOf({ record, reference }: StoredRecord, name: AttachmentName): boolean {
  if (record !== undefined) return isNamed(record, name);
  // The Go plugin notes the interface only; with the file's name that says which container's.
  return reference === undefined || reference.ifname === "" || reference.ifname === name.ifname;
}

function plainPath(name: AttachmentName): string {
  return `${STATE_DIRECTORY}/${name.containerId}-${name.ifname}`;
}

function guidPath(guid: Guid): string {
  return `${STATE_DIRECTORY}/.guid/${guid.replaceAll(":", "")}`;
}

function asidePath(name: AttachmentName): string {
  return `${asideRoot}/${name.containerId}/${name.ifname}`;
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}
