import { parseRecord } from "../../../src/attachment/record/document.ts";
import {
  type AttachmentName,
  type AttachmentRecord,
  isNamed,
} from "../../../src/attachment/record/record.ts";
import type { Machine } from "../model/machine.ts";
import { other } from "./other.ts";
import { stateDirectory } from "./state.ts";

/** Stories resemble each other: what was read once need not be read again. */
const known = new Map<string, AttachmentRecord | undefined>();
const MOST_KNOWN = 1_000;

/** The records of all containers but the one that must never notice anything, by path. */
export function recordsOf(machine: Machine): Map<string, AttachmentRecord> {
  const records = new Map<string, AttachmentRecord>();
  for (const [path, text] of machine.files.texts) {
    if (!path.startsWith(`${stateDirectory}/`) || path.startsWith(`${stateDirectory}/.`)) continue;
    const record = read(text);
    if (record !== undefined && !isNamed(record, other)) records.set(path, record);
  }
  return records;
}

/** The record of a container, if it has one that can be read. */
export function recordOf(machine: Machine, name: AttachmentName): AttachmentRecord | undefined {
  return recordsOf(machine).get(pathOf(name));
}

/** Where the record of a container is. */
export function pathOf({ containerId, ifname }: AttachmentName): string {
  return `${stateDirectory}/${containerId}-${ifname}`;
}

/** Has the container a VF, as the record says, in a namespace that is there? */
export function lives({ paths }: Machine, record: AttachmentRecord | undefined): boolean {
  return record?.state === "complete" && paths.get(record.netns)?.cookie === record.netnsCookie;
}

/** The VF that two living containers claim, if there is one. */
export function doubleOwners(machine: Machine): string[] {
  const owners = new Map<string, string>();
  const violations: string[] = [];
  for (const record of recordsOf(machine).values()) {
    if (!lives(machine, record)) continue;
    const { pci } = record.vf;
    const before = owners.get(pci);
    if (before !== undefined) violations.push(`VF ${pci} belongs to ${before} and to ${record.containerId}`);
    owners.set(pci, record.containerId);
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
