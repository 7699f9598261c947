import type { Node } from "../../node/node.ts";
import { shellWord } from "../run-script.ts";

/** Longest command line for several VFs. A line for one VF can be longer. */
const LINE = 70;
/** Most command lines of one remedy. */
const MOST_LINES = 8;

/**
 * Returns a command of this program for VFs, e.g. "ib-sriov bind 0000:03:00.2 0000:03:00.3": several lines for many
 * VFs, `undefined` for no VF.
 * @param program the name by which this program is called.
 */
export function vfCommand(program: string, words: string, vfs: readonly string[]): string | undefined {
  const start = `${shellWord(program)} ${words}`;
  const lines: string[] = [];
  for (const vf of vfs) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + vf.length <= LINE) lines[lines.length - 1] = `${last} ${vf}`;
    else lines.push(`${start} ${vf}`);
  }
  return lines.length === 0 ? undefined : lines.join("\n");
}

/** Returns commands as the lines of one remedy; `undefined` if the list is empty, or too long to copy. */
export function commandLines(commands: readonly string[]): string | undefined {
  return commands.length === 0 || commands.length > MOST_LINES ? undefined : commands.join("\n");
}

/** Returns the command that moves a file to a path with the ending ".old" that does not exist yet. */
export function moveCommand({ files }: Node, from: string, to: string): string {
  let free = `${to}.old`;
  while (files.exists(free)) free += ".old";
  return `mv ${shellWord(from)} ${shellWord(free)}`;
}

/** Lists names for a sentence: the first few, and the number of the others. */
export function listed(names: readonly string[]): string {
  const shown = 4;
  const more = names.length - shown;
  return names.slice(0, shown).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
