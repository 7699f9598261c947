import { expect, test } from "vitest";
import {
  encodeLockContents,
  type LockContents,
  parseLockContents,
} from "../../../../src/attachment/lock/vf-owner.ts";
import { guid } from "../../../support/records.ts";

const empty = {
  owner: undefined,
  predecessor: undefined,
  ownerBoot: undefined,
  hasPendingReleases: false,
  ownGuids: undefined,
  confirmedGuid: undefined,
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

test.each([
  ["not an object", []],
  ["a GUID list that is not a list", { ...ownGuids, instead: "02:00:00:00:00:00:00:77" }],
  ["an invalid GUID", { ...ownGuids, instead: ["77"] }],
  ["a missing port GUID", { ...ownGuids, port: undefined }],
  ["an invalid boot ID", { ...ownGuids, bootId: 1 }],
])("GUIDs that cannot be read (%s) are ignored", (_, damaged) => {
  expect(parseLockContents(JSON.stringify({ owes: true, ownGuids: damaged }))).toEqual({
    ...empty,
    hasPendingReleases: true,
  });
});
