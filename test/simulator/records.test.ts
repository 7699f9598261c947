// Records that cannot be written, or cannot be read any more.
import { expect, test } from "vitest";
import { codes } from "../../src/cni/errors.ts";
import { Story } from "./harness/story.ts";
import { c1 } from "./harness/world.ts";
import { everything } from "./scenarios/wishes.ts";

test("a record that could not be read back: ADD refuses it before anything is changed", () => {
  const story = new Story({});
  const before = story.lines();
  // Each quotation mark has two bytes on stdin, and four in a record.
  const wish = { ...everything, more: { note: '"'.repeat(300_000) } };
  const { end, error } = story.add(c1, wish);
  expect(end).toBe("failed");
  expect(error).toMatchObject({
    code: codes.badConfiguration,
    message: expect.stringMatching(/limit is 983040/),
  });
  story.requireUnchanged(before, "after ADD");
  story.mustDel(c1, wish);
  story.requireUnchanged(before, "after DEL");
  expect(story.problems).toEqual([]);
});
