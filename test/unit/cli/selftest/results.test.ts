import { expect, test } from "vitest";
import { Results, Skipped } from "../../../../src/cli/selftest/results.ts";
import { differences } from "../../../../src/cli/selftest/vf-state.ts";
import { InterruptedError } from "../../../../src/node/clock.ts";

const vf = "0000:03:00.2";

test("outcomes are in the order of the checks, whatever order they were made in", () => {
  const results = new Results();
  results.make("del", vf, () => {
    throw new Error("DEL failed");
  });
  results.make("ping", vf, () => {
    throw new Skipped("it needs another VF");
  });
  results.make("add", vf, () => "12 ms");
  expect(results.list).toEqual([
    { check: "add", vf, result: "ok", detail: "12 ms" },
    { check: "ping", vf, result: "skipped", detail: "it needs another VF" },
    { check: "del", vf, result: "failed", detail: "DEL failed" },
  ]);
  expect(results.hasFailed).toBe(true);
});

test("the checks that were not made are skipped, and the others stay", () => {
  const results = new Results();
  results.note("guid", vf, "failed", "ADD failed");
  results.skipRest(vf, ["add", "guid", "del"], "ADD failed (guid)");
  expect(results.list.map(({ check, result }) => [check, result])).toEqual([
    ["add", "skipped"],
    ["guid", "failed"],
    ["del", "skipped"],
  ]);
});

test.each([
  ["of a wait", new InterruptedError("SIGTERM ended the wait")],
  ["of a system call", Object.assign(new Error("poll: EINTR"), { code: "EINTR" })],
])("a signal that ends a check %s ends the selftest", (_, error) => {
  const results = new Results();
  const look = () => {
    throw error;
  };
  expect(() => results.make("ping", vf, look)).toThrow(InterruptedError);
  expect(results.list).toEqual([]);
});

test("differences name each setting that was changed, removed or added", () => {
  const before = new Map([
    ["MTU", "1800"],
    ["alias", "rail"],
    ["netdev", "ib1"],
  ]);
  const now = new Map([
    ["MTU", "2044"],
    ["netdev", "ib1"],
    ["tcx", "7"],
  ]);
  expect(differences(before, now)).toEqual([
    "MTU was 1800, and is 2044",
    "alias was rail, and is missing",
    "tcx was missing, and is 7",
  ]);
  expect(differences(before, before)).toEqual([]);
});
