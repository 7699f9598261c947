import { describe, expect, test } from "vitest";
import {
  callThatFits,
  recordDocument,
  requireRecordFits,
} from "../../../../src/attachment/record/record-document.ts";
import { LONGEST_FILE } from "../../../../src/node/files.ts";
import { aRecord } from "../../../support/records.ts";

describe("a record that DEL could not read", () => {
  const most = LONGEST_FILE - 65536;
  const { args, path } = aRecord().call;
  const calledWith = (note: string) => ({
    stdin: `{"cniVersion":"1.0.0","name":"mynet","type":"ib-sriov","ipam":{"type":"host-local"},"note":"${note}"}`,
    args,
    path,
  });
  const refused = (limit: number) =>
    expect.objectContaining({ code: 7, message: expect.stringContaining(`limit is ${limit}`) });

  test("is refused with the limit: Go writes 160 KB of < as 960 KB, and they need 1.1 MB", () => {
    const call = calledWith("\\u003c".repeat(160_000));
    expect(call.stdin.length).toBeLessThan(LONGEST_FILE);
    expect(() => requireRecordFits(call)).toThrow(refused(most));
    expect(() => recordDocument(aRecord({ call }), "ib0")).toThrow(refused(LONGEST_FILE));
  });

  test.each([
    ["the network", (text: string) => calledWith(text)],
    ["CNI_ARGS", (text: string) => ({ ...calledWith(""), args: text })],
    ["CNI_PATH", (text: string) => ({ ...calledWith(""), path: text })],
    [
      "its name, which the Go plugin reads, too",
      (text: string) => ({ ...calledWith(""), stdin: `{"name":"${text}"}` }),
    ],
  ])("is refused before anything is changed, and one byte less fits: %s is too long", (_, make) => {
    for (const character of ["x", "é", "\\\\"]) {
      let [fits, tooLong] = [0, most];
      while (tooLong - fits > 1) {
        const middle = (fits + tooLong) >> 1;
        try {
          requireRecordFits(make(character.repeat(middle)));
          fits = middle;
        } catch {
          tooLong = middle;
        }
      }
      expect(() => requireRecordFits(make(character.repeat(tooLong)))).toThrow(refused(most));
      const document = recordDocument(aRecord({ call: make(character.repeat(fits)) }), "ib0");
      const bytes = Buffer.byteLength(document);
      expect(bytes).toBeLessThan(LONGEST_FILE);
      expect(bytes).toBeGreaterThan(most);
    }
  });

  test("is made from a shorter configuration, if an attachment of the Go plugin must be undone", () => {
    const call = calledWith("\\u003c".repeat(160_000));
    const { stdin } = callThatFits(call);
    const { cniVersion, name, type, ipam } = JSON.parse(call.stdin);
    expect(JSON.parse(stdin)).toEqual({ cniVersion, name, type, ipam });
    expect(callThatFits(calledWith("short"))).toEqual(calledWith("short"));
  });
});
