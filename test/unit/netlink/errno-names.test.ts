// The names of errnos stand twice: in native/, for system calls, and in netlink/, for what the kernel answers there.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { errnoName } from "../../../src/netlink/errno.ts";

test("both know the same ones", () => {
  const native = readFileSync("native/errno-names.c", "utf8").matchAll(/NAME\((E\w+)\),/g);
  const names = Array.from({ length: 133 }, (_, i) => errnoName(i + 1));
  // Nothing has the numbers 41 and 58, which are second names of others.
  expect(Array.from(native, ([, name]) => name)).toEqual(
    names.filter((name) => !/^E\d/.test(name) || name === "E2BIG"),
  );
  expect(errnoName(134)).toBe("E134");
});
