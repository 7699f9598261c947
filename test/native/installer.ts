/** Runs the installer: the executable as a container's first process. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { afterEach } from "vitest";
import { patience } from "../support/patience.ts";
import { executable, freshPath } from "./harness.ts";

/** The executable. */
export const own = readFileSync(executable);
const running: ChildProcess[] = [];
afterEach(() => {
  for (const child of running.splice(0)) child.kill("SIGKILL");
});

/** Ends a process when the test is over. */
export function started<Child extends ChildProcess>(child: Child): Child {
  running.push(child);
  return child;
}

/** Creates a directory for plugins. */
export function freshDirectory(): string {
  const path = freshPath("bin");
  mkdirSync(path);
  return path;
}

/** Its name in the image. */
const argv0 = "/usr/bin/thin_entrypoint";

/** Runs an installer that ends. */
export function run(args: readonly string[], path = executable) {
  const options = { argv0, encoding: "utf8", env: {}, timeout: patience } as const;
  const { status, stdout, stderr } = spawnSync(path, args, options);
  return { status, stdout, stderr };
}

/** Replaces a file atomically, as an installer does. */
export function replace(directory: string, content: string | Uint8Array, mode = 0o755): void {
  const temporary = `${directory}/.new`;
  writeFileSync(temporary, content);
  chmodSync(temporary, mode);
  renameSync(temporary, `${directory}/ib-sriov`);
}

/** Starts the installer without --no-sleep. */
export function stay(directory: string, ...more: string[]) {
  return stayAs(executable, [`--cni-bin-dir=${directory}`, ...more]);
}

/** Starts a program that becomes the installer. */
export function stayAs(path: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = started(spawn(path, args, { argv0, env, stdio: ["ignore", "pipe", "pipe"] }));
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  const ended = new Promise<unknown[]>((done) => child.once("close", (...how) => done(how)));
  return {
    child,
    output: () => output,
    ended,
    /** Resolves when it has printed this, that many times. */
    printed: (text: string, times = 1) =>
      new Promise<void>((done, fail) => {
        const look = () => output.split(text).length > times && done();
        child.stdout.on("data", look);
        child.stderr.on("data", look);
        ended.then(() => fail(new Error(`ended without printing ${text}: ${output}`)));
        look();
      }),
  };
}

/** Another plugin of that name, which answers. */
export const other = `#!/bin/sh\necho '{"cniVersion":"1.0.0","supportedVersions":["0.4.0","1.0.0"]}'\n`;
