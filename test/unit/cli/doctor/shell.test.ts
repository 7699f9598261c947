import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { forEachRow, listed, shellWord } from "../../../../src/cli/doctor/shell.ts";

const run = (script: string) => spawnSync("sh", ["-c", script], { encoding: "utf8" }).stdout;

test("any text becomes one word of a shell with the same text", () => {
  const text = fc.string({ unit: "binary" }).filter((each) => !each.includes("\0"));
  fc.assert(
    fc.property(fc.array(text, { minLength: 20, maxLength: 40 }), (words) => {
      const script = `printf '%s\\036' ${words.map(shellWord).join(" ")}`;
      expect(run(script)).toBe(Buffer.from(words.map((word) => `${word}\x1e`).join("")).toString());
    }),
    { numRuns: 5 },
  );
});

test("a word is quoted only if necessary", () => {
  expect(shellWord("/var/lib/cni/ib-sriov/c1-net1")).toBe("/var/lib/cni/ib-sriov/c1-net1");
  expect(shellWord("$(reboot)")).toBe("'$(reboot)'");
  expect(shellWord("it's")).toBe("'it'\\''s'");
  expect(shellWord("")).toBe("''");
});

test("one row is written out, several rows become a loop with the same effect", () => {
  expect(forEachRow([["0", "02:00"]], "echo $1 $2")).toBe("echo 0 02:00");
  const rows = [
    ["0", "02:00"],
    ["1", "02:01"],
  ];
  expect(forEachRow(rows, "echo $1 $2")).toBe(
    "for each in '0 02:00' '1 02:01'; do set -- $each; echo $1 $2; done",
  );
  expect(run(forEachRow(rows, "echo $2 $1"))).toBe("02:00 0\n02:01 1\n");
  expect(run(forEachRow([["a"], ["b"]], "echo $1"))).toBe("a\nb\n");
  expect(forEachRow([], "echo $1")).toBe("");
});

test("of many names only the first are listed, with the number of the others", () => {
  expect(listed(["a", "b", "c", "d"])).toBe("a, b, c, d");
  expect(listed(["a", "b", "c", "d", "e", "f"])).toBe("a, b, c, d and 2 more");
});
