import { mkdtempSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LinuxClock } from "../../../../src/linux/clock.ts";
import { LinuxFiles } from "../../../../src/linux/files/files.ts";
import { Waits } from "../../../../src/linux/waits.ts";
import { machine, resetMachine } from "../machine.ts";

/** The files of a machine without other activity, and a directory for them, which the test must remove. */
export function scratchFiles(): { readonly directory: string; readonly files: LinuxFiles } {
  resetMachine();
  const waits = new Waits();
  const directory = mkdtempSync(join(tmpdir(), "files-"));
  machine.scratch = directory;
  return { directory, files: new LinuxFiles(new LinuxClock(waits), waits) };
}

/** Returns the permission bits of a file. */
export function modeOf(path: string): number {
  return statSync(path).mode & 0o777;
}
