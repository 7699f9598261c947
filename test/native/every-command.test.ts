// The help and the refused arguments of every command, with and without a terminal. A new command is tested without a
// change of this file. test/e2e/harness/every-command.ts tests the output.
import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import type { Command, Option } from "../../src/cli/command.ts";
import { commands } from "../../src/cli/commands.ts";
import { optionsOf, optionText, synopsisOf } from "../../src/cli/usage.ts";
import { compile } from "../e2e/harness/compile.ts";
import { executable } from "./harness.ts";

const terminal = compile("test/e2e/guest/terminal.c");

interface Answer {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function spawned(program: string, words: readonly string[]): Answer {
  const { status, stdout, stderr } = spawnSync(program, words, { encoding: "utf8", env: {} });
  return { status, stdout, stderr };
}

/** Runs the executable, also in a terminal, in which stdout and stderr are one; both must print the same. */
function run(words: readonly string[]): Answer {
  const answer = spawned(executable, words);
  expect(spawned(terminal, [executable, ...words])).toEqual({
    status: answer.status,
    stdout: answer.stdout + answer.stderr,
    stderr: "",
  });
  return answer;
}

const wordsOf = ({ name }: Pick<Command, "name">) => name.split(" ");

describe.each(commands)("the help of $name", (command) => {
  const words = wordsOf(command);

  test("is the same by --help, -h and help", () => {
    const answer = run([...words, "--help"]);
    expect(answer).toMatchObject({ status: 0, stderr: "" });
    expect(run([...words, "-h"])).toEqual(answer);
    expect(run(["help", ...words])).toEqual(answer);
    if (command.alias !== undefined) expect(run(["help", command.alias])).toEqual(answer);
  });

  test("contains its summary, its call, and each option", () => {
    const { stdout } = run([...words, "--help"]);
    const lines = stdout.split("\n").map((line) => line.trim());
    expect(lines[0]).toBe(`${command.summary}.`);
    expect(lines).toContain(synopsisOf(command));
    // Long meanings continue in the next line.
    const text = stdout.replaceAll(/\s+/g, " ");
    for (const option of optionsOf(command))
      expect(text).toContain(` ${optionText(option).trim()} ${option.summary} `);
  });

  test("is within 100 columns", () => {
    const { stdout } = run([...words, "--help"]);
    expect(stdout.split("\n").filter((line) => line.length > 100)).toEqual([]);
  });
});

/** Arguments and the message with which they are refused. */
type Refused = readonly [words: readonly string[], message: string];

/** Returns arguments that every command refuses which has these options and parameters. */
function refusedBy({ parameters = [], options }: Command): Refused[] {
  const isOptional = (name: string) => name.startsWith("[");
  const missing = parameters.find((name) => !isOptional(name));
  const takesAny = parameters.at(-1)?.includes("…") === true;
  return [
    [["--nonsense"], "unknown option: --nonsense"],
    [["-Z"], "unknown option: -Z"],
    [["--hepl"], "unknown option: --hepl; did you mean '--help'?"],
    ...options.flatMap(refusedFor),
    ...(missing === undefined ? [] : [[[], `${missing} is missing`] as const]),
    ...(takesAny ? [] : [[[...parameters, "extra"], "unexpected argument: extra"] as const]),
  ];
}

function refusedFor({ name, letter, value, values }: Option): Refused[] {
  const misspelled = `--${name.slice(0, -1)}`;
  const called = [`--${name}`, ...(letter === undefined ? [] : [`-${letter}`])];
  return [
    [[misspelled], `unknown option: ${misspelled}; did you mean '--${name}'?`],
    ...called.flatMap((each): Refused[] => {
      if (value === undefined) return [[[`${each}=1`], `${each} takes no value`]];
      const needed: Refused = [[each], `${each} needs a value: ${value}`];
      if (values === undefined) return [needed];
      const expected = `invalid value of ${each}: nonsense; expected ${values.join(", ")}`;
      return [needed, [[each, "nonsense"], expected], [[`${each}=nonsense`], expected]];
    }),
  ];
}

const parsed = commands.filter(({ name }) => name !== "install");

describe.each(parsed)("$name refuses", (command) => {
  test.each(refusedBy(command))("%j", (words, message) => {
    expect(run([...wordsOf(command), ...words])).toEqual({
      status: 2,
      stdout: "",
      stderr: `ib-sriov: ${message}\nRun 'ib-sriov ${command.name} --help' for usage.\n`,
    });
  });
});

describe("install, which parses its flags as the Go plugin's installer does, refuses", () => {
  test.each([
    [["--nonsense"], "flag provided but not defined: -nonsense"],
    [["--no-sleep=maybe"], 'invalid boolean value "maybe" for -no-sleep'],
    [["--cni-bin-dir"], "flag needs an argument: -cni-bin-dir"],
    [["--ib-sriov-cni-bin-file"], "flag needs an argument: -ib-sriov-cni-bin-file"],
    [["extra"], "unexpected argument: extra"],
  ])("%j", (words, message) => {
    const help = run(["install", "--help"]).stdout;
    expect(run(["install", ...words])).toEqual({ status: 2, stdout: "", stderr: `${message}\n${help}` });
  });
});
