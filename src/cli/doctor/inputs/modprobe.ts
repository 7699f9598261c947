import type { CliContext } from "../../context.ts";
import { configurationFiles } from "./configuration-files.ts";

/** The mode with which ib_core will be loaded. */
export interface ConfiguredMode {
  readonly isExclusive: boolean;
  /** The file that sets it; `undefined` if it is the kernel's default. */
  readonly file: string | undefined;
}

/**
 * Returns the mode of RDMA devices after a reboot, from the files of modprobe and the kernel's command line;
 * `undefined` if modprobe's files cannot be seen.
 */
export function modeAfterReboot(machine: CliContext): ConfiguredMode | undefined {
  const { inventory } = machine;
  const files = configurationFiles(machine, "modprobe.d", ".conf");
  if (files === undefined) return undefined;
  let mode: ConfiguredMode = { isExclusive: false, file: undefined };
  // The module gets all options in this order, and the last value counts. Those of the kernel's command line come last
  // (kmod's libkmod-config.c, kmod_config_new).
  for (const file of [...files, "/proc/cmdline"]) {
    const value = lastMode(inventory.text(file) ?? "");
    // The kernel parses a bool like this: kstrtobool of lib/kstrtox.c.
    if (value !== undefined) mode = { isExclusive: /^(0|n|of)/i.test(value), file };
  }
  return mode;
}

/** Returns the last value in "options ib_core … netns_mode=0" or "ib_core.netns_mode=0". */
function lastMode(text: string): string | undefined {
  const words = /^(?:\s*options\s+ib[_-]core\s.*\b|(?:[^#\n]*\s)?ib[_-]core\.)netns_mode="?(\w+)/gm;
  return [...text.matchAll(words)].at(-1)?.[1];
}
