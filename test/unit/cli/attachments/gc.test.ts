import { describe, expect, test } from "vitest";
import { type GcLine, textOf } from "../../../../src/cli/attachments/gc.ts";

const directory = "/var/lib/cni/ib-sriov";
const id = "4f2c0199aabbccddeeff";
const left: GcLine = {
  path: `${directory}/${id}-net1`,
  name: { containerId: id, ifname: "net1" },
  pod: "default/trainer-0",
  pci: "0000:03:00.2",
  outcome: "left",
  why: "its namespace exists",
  because: "running",
};
const unreadable: GcLine = {
  path: `${directory}/c2-net1`,
  outcome: "left",
  why: "its record cannot be read: it holds no record",
  because: "unreadable",
};
const released: GcLine = {
  path: `${directory}/c3-net1`,
  name: { containerId: "c3", ifname: "net1" },
  pod: undefined,
  pci: "0000:03:00.3",
  outcome: "released",
};
const narrow = { isWide: false, hasHeadings: true };

test("outcomes are a table with the pod first; an ID is short", () => {
  expect(textOf([left, released], narrow).split("\n")).toEqual([
    "POD                CONTAINER     INTERFACE  VF            OUTCOME   WHY",
    "default/trainer-0  4f2c0199aabb  net1       0000:03:00.2  left      its namespace exists",
    "-                  c3            net1       0000:03:00.3  released  -",
  ]);
});

test("wide output has complete IDs and the paths of records", () => {
  expect(textOf([left], { ...narrow, isWide: true })).toMatch(
    new RegExp(`RECORD\n.* ${id} .* ${directory}/${id}-net1\n`),
  );
});

describe("if nothing was to be released, a sentence reports it", () => {
  test.each<[string, readonly GcLine[]]>([
    ["nothing is attached", []],
    ["1 attachment of a running container", [left]],
    ["2 attachments of running containers", [left, left]],
    [
      "1 attachment of a running container, 1 attachment with an unreadable record, 2 attachments of the Go plugin",
      [left, unreadable, { ...left, because: "go-plugin" }, { ...left, because: "go-plugin" }],
    ],
  ])("%s", (text, lines) => {
    expect(textOf(lines, narrow).split("\n").at(-1)).toBe(`Nothing to release: ${text}.`);
  });

  test.each<[string, readonly GcLine[]]>([
    ["something was released", [left, released]],
    ["something failed", [left, { ...released, outcome: "failed", why: "it is busy" }]],
  ])("but not if %s", (_, lines) => {
    expect(textOf(lines, narrow)).not.toContain("Nothing to release");
  });

  test("but not below a table without headings, which is for scripts", () => {
    expect(textOf([left], { ...narrow, hasHeadings: false })).not.toContain("Nothing");
    expect(textOf([], { ...narrow, hasHeadings: false })).toBe("Nothing to release: nothing is attached.");
  });
});
