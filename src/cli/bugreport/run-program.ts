import { getenv, monotonic } from "host";
import { ChildProcess } from "../../linux/child-process.ts";
import { isThere } from "../../linux/sysfs.ts";
import { InterruptedError } from "../../node/clock.ts";
import { errnoOf } from "../../node/node.ts";
import { during } from "../progress.ts";
import { PROGRAM_DIRECTORIES } from "../run-script.ts";
import { LONGEST_PART, type Part } from "./part.ts";

/** A program, with its arguments. */
export interface Program {
  /** Its name, which is searched in PATH, or an absolute path. */
  readonly name: string;
  readonly arguments: readonly string[];
  /** argv[0]; by default, the name. */
  readonly calledAs?: string;
  /** Exit statuses that are not problems, besides 0. */
  readonly statuses?: readonly number[];
}

/**
 * Runs a program, and returns what it printed: stdout, and after that stderr. A program that takes too long or prints
 * too much is ended, and the part is what it has printed so far.
 * @param timeout ms.
 * @throws {InterruptedError} if a signal has asked this process to stop; the program is ended.
 */
export function runProgram(program: Program, timeout: number): Part {
  const { name, calledAs = name, statuses = [] } = program;
  const path = pathOf(name);
  if (path === undefined) return { text: "", problem: `${name} is not installed` };
  const command = [calledAs, ...program.arguments].join(" ");
  const child = ChildProcess.start({
    path,
    words: [calledAs, ...program.arguments],
    // Without colors, pagers and translations.
    environment: [`PATH=${searchPath()}`, "LC_ALL=C", "TERM=dumb", "SYSTEMD_PAGER=cat"],
    stdin: "",
    inherit: [],
  });
  try {
    const { status, signal, stdout, stderr } = during(`running ${command}`, () =>
      child.wait(monotonic() + timeout, LONGEST_PART),
    );
    const isGood = signal === 0 && (status === 0 || statuses.includes(status));
    const end = signal === 0 ? `exited with status ${status}` : `was ended by signal ${signal}`;
    return { text: joined(stdout, stderr), problem: isGood ? undefined : `${command} ${end}` };
  } catch (error) {
    child.kill();
    const errno = errnoOf(error);
    const text = joined(...child.output).slice(0, LONGEST_PART);
    if (errno === "ETIMEDOUT")
      return { text, problem: `${command} was ended after ${timeout / 1000} s, its output is incomplete` };
    if (errno === "EFBIG")
      return { text, problem: `${command} printed more than ${LONGEST_PART} bytes, the rest is left out` };
    if (errno === "EINTR")
      throw new InterruptedError(`stopped while ${command} was running`, { cause: error });
    throw error;
  }
}

function joined(stdout: string, stderr: string): string {
  return stderr === "" ? stdout : `${stdout}--- stderr ---\n${stderr}`;
}

function searchPath(): string {
  return [getenv("PATH") ?? "", PROGRAM_DIRECTORIES].filter((each) => each !== "").join(":");
}

/** Returns the path of a program; `undefined` if it is not installed. */
export function pathOf(name: string): string | undefined {
  if (name.startsWith("/")) return name;
  const absolute = searchPath()
    .split(":")
    .filter((directory) => directory.startsWith("/"));
  return absolute.map((directory) => `${directory}/${name}`).find(isThere);
}
