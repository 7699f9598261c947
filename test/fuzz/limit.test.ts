// A case that does not end is a failure, with its number, instead of a test that hangs.
import { expect, test } from "vitest";
import { withinLimit } from "./fuzz.ts";

test("a case that computes endlessly is ended", async () => {
  await expect(
    withinLimit(() => {
      for (;;);
    }, 100),
  ).rejects.toThrow("timed out after 100ms");
});

test("a case that waits endlessly is ended", async () => {
  await expect(withinLimit(() => new Promise(() => {}), 100)).rejects.toThrow("longer than 100 ms");
});

test("the error of a case that fails is its own", async () => {
  const failing = () => Promise.reject(new Error("of the case"));
  await expect(withinLimit(failing, 10_000)).rejects.toThrow("of the case");
});
