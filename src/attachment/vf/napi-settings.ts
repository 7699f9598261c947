import type { Link } from "../../node/links.ts";
import { changedNapiSettings, INITIAL_NAPI_SETTINGS, type NapiSettings } from "../../node/napi-settings.ts";
import type { StepContext } from "../context.ts";
import { attempt, attemptAll } from "../errors.ts";
import type { AttachmentRecord } from "../record/record.ts";
import { isUntouched } from "./netdev.ts";

/**
 * Restores the {@link NapiSettings} of the VF's netdev, which is on the host.
 * @returns the names of those that writing them does not restore.
 */
export function restoreNapiSettings(attachment: StepContext, netdev: Link): string[] {
  const { node, record } = attachment;
  const { pci } = record.vf;
  const originals = originalNapiSettings(record, netdev);
  if (originals === undefined) return [];
  const look = (name: string) =>
    attempt(`read the NAPI settings of ${name} of VF ${pci}`, () => node.functions.napiSettings(pci, name));
  const { now, name } = seen(attachment, netdev, look);
  if (now === undefined) return [];
  const changed = changedNapiSettings(now, originals);
  if (Object.keys(changed).length === 0) return [];
  const write = () =>
    attempt(`restore the NAPI settings of ${name} of VF ${pci}`, () =>
      node.functions.setNapiSettings(pci, name, changed),
    );
  // A failure can be a passing one, and the rebind that follows one costs much more.
  if (attemptAll([write]).length > 0) attemptAll([write]);
  const after = look(name);
  return Object.keys(after === undefined ? changed : changedNapiSettings(after, originals));
}

/** Looks at a netdev by its name, and once more if udev has just given it another one. */
function seen(
  { node }: StepContext,
  { index, name }: Link,
  look: (name: string) => NapiSettings | undefined,
): { readonly now: NapiSettings | undefined; readonly name: string } {
  const now = look(name);
  if (now !== undefined) return { now, name };
  const renamed = node.links.byIndex(node.namespaces.host, index)?.name;
  return renamed === undefined ? { now, name } : { now: look(renamed), name: renamed };
}

/** Returns what the netdev had before a container had it; undefined if none has had it. */
function originalNapiSettings(record: AttachmentRecord, netdev: Link): NapiSettings | undefined {
  return record.found.napi ?? (isUntouched(record, netdev) ? undefined : INITIAL_NAPI_SETTINGS);
}
