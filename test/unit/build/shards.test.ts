// SHARD: the parts of a suite (vitest.config.ts).
import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import type { TestSpecification, Vitest } from "vitest/node";
import { LongestFirst } from "../../../vitest.config.ts";

/** Returns the files of a part, of files in some order. */
async function part(files: readonly string[], index: number, count: number): Promise<string[]> {
  const sequencer = new LongestFirst({ config: { shard: { index, count } } } as Vitest);
  const all = files.map((moduleId) => ({ moduleId, project: { name: "e2e" } }) as TestSpecification);
  return (await sequencer.shard(all)).map(({ moduleId }) => moduleId);
}

const files = readdirSync("test/e2e")
  .filter((name) => name.endsWith(".test.ts"))
  .map((name) => `/repository/test/e2e/${name}`);

test.each([1, 2, 3, 7])(
  "each file is in exactly one part of %i, whatever the order in which files are found",
  async (count) => {
    const indices = Array.from({ length: count }, (_, at) => at + 1);
    const parts = await Promise.all(indices.map((index) => part(files, index, count)));
    expect(parts.flat().sort()).toEqual(files.toSorted());
    const again = await Promise.all(indices.map((index) => part(files.toReversed(), index, count)));
    expect(again).toEqual(parts);
  },
);

test("the longest files are in different parts", async () => {
  const parts = await Promise.all([1, 2, 3].map((index) => part(files, index, 3)));
  const longest = ["signals", "agent-privileges", "containerd"].map(
    (name) => `/repository/test/e2e/${name}.test.ts`,
  );
  for (const each of parts) expect(longest.filter((file) => each.includes(file))).toHaveLength(1);
});
