import type { CliContext } from "../context.ts";
import { configurationFiles } from "./configuration-files.ts";

/** What ib_core will be loaded with. */
export interface ConfiguredMode {
  readonly isExclusive: boolean;
  /** The file that says so; undefined: none does, and it is the kernel's default. */
  readonly file: string | undefined;
}

/** The mode of RDMA devices as modprobe and the kernel's command line have it; undefined where they are not to be seen. */
export function modeAfterReboot(machine: CliContext): ConfiguredMode | undefined {
  const { inventory } = machine;
  const files = configurationFiles(machine, "modprobe.d", ".conf");
  if (files === undefined) return undefined;
  let mode: ConfiguredMode = { isExclusive: false, file: undefined };
  // All of it is handed to the module in this order, and its last word counts; that of the command line comes last
  // (kmod's libkmod-config.c, kmod_config_new).
  for (const file of [...files, "/proc/cmdline"]) {
    const value = lastMode(inventory.text(file) ?? "");
    // As the kernel reads a bool: kstrtobool of lib/kstrtox.c.
    if (value !== undefined) mode = { isExclusive: /^(0|n|of)/i.test(value), file };
  }
  return mode;
}

/** The last value in "options ib_core … netns_mode=0" or "ib_core.netns_mode=0", whichever is a file's way to say it. */
function lastMode(text: string): string | undefined {
  const words = /^(?:\s*options\s+ib[_-]core\s.*\b|(?:[^#\n]*\s)?ib[_-]core\.)netns_mode="?(\w+)/gm;
  return [...text.matchAll(words)].at(-1)?.[1];
}
