import type { Link } from "../../node/links.ts";
import { changedNapiSettings, INITIAL_NAPI_SETTINGS, type NapiSettings } from "../../node/napi-settings.ts";
import type { StepContext } from "../context.ts";
import { attemptAll } from "../errors.ts";
import type { AttachmentRecord } from "../record/record.ts";
import { isUntouched } from "./netdev.ts";

/**
 * Restores the {@link NapiSettings} of the VF's netdev, which is on the host.
 * @returns the names of the settings that could not be restored.
 */
export function restoreNapiSettings(attachment: StepContext, netdev: Link): string[] {
  const { node, record } = attachment;
  const { pci } = record.vf;
  const originals = originalNapiSettings(record, netdev);
  if (originals === undefined) return [];
  const read = (name: string) => node.functions.napiSettings(pci, name);
  const { now, name } = readOrRetry(attachment, netdev, read);
  if (now === undefined) return [];
  const changed = changedNapiSettings(now, originals);
  if (Object.keys(changed).length === 0) return [];
  const write = () => node.functions.setNapiSettings(pci, name, changed);
  // Try twice: a failure can be temporary, and the rebind after a second failure costs much more.
  if (attemptAll([write]).length > 0) attemptAll([write]);
  const after = read(name);
  return Object.keys(after === undefined ? changed : changedNapiSettings(after, originals));
}

/** Reads the settings of a netdev by its name, and reads again if udev has just renamed the netdev. */
function readOrRetry(
  { node }: StepContext,
  { index, name }: Link,
  read: (name: string) => NapiSettings | undefined,
): { readonly now: NapiSettings | undefined; readonly name: string } {
  const now = read(name);
  if (now !== undefined) return { now, name };
  const renamed = node.links.byIndex(node.namespaces.host, index)?.name;
  return renamed === undefined ? { now, name } : { now: read(renamed), name: renamed };
}

/** Returns the settings that the netdev had before it was in a container; `undefined` if it has not been in one. */
function originalNapiSettings(record: AttachmentRecord, netdev: Link): NapiSettings | undefined {
  return record.originals.napi ?? (isUntouched(record, netdev) ? undefined : INITIAL_NAPI_SETTINGS);
}
