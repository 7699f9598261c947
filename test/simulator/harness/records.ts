import { parseRecord } from "../../../src/attachment/record/codec.ts";
import {
  type AttachmentName,
  type AttachmentRecord,
  isNamed,
} from "../../../src/attachment/record/record.ts";
import { STATE_DIRECTORY } from "../../../src/attachment/record/state-directory.ts";
import type { Machine } from "../model/machine.ts";
import { other } from "./other-container.ts";

/** Parsed records by text: the same texts recur in many simulated nodes, and parsing takes time. */
const known = new Map<string, AttachmentRecord | undefined>();
const MOST_KNOWN = 1_000;

/** Returns the records of all containers but the other one (see other-container.ts), by path. */
export function recordsOf(machine: Machine): Map<string, AttachmentRecord> {
  const records = new Map<string, AttachmentRecord>();
  for (const [path, text] of machine.files.texts) {
    if (!path.startsWith(`${STATE_DIRECTORY}/`) || path.startsWith(`${STATE_DIRECTORY}/.`)) continue;
    const record = read(text);
    if (record !== undefined && !isNamed(record, other)) records.set(path, record);
  }
  return records;
}

/** Returns the record of a container; `undefined` if it does not exist or cannot be parsed. */
export function recordOf(machine: Machine, name: AttachmentName): AttachmentRecord | undefined {
  return recordsOf(machine).get(pathOf(name));
}

/** Returns the path of a container's record. */
export function pathOf({ containerId, ifname }: AttachmentName): string {
  return `${STATE_DIRECTORY}/${containerId}-${ifname}`;
}

/** Reports whether the record is complete and the container's namespace exists. */
export function isAttached({ paths }: Machine, record: AttachmentRecord | undefined): boolean {
  return record?.state === "complete" && paths.get(record.netns)?.cookie === record.netnsCookie;
}

/** Returns an error for each VF that belongs to two running containers. A VF that is created again is another VF. */
export function doubleOwners(machine: Machine): string[] {
  const owners = new Map<string, string>();
  const violations: string[] = [];
  for (const record of recordsOf(machine).values()) {
    if (!isAttached(machine, record)) continue;
    const { bootId, containerId, vf } = record;
    const key = `${vf.pci} ${vf.generation} ${bootId}`;
    const before = owners.get(key);
    if (before !== undefined) violations.push(`VF ${vf.pci} belongs to ${before} and to ${containerId}`);
    owners.set(key, containerId);
  }
  return violations;
}

function read(text: string): AttachmentRecord | undefined {
  if (!known.has(text)) {
    if (known.size >= MOST_KNOWN) known.clear();
    known.set(text, parseRecord(text));
  }
  return known.get(text);
}
