// What people call, as far as it needs no HCA.
import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { executable } from "./harness.ts";

const run = (...words: string[]) => {
  const { status, stdout, stderr } = spawnSync(executable, words, { encoding: "utf8", env: {} });
  return { status, stdout, stderr };
};

describe("the help", () => {
  test.each(["--help", "-h", "help"])("%s lists the commands", (word) => {
    const { status, stdout, stderr } = run(word);
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^ {2}list +\S/m);
    expect(stdout).toMatch(/^ {2}install +\S/m);
  });

  test("every command has its own", () => {
    const commands = [...run("--help").stdout.matchAll(/^ {2}([a-z]+(?: [a-z]+)?) {2}/gm)].map(
      ([, name]) => name,
    );
    expect(commands.length).toBeGreaterThan(1);
    for (const name of commands) {
      const { status, stdout, stderr } = run(...(name ?? "").split(" "), "--help");
      expect([status, stderr], name).toEqual([0, ""]);
      expect(stdout).toContain("Usage:\n  ib-sriov");
    }
  });
});

test.each([
  [["lst"], "unknown command: lst"],
  [["--lst"], "unknown command: --lst"],
  [["list", "--jsn"], "unknown option: --jsn"],
  [["list", "all"], "unexpected argument: all"],
])("%j cannot be understood", (words, message) => {
  expect(run(...words)).toEqual({
    status: 2,
    stdout: "",
    stderr: `ib-sriov: ${message}\nWhat there is tells: ib-sriov --help\n`,
  });
});

test("a reader who has gone away is no failure", () => {
  const call = `"${executable}" --help | :; echo "\${PIPESTATUS[0]}"`;
  const { stdout, stderr } = spawnSync("bash", ["-c", call], { encoding: "utf8" });
  expect([stdout, stderr]).toEqual(["0\n", ""]);
});

test("a node without InfiniBand says so", () => {
  expect(run("list").stdout).toMatch(/no InfiniBand PF/);
  expect(JSON.parse(run("list", "--json").stdout)).toEqual({ pfs: [] });
});
