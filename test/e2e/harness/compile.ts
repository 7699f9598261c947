import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, renameSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { inRepository } from "./guest.ts";

/**
 * Compiles a C program statically, so that it runs on this machine and in the guest, unless it is already compiled from
 * the current source and headers.
 * @param source path in this repository.
 * @returns the path of the program.
 */
export function compile(source: string): string {
  const directory = inRepository("build/e2e");
  const program = `${directory}/${basename(source, ".c")}`;
  const modified = (path: string) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const headers = readdirSync(inRepository(dirname(source))).filter((name) => name.endsWith(".h"));
  const sources = [source, ...headers.map((name) => join(dirname(source), name))];
  if (sources.every((path) => modified(program) > modified(inRepository(path)))) return program;
  mkdirSync(directory, { recursive: true });
  const flags = ["-O2", "-static", "-std=gnu11", "-Wall", "-Wextra", "-Werror"];
  // Another test file can compile the same program, or copy it, at the same time.
  const unfinished = `${program}.${process.pid}`;
  execFileSync("gcc", [...flags, "-o", unfinished, inRepository(source)], { stdio: "inherit" });
  renameSync(unfinished, program);
  return program;
}
