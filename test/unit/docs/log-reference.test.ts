// docs/reference/log.md describes every field of a log entry, of the journal and of a log file, and only fields that exist.
import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { order } from "../../../src/attachment/steps/order.ts";
import { journalEntry, jsonLine } from "../../../src/log/encode.ts";
import { type Entry, stepsJson } from "../../../src/log/entry.ts";
import { LEVELS, PRIORITIES } from "../../../src/log/log-config.ts";
import { Trace } from "../../../src/log/trace.ts";
import { textOf } from "../../support/documents.ts";
import { codeIn, rowsBelow } from "../../support/tables.ts";

const page = "docs/reference/log.md";

/** The steps of a call in which one step failed twice, so that it has all members. */
const trace = new Trace({ now: () => 0 });
for (let i = 0; i < 2; i++) {
  try {
    trace.observe("undo", "GUID", undefined, () => {
      throw new Error("fails");
    });
  } catch {
    // The trace has noted the failure.
  }
}

/** An entry with all members. */
const entry: Entry = {
  time: 0,
  level: "error",
  msg: "DEL: failed",
  command: "DEL",
  containerID: "c1",
  ifname: "net1",
  netns: "/run/netns/c1",
  podNamespace: "default",
  podName: "web-0",
  network: "mynet",
  vf: "0000:03:00.2",
  guid: "02:00:00:00:00:00:00:01",
  trace_id: "4bf92f3577b34da6a3ce929d0e0e4736",
  span_id: "00f067aa0ba902b7",
  ms: 1,
  steps: stepsJson(trace.steps),
  warnings: ["odd"],
  others: ["c2 net1 0000:03:00.3"],
  error: { code: 100, msg: "failed", details: "more" },
};
const line = JSON.parse(jsonLine(entry)) as Record<string, unknown>;
const journal = journalEntry(entry)
  .trimEnd()
  .split("\n")
  .map((field) => field.slice(0, field.indexOf("=")));

/** Returns the type of a value, as the page names it. */
function typeOf(value: unknown): string {
  if (Array.isArray(value)) return "list";
  return typeof value === "string" ? "text" : typeof value;
}

/** Returns the members of an object with their types, sorted. */
function membersOf(object: object): string[] {
  return Object.entries(object)
    .map(([name, value]) => `${name} ${typeOf(value)}`)
    .sort();
}

describe("every field has a row, and every row is a field", () => {
  const rows = rowsBelow(page, "Fields");
  const inFile = rows.flatMap(([member, , type]) => codeIn(member).map((name) => `${name} ${type}`));

  test("in logFile, with its type", () => {
    expect(inFile.sort()).toEqual(membersOf(line));
  });

  test("in the journal", () => {
    expect(rows.flatMap(([, field]) => codeIn(field)).sort()).toEqual([...journal].sort());
  });

  test("and both columns are about the same field", () => {
    const names = rows.map(([member, field]) => [codeIn(member)[0], codeIn(field)[0]]);
    const pairs = names.filter(([member, field]) => member !== undefined && field?.startsWith("CNI_"));
    expect(pairs.map(([member]) => `CNI_${member?.toUpperCase()}`)).toEqual(pairs.map(([, field]) => field));
  });
});

test.each([
  ["Members of a step", (line.steps as object[])[0]],
  ["Members of the error", line.error],
])("%s: every member has a row with its type, and no other", (heading, object) => {
  const rows = rowsBelow(page, heading);
  const described = rows.flatMap(([member, type]) => codeIn(member).map((name) => `${name} ${type}`));
  expect(described.sort()).toEqual(membersOf(object as object));
});

/** The names in the rows below "Steps": first those of steps, then those of waits. */
const inSteps = rowsBelow(page, "Steps").flatMap(([name]) => codeIn(name));
const firstWait = inSteps.indexOf("VF …");

test("every step has a row, and no other", () => {
  const names = new Set(
    Object.values(order)
      .flatMap(({ apply, undo }) => [...apply, ...undo])
      .map(({ name }) => name),
  );
  expect(inSteps.slice(0, firstWait).sort()).toEqual([...names].sort());
});

test("every wait has a row, and no other", () => {
  const sources = readdirSync("src/attachment", { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => textOf(`src/attachment/${name}`))
    .join("\n");
  // A lock is waited for under the name that it is acquired with.
  const inSources = sources.matchAll(/(?:observe\("wait"|this\.acquire\(\w+), (["`])(.+?)\1/g);
  const names = new Set(Array.from(inSources, ([, , name = ""]) => name.replaceAll(/\$\{[^}]*\}/g, "…")));
  expect(inSteps.slice(firstWait).sort()).toEqual([...names].sort());
});

test("every level has a row with its priority, most serious first", () => {
  const rows = rowsBelow(page, "Levels").map(([level, priority]) => [codeIn(level)[0], Number(priority)]);
  expect(rows).toEqual(LEVELS.map((level, i) => [level, PRIORITIES[i]]));
});
