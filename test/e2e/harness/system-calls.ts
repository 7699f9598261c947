import { execFileSync } from "node:child_process";

/** Returns the names of the kernel's system calls by their numbers on this machine, for example 257: "openat". */
export function systemCallNames(): ReadonlyMap<number, string> {
  const macros = execFileSync("gcc", ["-dM", "-E", "-include", "sys/syscall.h", "-x", "c", "/dev/null"], {
    encoding: "utf8",
  });
  return new Map(
    Array.from(macros.matchAll(/^#define __NR_(\w+) (\d+)$/gm), ([, name = "", number]) => [
      Number(number),
      name,
    ]),
  );
}
