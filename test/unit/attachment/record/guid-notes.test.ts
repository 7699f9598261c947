import { expect, test } from "vitest";
import { guidsOf } from "../../../../src/attachment/record/guid-notes.ts";
import { StateDirectory } from "../../../../src/attachment/record/state-directory.ts";
import { ALL_ONES_GUID, ZERO_GUID } from "../../../../src/infiniband/guid.ts";
import { ModelFiles } from "../../../simulator/model/files.ts";
import { Machine } from "../../../simulator/model/machine.ts";
import { Refusal } from "../../../simulator/model/refusal.ts";
import { aRecord, guid } from "../../../support/records.ts";

const root = "/var/lib/cni/ib-sriov";
const [one, other] = ["0000:01:10.0", "0000:01:10.2"];
const taken = guid("02:00:00:00:00:00:00:77");
const file = `${root}/.guid/0200000000000077`;

function setUp() {
  const machine = new Machine();
  machine.files.makeDirectory(`${root}/.vf`);
  const files = new ModelFiles(machine, machine.startProcess());
  return { tree: machine.files, files, notes: new StateDirectory(files).guidNotes };
}

test("a note names the first VF that gets a GUID, until it is removed", () => {
  const { tree, notes } = setUp();
  expect(notes.create(taken, one)).toBe("unprepared");
  notes.prepare(one);
  notes.prepare(other);
  expect(notes.create(taken, one)).toBe("created");
  expect(notes.create(taken, other)).toBe("taken");
  expect(notes.vfWith(taken)).toBe(one);
  expect(tree.read(file)).toBe(one);
  expect(notes.guids()).toEqual([taken]);
  notes.removeOf(other, [taken]);
  expect(notes.vfWith(taken)).toBe(one);
  notes.removeOf(one, [taken]);
  expect(notes.vfWith(taken)).toBeUndefined();
});

test("a file system without links gets files", () => {
  const { tree, files, notes } = setUp();
  notes.prepare(one);
  files.link = () => {
    throw new Refusal("EPERM", "link");
  };
  expect(notes.create(taken, one)).toBe("created");
  expect(tree.read(file)).toBe(one);
  expect(notes.create(taken, one)).toBe("taken");
});

test("a note that is a separate file, and not a link, is removed too", () => {
  const { tree, files, notes } = setUp();
  notes.prepare(one);
  tree.write(file, one);
  const { inode } = files;
  files.inode = (path) => (path === file ? "another" : inode.call(files, path));
  notes.removeOf(other, [taken]);
  expect(notes.vfWith(taken)).toBe(one);
  notes.removeOf(one, [taken]);
  expect(notes.vfWith(taken)).toBeUndefined();
});

test("an attachment has the GUID that it gives, and all valid original ones", () => {
  const [node, port, pending] = [guid("0a:00:00:00:00:00:00:01"), guid("0a:00:00:00:00:00:00:02"), taken];
  const originals = {
    ...aRecord().originals,
    nodeGuid: node,
    portGuid: port,
    adminNodeGuid: ZERO_GUID,
    adminPortGuid: pending,
  };
  const given = guid("02:00:00:00:00:00:00:78");
  expect(guidsOf(aRecord({ desired: { guid: given }, originals }))).toEqual([given, port, node, pending]);
  const none = { ...originals, portGuid: ALL_ONES_GUID, adminPortGuid: undefined };
  expect(guidsOf(aRecord({ desired: {}, originals: none }))).toEqual([node]);
});
