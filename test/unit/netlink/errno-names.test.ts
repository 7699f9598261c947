// Two lists contain the names of errnos: in native/, for system calls, and in netlink/, for answers of the kernel.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { errnoName } from "../../../src/netlink/errno.ts";

test("both lists have the same names", () => {
  const native = readFileSync("native/host/errno-names.c", "utf8").matchAll(/NAME\((E\w+)\),/g);
  const names = Array.from({ length: 133 }, (_, i) => errnoName(i + 1));
  // The numbers 41 and 58 are unused: their names are second names of other numbers.
  expect(Array.from(native, ([, name]) => name)).toEqual(
    names.filter((name) => !/^E\d/.test(name) || name === "E2BIG"),
  );
  expect(errnoName(134)).toBe("E134");
});
