import { describe, expect, test } from "vitest";
import { messagesIn, readErrors, readReport } from "../../../../src/cli/agent/command-report.ts";

const vf = "0000:03:00.2";

describe("the report of a command", () => {
  test("has the changes and errors of provision, and no VF that stays as it is", () => {
    const vfs = [
      { pci: vf, outcome: "given", guid: "02:00:00:00:00:00:00:01" },
      { pci: vf, outcome: "kept", guid: "02:00:00:00:00:00:00:02" },
      { pci: vf, outcome: "in use", why: "by container c1" },
      { pci: vf, outcome: "failed", why: "no GUID is left" },
    ];
    expect(readReport(JSON.stringify({ schemaVersion: 1, vfs }))).toEqual({
      changes: [`assigned a GUID to VF ${vf}: 02:00:00:00:00:00:00:01`],
      errors: [`VF ${vf}: no GUID is left`],
    });
  });

  test("has the changes and errors of gc, as far as their records name them", () => {
    const name = { containerId: "c1", ifname: "net1" };
    const outcomes = [
      { pod: "default/one", ...name, pci: vf, outcome: "released", path: "/a" },
      { ...name, outcome: "released", why: "only its lease was left", path: "/b" },
      { ...name, pci: vf, outcome: "left", why: "its namespace exists", path: "/c" },
      { outcome: "failed", why: "EIO", path: "/d" },
    ];
    expect(readReport(JSON.stringify({ schemaVersion: 1, outcomes }))).toEqual({
      changes: [
        `released attachment c1/net1, pod default/one, VF ${vf}`,
        "released attachment c1/net1: only its lease was left",
      ],
      errors: ["/d: EIO"],
    });
  });

  test.each(["", "not JSON", "null", "1", "{}", '{"vfs":1}', '{"outcomes":[null,1,{}]}'])(
    "%j has neither",
    (text) => {
      expect(readReport(text)).toEqual({ changes: [], errors: [] });
    },
  );
});

describe("the error of a command", () => {
  test("is its last message, of any length, without those before", () => {
    const last = `cannot do it: ${"x".repeat(2000)}`;
    expect(readErrors(`ib-sriov: first\n\nib-sriov: ${last}\nwith a second line\n`)).toEqual({
      error: `${last}\nwith a second line`,
      others: ["first"],
    });
  });

  test("is all of its output if that has no message, and can be empty", () => {
    expect(readErrors("Killed\n")).toEqual({ error: "Killed", others: [] });
    expect(readErrors("")).toEqual({ error: "", others: [] });
  });

  test("of the installer has another beginning", () => {
    expect(readErrors("Error: no directory\n").error).toBe("no directory");
    expect(messagesIn("ib-sriov: a\n\nError: b\nc")).toEqual(["a", "b", "c"]);
  });
});
