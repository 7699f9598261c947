import { expect, test } from "vitest";
import {
  encodeLockContents,
  type LockContents,
  parseLockContents,
} from "../../../../src/attachment/lock/contents.ts";
import { guid } from "../../../support/records.ts";

const empty = {
  owner: undefined,
  predecessor: undefined,
  ownerBoot: undefined,
  owes: false,
  ownGuids: undefined,
  holder: undefined,
} satisfies LockContents;

const ownGuids = {
  node: guid("0a:00:00:00:00:00:00:01"),
  port: guid("0a:00:00:00:00:00:00:02"),
  instead: [guid("02:00:00:00:00:00:00:77")],
  incarnation: "15000",
  bootId: "53828621-562d-45fe-8cbb-834692aaa2a3",
};

test("a lock file keeps the VF's own GUIDs", () => {
  const note = { ...empty, owner: { containerId: "c1", ifname: "net1" }, ownGuids };
  expect(parseLockContents(encodeLockContents(note))).toEqual(note);
});

test.each([
  ["no object", []],
  ["no list of GUIDs", { ...ownGuids, instead: "02:00:00:00:00:00:00:77" }],
  ["a GUID that is none", { ...ownGuids, instead: ["77"] }],
  ["no port GUID", { ...ownGuids, port: undefined }],
  ["no boot", { ...ownGuids, bootId: 1 }],
])("GUIDs that cannot be read (%s) count as none", (_, damaged) => {
  expect(parseLockContents(JSON.stringify({ owes: true, ownGuids: damaged }))).toEqual({
    ...empty,
    owes: true,
  });
});
