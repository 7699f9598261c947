import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseConfiguration } from "../../../src/cni/configuration.ts";
import { validAttachments } from "../../../src/cni/valid-attachments.ts";
import { orCniError, thrown } from "./thrown.ts";

function read(more: object) {
  return validAttachments(parseConfiguration(JSON.stringify({ cniVersion: "1.1.0", name: "n", ...more })));
}

const entry = { containerID: "c1", ifname: "net1" };
const name = { containerId: "c1", ifname: "net1" };

describe("GC's list of valid attachments", () => {
  test("is read from either spelling, the newer one first", () => {
    expect(read({ "cni.dev/valid-attachments": [entry] })).toEqual([name]);
    expect(read({ "cni.dev/attachments": [entry] })).toEqual([name]);
    expect(read({ "cni.dev/attachments": [], "cni.dev/valid-attachments": [entry] })).toEqual([name]);
  });

  test("null is an empty list, as libcni writes it: no attachment is valid", () => {
    expect(read({ "cni.dev/valid-attachments": null })).toEqual([]);
    expect(read({ "cni.dev/valid-attachments": null, "cni.dev/attachments": [entry] })).toEqual([]);
    expect(read({ "cni.dev/valid-attachments": [] })).toEqual([]);
  });

  test("a missing list means that nothing is known", () => {
    expect(read({})).toBeUndefined();
  });

  test.each([
    ["text", "c1"],
    ["an object", {}],
    ["a list of text", ["c1"]],
    ["a list with null", [null]],
    ["an entry without ifname", [{ containerID: "c1" }]],
    ["an entry without containerID", [entry, { ifname: "net1" }]],
    ["an entry with an empty containerID", [{ containerID: "", ifname: "net1" }]],
    ["an entry with a number", [{ containerID: 1, ifname: "net1" }]],
  ])("of %s is refused with code 7: GC would take its missing attachments for stale", (_, list) => {
    const error = thrown(() => read({ "cni.dev/valid-attachments": list }));
    expect(error).toMatchObject({ code: 7 });
    expect(error.message).toContain("cni.dev/valid-attachments");
  });

  test("of any value is read or refused", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        orCniError(() => read({ "cni.dev/valid-attachments": value }));
      }),
    );
  });
});
