import { type Guid, isUsableGuid, parseGuid } from "../../infiniband/guid.ts";
import type { Files } from "../../node/files.ts";
import { errnoOf } from "../../node/node.ts";
import type { AttachmentRecord } from "./record.ts";

/**
 * The notes of which VF has a GUID: a file for each GUID that belongs to an attachment (see {@link guidsOf}). Its name is
 * the GUID, so that ADD finds the VF without reading any record; it contains the VF's PCI address. The VF's lock file and
 * record show whether the VF still has the GUID, so a note that a killed call left is recognized.
 *
 * All notes of a VF are links to one file: a link takes one system call, a new file takes four.
 */
export class GuidNotes {
  private readonly directory: string;

  /** @param root path of the state directory. */
  constructor(
    private readonly files: Files,
    private readonly root: string,
  ) {
    this.directory = `${root}/.guid`;
  }

  /**
   * Notes that a VF has a GUID.
   * @returns "taken" if there is already a note of that GUID, which then stays unchanged; "unprepared" if
   *   {@link prepare} was never called for the VF.
   */
  create(guid: Guid, pci: string): "created" | "taken" | "unprepared" {
    const path = this.pathOf(guid);
    let isNew: boolean;
    try {
      isNew = this.files.link(this.sourceOf(pci), path);
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return "unprepared";
      // The file system may have no links. Any other reason fails this call, too.
      isNew = this.files.create(path, pci);
    }
    return isNew ? "created" : "taken";
  }

  /** Creates the file to which the notes of a VF are links. */
  prepare(pci: string): void {
    this.files.makeDirectory(this.directory);
    this.files.create(this.sourceOf(pci), pci);
  }

  /** Returns the PCI address of the VF that has a GUID; `undefined` without a note of the GUID. */
  vfWith(guid: Guid): string | undefined {
    return this.files.read(this.pathOf(guid));
  }

  /** Returns the GUIDs that have notes. It lists a directory, so ADD and DEL do not call it. */
  guids(): Guid[] {
    return this.files
      .list(this.directory)
      .map(parseGuid)
      .filter((guid) => guid !== undefined);
  }

  /** Removes the note of a GUID; a missing note is a success. */
  remove(guid: Guid): void {
    this.files.remove(this.pathOf(guid));
  }

  /** Removes the notes of GUIDs, as far as they name a VF. */
  removeOf(pci: string, guids: readonly Guid[]): void {
    const source = guids.length > 0 ? this.files.inode(this.sourceOf(pci)) : undefined;
    for (const guid of guids) {
      const inode = this.files.inode(this.pathOf(guid));
      // A file system without links has separate files.
      if (inode !== undefined && (inode === source || this.vfWith(guid) === pci)) this.remove(guid);
    }
  }

  private pathOf(guid: Guid): string {
    return `${this.directory}/${guid.replaceAll(":", "")}`;
  }

  /** Returns the path of the file to which the notes of a VF are links. */
  private sourceOf(pci: string): string {
    return `${this.root}/.vf/${pci}.guid`;
  }
}

/**
 * Returns the GUIDs that belong to an attachment as long as it has a record, whatever its kind, and whether the
 * attachment has given them to its VF or found them: the GUID that it gives, and the VF's own, which the VF keeps or gets
 * back.
 */
export function guidsOf({ desired, originals }: AttachmentRecord): Guid[] {
  const { nodeGuid, portGuid, adminNodeGuid, adminPortGuid } = originals;
  return usableGuids([desired.guid, portGuid, nodeGuid, adminPortGuid, adminNodeGuid]);
}

/** Returns the GUIDs of a list that are valid, each once. */
export function usableGuids(guids: readonly (Guid | undefined)[]): Guid[] {
  return [...new Set(guids)].filter((guid): guid is Guid => guid !== undefined && isUsableGuid(guid));
}

/**
 * Removes the notes of an attachment's GUIDs, before its record is removed. It also removes the notes of earlier
 * attachments of that VF whose records are lost.
 * @param kept GUIDs whose notes stay, because another attachment of that VF has them.
 */
export function releaseGuidNotes(
  { guidNotes }: { readonly guidNotes: GuidNotes },
  record: AttachmentRecord,
  kept: readonly Guid[] = [],
): void {
  const guids = [...new Set([...guidsOf(record), ...(record.staleGuids ?? [])])];
  guidNotes.removeOf(
    record.vf.pci,
    guids.filter((guid) => !kept.includes(guid)),
  );
}
