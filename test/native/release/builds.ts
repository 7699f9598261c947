/** The two builds that are compared, installed, and made images of. */
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { expect } from "vitest";
import { freshPath } from "../harness.ts";

const parent = freshPath("elsewhere");
/**
 * Two directories with these sources, without a commit: the date is that of SOURCE_DATE_EPOCH. The path of the second has
 * spaces and characters that are special in shells and in make.
 */
export const directories = [freshPath("sources"), `${parent}/the same; $sources: it's 100%#2 (*)`] as const;
export const [here, elsewhere] = directories;
/** A command that splits the path at its spaces would remove this file. */
export const sibling = `${parent}/the/file`;
/** The directory of temporary files of the builds. */
export const temporary = freshPath("tmp");
/** The environment of all calls of make. */
export const env = {
  ...process.env,
  SOURCE_DATE_EPOCH: "1700000000",
  MAKEFLAGS: "",
  MAKELEVEL: "0",
  TMPDIR: temporary,
};

/** Calls make in a directory with sources. */
export function make(directory: string, ...args: string[]): SpawnSyncReturns<string> {
  return spawnSync("make", ["--no-print-directory", ...args], { cwd: directory, env, encoding: "utf8" });
}

/** Requires that a program succeeded without a message on stderr, and returns its output. */
export function succeeded({ status, stdout, stderr: all }: SpawnSyncReturns<string>): string {
  // The build fetches missing files, and reports that.
  const stderr = all.replaceAll(/^\[with\] .*\n/gm, "");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout;
}

/** Builds the executables of all machines in both directories. */
export function buildTwice(): void {
  mkdirSync(temporary);
  mkdirSync(dirname(sibling), { recursive: true });
  writeFileSync(sibling, "");
  for (const directory of directories) {
    mkdirSync(directory);
    const omitted = ["build", "node_modules", ".git"].map((name) => `--exclude=./${name}`).join(" ");
    const copy = `tar cf - ${omitted} . | tar xf - -C "$1"`;
    succeeded(spawnSync("sh", ["-c", copy, "sh", directory], { encoding: "utf8" }));
    symlinkSync(resolve("node_modules"), `${directory}/node_modules`);
    succeeded(make(directory, "-j2", "build", "cross"));
  }
}
