import { textOf } from "./documents.ts";

/** The keys of a network configuration that docs/configuration.md has a row for, e.g. "args.cni.guid". */
export function documentedKeys(): string[] {
  const text = textOf("docs/configuration.md");
  const section = text.slice(text.indexOf("## Keys"), text.indexOf("## Which GUID"));
  return Array.from(section.matchAll(/^\| `([^`]+)` \|/gm), ([, key]) => key ?? "");
}
