import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { basename } from "node:path";
import { inRepository } from "./guest.ts";

/**
 * Compiles a C program statically, so that it runs on this machine and in the guest.
 * @param source path in this repository.
 * @returns the path of the program.
 */
export function compile(source: string): string {
  const directory = inRepository("build/e2e");
  const program = `${directory}/${basename(source, ".c")}`;
  mkdirSync(directory, { recursive: true });
  const flags = ["-O2", "-static", "-std=gnu11", "-Wall", "-Wextra", "-Werror"];
  execFileSync("gcc", [...flags, "-o", program, inRepository(source)], { stdio: "inherit" });
  return program;
}
