import { baseName } from "../../node/path.ts";
import type { ListedAttachment } from "./attachments.ts";

/** How the help describes the argument CONTAINER of commands that {@link matchesOf} reads. */
export const CONTAINER_DETAILS =
  "CONTAINER is the beginning of a container's ID, or the pod as NAMESPACE/POD, or a name that `-o name` prints.";

/**
 * Returns the attachments that a name on the command line means: the beginning of a container's ID, "namespace/pod",
 * "container/interface", or the path of a record. A complete ID excludes longer ones.
 */
export function matchesOf(all: readonly ListedAttachment[], name: string): ListedAttachment[] {
  const exact = all.filter(
    (each) => each.path === name || each.pod === name || labelOf(each) === name || hasId(each, name),
  );
  if (exact.length > 0 || name === "") return exact;
  return all.filter((each) => idOf(each).startsWith(name));
}

/** As {@link matchesOf}. @throws {Error} if the name means no attachment. */
export function requireMatches(all: readonly ListedAttachment[], name: string): ListedAttachment[] {
  const matches = matchesOf(all, name);
  if (matches.length === 0) throw new Error(`${subjectOf(name)} has no attachment`);
  return matches;
}

/**
 * Returns the one attachment that a name, see {@link matchesOf}, and an interface mean.
 * @param ifname "" for the only attachment of the container.
 * @throws {Error} if the name means no attachment, or several, which the message lists.
 */
export function selectOne(all: readonly ListedAttachment[], name: string, ifname: string): ListedAttachment {
  const matches = matchesOf(all, name).filter((each) => ifname === "" || hasInterface(each, ifname));
  const [match, ...others] = matches;
  if (match === undefined) throw new Error(`${subjectOf(name)} has no attachment${ifname && ` ${ifname}`}`);
  if (others.length === 0) return match;
  const listed = matches.map(
    (each) => `\n  ${labelOf(each)}${each.pod === undefined ? "" : ` (${each.pod})`}`,
  );
  throw new Error(`${name} means ${matches.length} attachments; name a single one:${listed.join("")}`);
}

/** Returns "container/interface"; the path of the record if it does not contain them. */
export function labelOf({
  name,
  path,
}: Pick<ListedAttachment, "path"> & Partial<Pick<ListedAttachment, "name">>): string {
  return name === undefined ? path : `${name.containerId}/${name.ifname}`;
}

/** Returns the container's ID. A record whose container is not known has it at the beginning of its file name. */
function idOf({ name, path }: ListedAttachment): string {
  return name?.containerId ?? baseName(path);
}

function hasId(attachment: ListedAttachment, id: string): boolean {
  return attachment.name === undefined ? idOf(attachment).startsWith(`${id}-`) : idOf(attachment) === id;
}

function hasInterface({ name, path }: ListedAttachment, ifname: string): boolean {
  return name === undefined ? path.endsWith(`-${ifname}`) : name.ifname === ifname;
}

/** Returns a name for messages: it is that of a container if it is not a path, and not of two parts. */
function subjectOf(name: string): string {
  return name.includes("/") ? name : `container ${name}`;
}

/** Length of the part of a container's ID that is shown in tables, as runtimes do. */
const SHORT_ID = 12;

/** Returns the part of a container's ID that is shown in tables, and that commands accept instead of the ID. */
export function shortId(id: string): string {
  return id.slice(0, SHORT_ID);
}
