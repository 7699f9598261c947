import { textOf } from "./documents.ts";

/** Returns the keys that docs/reference/configuration.md has a row for, such as "args.cni.guid". */
export function documentedKeys(): string[] {
  const text = textOf("docs/reference/configuration.md");
  const section = text.slice(text.indexOf("## Keys"), text.indexOf("## Which GUID"));
  return Array.from(section.matchAll(/^\| `([^`]+)` \|/gm), ([, key]) => key ?? "");
}
