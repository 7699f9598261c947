import { describe, expect, test } from "vitest";
import { StateDirectory } from "../../../../src/attachment/record/state-directory.ts";
import { ModelFiles } from "../../../simulator/model/files.ts";
import { Machine } from "../../../simulator/model/machine.ts";
import { aRecord } from "../../../support/records.ts";

const root = "/var/lib/cni/ib-sriov";

function setUp() {
  const machine = new Machine();
  machine.files.makeDirectory(root);
  const files = new ModelFiles(machine, machine.startProcess());
  return { tree: machine.files, files, state: new StateDirectory(files) };
}

function ofGoPlugin(ifname: string): string {
  return JSON.stringify({ ContIFNames: ifname, HostIFNames: "ib1", Master: "ib0", deviceID: "0000:01:10.0" });
}

describe("the state directory", () => {
  test("keeps a record at the path that the Go plugin reads", () => {
    const { state } = setUp();
    expect(state.create(aRecord(), "ib0")).toBe(`${root}/c1-net1`);
    expect(state.find({ containerId: "c1", ifname: "net1" })?.record).toMatchObject(aRecord());
  });

  test("has no record of an attachment that was never made", () => {
    expect(setUp().state.find({ containerId: "c1", ifname: "net1" })).toBeUndefined();
  });

  test("refuses a second record of one attachment", () => {
    const { state } = setUp();
    state.create(aRecord(), "ib0");
    expect(state.create(aRecord({ netns: "/run/netns/other" }), "ib0")).toBeUndefined();
    expect(state.find(aRecord())?.record?.netns).toBe("/run/netns/c1");
  });

  test("separates attachments that share a file name", () => {
    const { tree, files, state } = setUp();
    const one = aRecord({ containerId: "a", ifname: "b-c" });
    const other = aRecord({ containerId: "a-b", ifname: "c" });
    expect(state.create(one, "ib0")).toBe(`${root}/a-b-c`);
    expect(state.find(other)).toBeUndefined();
    expect(state.create(other, "ib0")).toBe(`${root}/.x/a-b/c`);
    expect(state.find(one)?.record).toMatchObject(one);
    expect(state.find(other)?.record).toMatchObject(other);
    expect(state.paths().sort()).toEqual([`${root}/.x/a-b/c`, `${root}/a-b-c`]);

    state.remove(`${root}/a-b-c`);
    expect(state.find(one)).toBeUndefined();
    expect(state.find(other)?.record).toMatchObject(other);
    state.remove(`${root}/.x/a-b/c`);
    expect([...tree.texts.keys()]).toEqual([]);
    expect(files.exists(`${root}/.x/a-b`)).toBe(false);
  });

  test("makes a directory only to create a record in `.x`, not to find or change one", () => {
    const { files, state } = setUp();
    const one = aRecord({ containerId: "a", ifname: "b-c" });
    const other = aRecord({ containerId: "a-b", ifname: "c" });
    state.create(one, "ib0");
    const made: string[] = [];
    const makeDirectory = files.makeDirectory.bind(files);
    files.makeDirectory = (path) => {
      made.push(path);
      makeDirectory(path);
    };
    const path = state.create(other, "ib0") ?? "";
    expect(made.splice(0)).toEqual([`${root}/.x`, `${root}/.x/a-b`]);
    expect(state.find(other)?.path).toBe(path);
    state.setState(path, "complete");
    state.remove(path);
    expect(made).toEqual([]);
  });

  test("refuses a record in `.x` behind a symbolic link", () => {
    const { files, state } = setUp();
    state.create(aRecord({ containerId: "a", ifname: "b-c" }), "ib0");
    const path = state.create(aRecord({ containerId: "a-b", ifname: "c" }), "ib0") ?? "";
    const asked: string[] = [];
    files.hasDirectory = (directory) => {
      asked.push(directory);
      if (directory === `${root}/.x/a-b`) throw Object.assign(new Error("a link"), { code: "ELOOP" });
      return true;
    };
    expect(() => state.find({ containerId: "a-b", ifname: "c" })).toThrow("a link");
    // GC knows the path from a directory walk.
    expect(() => state.read(path)).toThrow("a link");
    expect(state.find({ containerId: "a", ifname: "b-c" })?.path).toBe(`${root}/a-b-c`);
    expect(asked).toEqual([`${root}/.x`, `${root}/.x/a-b`, `${root}/.x`, `${root}/.x/a-b`]);
  });

  test.each(["EMFILE", "ENFILE", "ENOMEM"])("does not take %s for an answer about a record", (code) => {
    const { files, state } = setUp();
    files.read = () => {
      throw Object.assign(new Error(code), { code });
    };
    expect(() => state.findAny(aRecord())).toThrow(code);
    expect(() => state.readAny(`${root}/a-b`)).toThrow(code);
  });

  test("stores the state of an attachment in its record", () => {
    const { state } = setUp();
    const path = state.create(aRecord(), "ib0") ?? "";
    state.setState(path, "complete");
    expect(state.find(aRecord())?.record).toMatchObject({ ...aRecord(), state: "complete" });
    state.setState(path, "undo-failed");
    expect(state.find(aRecord())?.record).toMatchObject({ ...aRecord(), state: "undo-failed" });
  });

  test.each([
    ["with blanks, as jq does", (text: string) => JSON.stringify(JSON.parse(text), null, 2)],
    [
      "in another order",
      (text: string) => {
        const { attachment, ...others } = JSON.parse(text);
        const { format, state, ...rest } = attachment;
        return JSON.stringify({ ...others, attachment: { later: true, ...rest, state, format } });
      },
    ],
    ["without the Go plugin's members", (text: string) => `${text.split(",\n")[0]} }`],
  ])("keeps every member of a record that another program has rewritten %s", (_, rewritten) => {
    const { files, state } = setUp();
    state.prepare();
    const path = state.create(aRecord(), "ib0") ?? "";
    const text = rewritten(files.read(path) ?? "");
    files.remove(path);
    files.create(path, text);
    const other = new StateDirectory(files);
    other.setState(path, "undo-failed");
    const document = JSON.parse(text);
    expect(JSON.parse(files.read(path) ?? "")).toEqual({
      ...document,
      attachment: { ...document.attachment, state: "u" },
    });
    expect(other.find(aRecord())?.record).toMatchObject({ ...aRecord(), state: "undo-failed" });
    // From now on it can be patched again.
    files.replaceForeign = () => expect.unreachable();
    other.setState(path, "complete");
    expect(other.find(aRecord())?.record).toMatchObject({ ...aRecord(), state: "complete" });
  });

  test("finds a damaged record, and reports that it is damaged", () => {
    const { files, state } = setUp();
    files.create(`${root}/c1-net1`, '{"attachment":');
    expect(state.find(aRecord())).toEqual({
      path: `${root}/c1-net1`,
      record: undefined,
      unreadable: { kind: "damaged", reason: "it is truncated, or is not JSON" },
    });
    expect(state.create(aRecord(), "ib0")).toBeUndefined();
  });

  test("finds the Go plugin's cache of an attachment", () => {
    const { files, state } = setUp();
    files.create(`${root}/c1-net1`, ofGoPlugin("net1"));
    expect(state.find(aRecord())).toMatchObject({ record: undefined, goCache: { pci: "0000:01:10.0" } });
    expect(state.create(aRecord(), "ib0")).toBeUndefined();
  });

  test("separates an attachment of the Go plugin from another one with the same file name", () => {
    const { files, state } = setUp();
    files.create(`${root}/a-b-c`, ofGoPlugin("b-c"));
    const other = aRecord({ containerId: "a-b", ifname: "c" });
    expect(state.find(other)).toBeUndefined();
    expect(state.create(other, "ib0")).toBe(`${root}/.x/a-b/c`);
    expect(state.find({ containerId: "a", ifname: "b-c" })?.goCache?.ifname).toBe("b-c");
    expect(state.find(other)?.record).toMatchObject(other);
  });

  test("moves the record of an unreleased lease to a directory that is not searched for attachments", () => {
    const { state } = setUp();
    const path = state.create(aRecord(), "ib0") ?? "";
    state.deferRelease(path, aRecord());
    const lease = `${root}/.leases/0000:03:00.2-1795506227622`;
    expect(state.unreleasedLeasesOf("0000:03:00.2")).toEqual([lease]);
    expect(state.unreleasedLeasesOf("0000:03:00.20")).toEqual([]);
    expect(state.find(aRecord())).toBeUndefined();
    expect(state.read(lease)?.record).toMatchObject(aRecord());
    expect(state.paths()).toEqual([]);
  });

  test.each([
    ["fits", "c".repeat(250), "net1", true],
    ["is one byte too long", "c".repeat(251), "net1", false],
    ["is measured in bytes, not characters", "c".repeat(250), "nét1", false],
  ])("a name %s", (_, containerId, ifname, fits) => {
    expect(setUp().state.nameFits({ containerId, ifname })).toBe(fits);
  });

  test("is writable if its directories are writable, or can be made", () => {
    const { tree, files, state } = setUp();
    const asked: string[] = [];
    const requireWritable = files.requireWritable.bind(files);
    files.requireWritable = (path) => {
      asked.push(path);
      return requireWritable(path);
    };
    tree.directories.clear();
    tree.directories.add("/var");
    state.requireWritable();
    expect(asked).toEqual([`${root}/.vf`, root, "/var/lib/cni", "/var/lib", "/var"]);
    for (const path of [root, `${root}/.vf`]) tree.directories.add(path);
    asked.length = 0;
    state.requireWritable();
    expect(asked).toEqual([`${root}/.vf`, root]);
    files.requireWritable = () => {
      throw Object.assign(new Error("no"), { code: "EROFS" });
    };
    expect(() => state.requireWritable()).toThrow("no");
  });
});
