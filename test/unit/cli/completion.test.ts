import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { UsageError } from "../../../src/cli/command.ts";
import { type Completion, scriptFor } from "../../../src/cli/completion.ts";

const json = { name: "json", summary: "" };
const file = { name: "file", value: "FILE", summary: "" };
const output = { name: "output", letter: "o", value: "FORMAT", values: ["json", "yaml"], summary: "" };
const commands: readonly Completion[] = [
  { name: "list", options: [json] },
  { name: "attachments", options: [json, file] },
  { name: "attachments release", parameters: ["CONTAINER"], options: [{ name: "force", summary: "" }] },
  { name: "attachments show", parameters: ["CONTAINER"], options: [] },
  { name: "gc now", options: [output] },
  { name: "completion", parameters: ["bash|zsh|fish"], options: [] },
];

const isThere = (shell: string) => spawnSync(shell, ["-c", ""]).status === 0;

/** Returns the completions of the last of some words in bash, which the tests need anyway. */
function inBash(...words: string[]): string[] {
  const quoted = words.map((word) => `'${word}'`).join(" ");
  const call = `COMP_WORDS=(/opt/cni/bin/ib-sriov ${quoted}) COMP_CWORD=${words.length}; _ib_sriov`;
  const script = `set -u\n${scriptFor("bash", commands)}\n${call}\nprintf '%s\\n' "\${COMPREPLY[@]}"`;
  const { status, stdout, stderr } = spawnSync("bash", ["-c", script], { encoding: "utf8" });
  expect([status, stderr]).toEqual([0, ""]);
  return stdout.split("\n").filter((word) => word !== "");
}

/** Returns the same of fish, which sorts the words and puts options last. */
function inFish(...words: string[]): string[] {
  const script = `${scriptFor("fish", commands)}\ncomplete -C 'ib-sriov ${words.join(" ")}'`;
  const { status, stdout } = spawnSync("fish", ["-c", script], { encoding: "utf8" });
  expect(status).toBe(0);
  return stdout.split("\n").filter((word) => word !== "");
}

const cases: [string[], string[]][] = [
  [[""], ["list", "attachments", "gc", "completion", "help", "version", "--help", "--version"]],
  [["li"], ["list"]],
  [
    ["list", ""],
    ["--json", "--help"],
  ],
  [["list", "--json", "--h"], ["--help"]],
  [
    ["attachments", ""],
    ["release", "show", "--json", "--file", "--help"],
  ],
  [["attachments", "r"], ["release"]],
  [
    ["attachments", "release", "c1", "-"],
    ["--force", "--help"],
  ],
  [["attachments", "show", ""], ["--help"]],
  [
    ["gc", ""],
    ["now", "--help"],
  ],
  [
    ["gc", "now", "-"],
    ["--output", "--help"],
  ],
  [
    ["gc", "now", "-o", ""],
    ["json", "yaml"],
  ],
  [["gc", "now", "--output", "y"], ["yaml"]],
  [["help", "li"], ["list"]],
  [["completion", "z"], ["zsh"]],
  [["nothing", ""], []],
];

describe("the words that can follow", () => {
  test.each(cases)("%j in bash", (words, next) => {
    expect(inBash(...words)).toEqual(next);
  });

  test("in bash, after an option with a value, are files", () => {
    expect(inBash("attachments", "--file", "")).toEqual([]);
    expect(scriptFor("bash", commands)).toContain("complete -o default -F");
    expect(inBash("attachments", "--file", "/tmp/x", "--js")).toEqual(["--json"]);
  });

  const hasFish = isThere("fish");
  if (!hasFish) console.log("completion in fish is not tested: fish is not installed on this machine");
  test.skipIf(!hasFish)("are the same in fish", () => {
    for (const [words, next] of cases) expect(inFish(...words).sort(), `${words}`).toEqual([...next].sort());
  });
});

const others = ["bash", "zsh", "fish"].filter((shell) => {
  if (isThere(shell)) return true;
  console.log(`the script for ${shell} is not parsed: ${shell} is not installed on this machine`);
  return false;
});
test.each(others)("%s can parse its script", (shell) => {
  const input = scriptFor(shell, commands);
  const { status, stderr } = spawnSync(shell, ["-n"], { input, encoding: "utf8" });
  expect([status, stderr]).toEqual([0, ""]);
});

test("all shells get the same words", () => {
  const words = (shell: string) =>
    scriptFor(shell, commands).match(/release show --json --file --help/g)?.length;
  expect(["bash", "zsh", "fish"].map(words)).toEqual([1, 1, 1]);
});

test("other shells are refused", () => {
  expect(() => scriptFor("ksh", commands)).toThrow(new UsageError("unknown shell: ksh"));
});
