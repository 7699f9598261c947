import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { shellWord } from "../../../src/cli/run-script.ts";

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
