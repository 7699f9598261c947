/** Runs scripts in build/host-test: the engine with the module `host`, on the real kernel. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { expect } from "vitest";
import { patience } from "../support/patience.ts";

/** The directory of the executables of the variant that is being tested (vitest.config.ts). */
export const hostTest = process.env.HOST_TEST ?? "";
export const executable = process.env.IB_SRIOV ?? "";
export const isSanitized = hostTest.includes("/asan/");

/** The members of a HostError, as JSON. */
export interface Failure {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
  readonly code?: string;
  readonly errno?: number;
  readonly call?: string;
  readonly subject?: string;
}

/** A directory that is removed when the process ends. */
export const scratch = mkdtempSync(join(tmpdir(), "host-test-"));
process.once("exit", () => rmSync(scratch, { recursive: true, force: true }));

let files = 0;

/** Returns an unused path in the scratch directory. */
export function freshPath(name = "file"): string {
  return join(scratch, `${name}-${++files}`);
}

/** Creates a file with this content. */
export function fileWith(text: string | Uint8Array): string {
  const path = freshPath();
  writeFileSync(path, text);
  return path;
}

/** Creates an executable script for /bin/sh. */
export function shellScript(code: string): string {
  const path = freshPath("script");
  writeFileSync(path, `#!/bin/sh\n${code}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** The names that native/host/host.d.ts declares. Some functions are declared twice: their result depends on arguments. */
export const hostNames: ReadonlySet<string> = new Set(
  Array.from(
    readFileSync("native/host/host.d.ts", "utf8").matchAll(/^ {2}(?:function|const) (\w+)/gm),
    ([, name = ""]) => name,
  ),
);

/** A script, in one line, that sets the variable `linux` to the exports of linux.ts. */
export const linux = bundled();

function bundled(): string {
  const host = join(scratch, "host.mjs");
  writeFileSync(
    host,
    [...hostNames].map((name) => `export const ${name} = globalThis.host.${name};\n`).join(""),
  );
  const { outputFiles } = buildSync({
    entryPoints: ["test/native/host/linux.ts"],
    bundle: true,
    format: "iife",
    globalName: "linux",
    target: "es2023",
    minifyWhitespace: true,
    write: false,
    alias: { host },
  });
  return outputFiles[0]?.text.replaceAll("\n", " ") ?? "";
}

/**
 * Creates a script that runs `body`, a function's body, in which `input` and `linux` are variables, and prints what it
 * returns or throws as JSON.
 */
function scriptFile(body: string, input: unknown): string {
  const path = freshPath("script");
  writeFileSync(
    path,
    `"use strict"; ${linux}
const input = ${JSON.stringify(input ?? null)};
function attempt(action) {
  try {
    return { value: action() };
  } catch (error) {
    const { name, message, stack, code, errno, call, subject } = error;
    return { failure: { name, message, stack, code, errno, call, subject } };
  }
}
host.print(1, JSON.stringify(attempt(function () {
${body}
})));
`,
  );
  return path;
}

interface Surroundings {
  readonly stdin?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  /** A command that starts the executable: ["prlimit", "--nofile=100"]. */
  readonly under?: readonly string[];
}

function answer(
  body: string,
  input: unknown,
  surroundings: Surroundings,
): { value?: unknown; failure?: Failure } {
  const [command, ...rest] = [...(surroundings.under ?? []), hostTest, scriptFile(body, input)];
  const { status, signal, stdout, stderr } = spawnSync(command ?? "", rest, {
    input: surroundings.stdin ?? "",
    env: { ...process.env, ...surroundings.env },
    encoding: "utf8",
    maxBuffer: 1 << 28,
    timeout: patience,
  });
  // The sanitizers would report here.
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: "" });
  return JSON.parse(stdout);
}

/** Options with which a system call fails as on a kernel that does not have it. */
export function withFailing(call: string, error: string): Surroundings {
  return {
    under: ["strace", "-f", "-qq", "-o", "/dev/null", "-e", `inject=${call}:error=${error}`],
    // The leak detector cannot run under strace, because both use ptrace.
    env: { ASAN_OPTIONS: "detect_leaks=0" },
  };
}

/** Returns what the body of a function returns; `input` is a variable in it. */
export function evaluate(body: string, input?: unknown, surroundings: Surroundings = {}): unknown {
  const { value, failure } = answer(body, input, surroundings);
  expect(failure).toBeUndefined();
  return value;
}

/** Returns the error that the body of a function throws. */
export function failure(body: string, input?: unknown, surroundings: Surroundings = {}): Failure {
  const result = answer(body, input, surroundings);
  expect(result).toHaveProperty("failure");
  return result.failure ?? { name: "", message: "" };
}

/** A script that is running. */
export interface Running {
  readonly process: ChildProcess;
  /** Resolves when the script has printed this to stderr. */
  printed(text: string): Promise<void>;
  /** Returns the result of the script when it has ended. */
  result(): Promise<{ value?: unknown; failure?: Failure }>;
}

/** Starts a script that the test communicates with. Its stdin stays open until it is ended. */
export function start(body: string, input?: unknown): Running {
  const child = spawn(hostTest, [scriptFile(body, input)], { stdio: ["pipe", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const closed = new Promise<number | null>((resolve) => child.once("close", (status) => resolve(status)));
  return {
    process: child,
    printed: (text) =>
      new Promise((resolve, reject) => {
        const look = () => stderr.includes(text) && resolve();
        child.stderr.on("data", look);
        closed.then(() => reject(new Error(`ended without printing ${text}: ${stdout} ${stderr}`)));
        look();
      }),
    result: async () => {
      const status = await closed;
      expect({ status, stdout, stderr }).toMatchObject({ status: 0 });
      return JSON.parse(stdout);
    },
  };
}
