import { expect, test } from "vitest";
import { commandLines, listed, vfCommand } from "../../../../src/cli/doctor/shell.ts";

test("a command for many VFs has several lines, which are commands with all VFs in order", () => {
  const vfs = Array.from({ length: 64 }, (_, i) => `0000:03:0${i >> 3}.${i & 7}`);
  const lines = vfCommand("/a b/ib-sriov", "provision --replace", vfs)?.split("\n") ?? [];
  expect(lines.every((line) => line.length <= 70)).toBe(true);
  expect(lines.every((line) => line.startsWith("'/a b/ib-sriov' provision --replace 0000:"))).toBe(true);
  expect(lines.flatMap((line) => line.split(" ").slice(4))).toEqual(vfs);
  expect(vfCommand("ib-sriov", "bind", vfs.slice(0, 2))).toBe("ib-sriov bind 0000:03:00.0 0000:03:00.1");
  expect(vfCommand("ib-sriov", "bind", [])).toBeUndefined();
});

test("commands are printed if there are few", () => {
  expect(commandLines(["a", "b"])).toBe("a\nb");
  expect(commandLines([])).toBeUndefined();
  expect(commandLines(Array.from({ length: 9 }, String))).toBeUndefined();
});

test("of many names only the first are listed, with the number of the others", () => {
  expect(listed(["a", "b", "c", "d"])).toBe("a, b, c, d");
  expect(listed(["a", "b", "c", "d", "e", "f"])).toBe("a, b, c, d and 2 more");
});
