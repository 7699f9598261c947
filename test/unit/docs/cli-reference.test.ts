import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { commands } from "../../../src/cli/commands.ts";

test("docs/reference/cli.md is what `make reference` writes", () => {
  const { status, stdout, stderr } = spawnSync("node", ["scripts/reference.mjs", "markdown"], {
    encoding: "utf8",
  });
  expect([status, stderr]).toEqual([0, ""]);
  expect(readFileSync("docs/reference/cli.md", "utf8"), "run `make reference`").toBe(stdout);
});

test("it has every command and every option", () => {
  const document = readFileSync("docs/reference/cli.md", "utf8");
  for (const { name, options } of commands) {
    const section = document.split(/^## /m).find((text) => text.startsWith(`${name}\n`)) ?? "";
    for (const option of options) expect(section, name).toContain(`--${option.name}`);
  }
});
