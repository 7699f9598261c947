import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync, statSync } from "node:fs";
import { basename } from "node:path";
import { inRepository } from "./guest.ts";

/**
 * Compiles a C program statically, so that it runs on this machine and in the guest, unless it is already compiled.
 * @param source path in this repository.
 * @returns the path of the program.
 */
export function compile(source: string): string {
  const directory = inRepository("build/e2e");
  const program = `${directory}/${basename(source, ".c")}`;
  const modified = (path: string) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (modified(program) > modified(inRepository(source))) return program;
  mkdirSync(directory, { recursive: true });
  const flags = ["-O2", "-static", "-std=gnu11", "-Wall", "-Wextra", "-Werror"];
  // Another test file can compile the same program, or copy it, at the same time.
  const unfinished = `${program}.${process.pid}`;
  execFileSync("gcc", [...flags, "-o", unfinished, inRepository(source)], { stdio: "inherit" });
  renameSync(unfinished, program);
  return program;
}
