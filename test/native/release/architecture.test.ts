// Architectures that ib-sriov is not built for are refused by name.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { textOf } from "../../support/documents.ts";
import { patience } from "../../support/patience.ts";
import { freshPath, shellScript } from "../harness.ts";

const reasons = [
  ["s390x", "IBM Z has no InfiniBand adapters and the code is little-endian only"],
  ["powerpc64", "ib-sriov is only tested on amd64, arm64 and ppc64le"],
  ["riscv64", "ib-sriov is only tested on amd64, arm64 and ppc64le"],
] as const;

test.each(reasons)("make refuses a compiler for %s, and makes nothing", (architecture, reason) => {
  // Answers -print-multiarch, and everything else.
  const compiler = shellScript(`echo ${architecture}-linux-gnu`);
  const build = freshPath("build");
  const { status, stdout, stderr } = spawnSync(
    "make",
    ["--no-print-directory", `CC=${compiler}`, `B=${build}`],
    {
      encoding: "utf8",
      // The settings of the make that calls the tests must not affect this one.
      // This test can be called by make.
      env: { ...process.env, MAKEFLAGS: "", MAKELEVEL: "0" },
      timeout: patience,
    },
  );
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toContain(`build for ${architecture}: not supported, because ${reason}; use `);
  expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  expect(existsSync(build)).toBe(false);
});

test.each(reasons)("scripts/cross refuses %s", (architecture, reason) => {
  const { status, stdout, stderr } = spawnSync("scripts/cross", [architecture], { encoding: "utf8" });
  expect([status, stdout]).toEqual([1, ""]);
  expect(stderr).toMatch(/^\[cross\] .*\n$/);
  expect(stderr).toContain(`build for ${architecture}: not supported, because ${reason}; use `);
});

test("the reason for s390x is in the document that the message names", () => {
  const { stderr } = spawnSync("scripts/cross", ["s390x"], { encoding: "utf8" });
  const document = /\((\S+)#s390x\)/.exec(stderr)?.[1] ?? "";
  expect(textOf(document)).toContain("\n### s390x\n");
});
