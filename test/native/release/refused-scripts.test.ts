// Scripts that the build refuses, so that they do not fail on a node.
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { refuseAbsent } from "../../../scripts/absent.mjs";
import { freshPath } from "../harness.ts";

test.each(["new Date();", "f(Promise);", "async function f() {}", "function f() { return eval; }"])(
  "names that the engine does not have are refused: %s",
  (script) => {
    expect(() => refuseAbsent(`var ok = { Date: 1 }, fine = ok.Date;\n${script}`)).toThrow(
      /^line 2: the engine has no /,
    );
  },
);

test("Math.random is refused, because it would start with the same number in every process", () => {
  expect(() => refuseAbsent("Math.max(1, Math.random());")).toThrow("line 1: the engine has no Math.random");
});

test("the functions that native/engine/math.c leaves out are refused, and no others of Math", () => {
  const absent = [
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cbrt",
    "cos",
    "cosh",
    "exp",
    "expm1",
  ];
  absent.push("hypot", "log", "log10", "log1p", "log2", "random", "sin", "sinh", "tan", "tanh");
  const refused = Object.getOwnPropertyNames(Math).filter((name) => {
    try {
      refuseAbsent(`Math.${name}(1);`);
      return false;
    } catch {
      return true;
    }
  });
  expect(refused.sort()).toEqual(absent);
});

test("the compiler reports where a script is wrong", () => {
  const file = freshPath("script");
  writeFileSync(file, "\n\nfunction (\n");
  const { status, stdout, stderr } = spawnSync("build/compile", [file], { encoding: "utf8" });
  expect([status, stdout]).toEqual([1, ""]);
  expect(stderr).toMatch(/script-\d+:3:/);
});
