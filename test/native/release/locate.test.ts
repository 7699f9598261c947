import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

test("a place in a stack trace is found in the sources", () => {
  const needle = "function readEnvironment(";
  const find = (path: string) =>
    readFileSync(path, "utf8")
      .split("\n")
      .findIndex((line) => line.includes(needle)) + 1;
  const input = `    at readEnvironment (program.js:${find("build/program.js")}:10)\\u000a    at f (other.js:1:1)`;
  const { stdout } = spawnSync("node", ["scripts/locate.mjs"], { input, encoding: "utf8" });
  const line = find("src/cni/invocation.ts");
  expect(line).toBeGreaterThan(0);
  expect(stdout).toMatch(
    new RegExp(
      `^    at readEnvironment \\(src/cni/invocation.ts:${line}:\\d+\\)\n    at f \\(other.js:1:1\\)$`,
    ),
  );
});
