import { expect, test } from "vitest";
import {
  containerKey,
  encodeLockContents,
  type LockContents,
  parseLockContents,
} from "../../../../src/attachment/lock/lock-contents.ts";
import { LONGEST_LOCK_TEXT } from "../../../../src/node/files.ts";
import { guid } from "../../../support/records.ts";

const empty = {
  owner: undefined,
  predecessor: undefined,
  ownerBoot: undefined,
  hasUnreleasedLeases: false,
  ownGuids: undefined,
  confirmedGuid: undefined,
  podFiles: undefined,
  holder: undefined,
} satisfies LockContents;

const ownGuids = {
  node: guid("0a:00:00:00:00:00:00:01"),
  port: guid("0a:00:00:00:00:00:00:02"),
  instead: [guid("02:00:00:00:00:00:00:77")],
  generation: "15000",
  bootId: "53828621-562d-45fe-8cbb-834692aaa2a3",
};

test("a lock file keeps the VF's own GUIDs", () => {
  const note = { ...empty, owner: { containerId: "c1", ifname: "net1" }, ownGuids };
  expect(parseLockContents(encodeLockContents(note))).toEqual(note);
});

test("a lock file keeps the GUID that a network has named, if it is valid", () => {
  const note = { ...empty, confirmedGuid: guid("02:00:00:00:00:00:00:77") };
  expect(parseLockContents(encodeLockContents(note))).toEqual(note);
  expect(parseLockContents(JSON.stringify({ confirmedGuid: "77" }))).toEqual(empty);
});

test("a lock file keeps the device files of the last pod, if they are valid", () => {
  const note = { ...empty, podFiles: { pod: "c1", files: ["uverbs1"] } };
  expect(parseLockContents(encodeLockContents(note))).toEqual(note);
  expect(parseLockContents(JSON.stringify({ podFiles: { pod: "c1", files: [1] } }))).toEqual(empty);
});

test("names of maximum length and the most GUIDs fit, and only the description of the call is cut", () => {
  const name = (letter: string) => ({ containerId: letter.repeat(239), ifname: "net1-0123456789" });
  const note = {
    ...empty,
    owner: name("a"),
    predecessor: name("b"),
    ownerBoot: ownGuids.bootId,
    hasUnreleasedLeases: true,
    ownGuids: { ...ownGuids, generation: "18446744073709551615", instead: new Array(5).fill(ownGuids.node) },
    confirmedGuid: ownGuids.node,
    podFiles: { pod: containerKey("c".repeat(239)), files: ["uverbs1023", "umad1023"] },
    holder: { pid: 4_194_304, verb: `GC of network ${"n".repeat(900)}`, since: 1_795_000_000_000 },
  };
  const text = encodeLockContents(note);
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(LONGEST_LOCK_TEXT);
  const read = parseLockContents(text);
  expect(read).toEqual({ ...note, holder: { ...note.holder, verb: read.holder?.verb } });
  expect(note.holder.verb).toContain(read.holder?.verb.slice(0, -1));
  expect(read.holder?.verb).toMatch(/…$/);
});

test("a description that fits is not cut", () => {
  const holder = { pid: 1, verb: "n".repeat(900), since: 0 };
  expect(parseLockContents(encodeLockContents({ ...empty, holder })).holder).toEqual(holder);
});

test.each([
  ["not an object", []],
  ["a GUID list that is not a list", { ...ownGuids, instead: "02:00:00:00:00:00:00:77" }],
  ["an invalid GUID", { ...ownGuids, instead: ["77"] }],
  ["a missing port GUID", { ...ownGuids, port: undefined }],
  ["an invalid boot ID", { ...ownGuids, bootId: 1 }],
])("GUIDs that cannot be read (%s) are ignored", (_, damaged) => {
  expect(parseLockContents(JSON.stringify({ hasUnreleasedLeases: true, ownGuids: damaged }))).toEqual({
    ...empty,
    hasUnreleasedLeases: true,
  });
});
