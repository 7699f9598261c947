import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { argument, parseArgs } from "../../../src/cni/args.ts";

describe("CNI_ARGS", () => {
  test("as Multus and containerd send them", () => {
    const args = parseArgs("IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=p;K8S_POD_UID=");
    expect(args.warnings).toEqual([]);
    expect(argument(args, "K8S_POD_NAME")).toBe("p");
    expect(argument(args, "K8S_POD_UID")).toBe("");
    expect(argument(args, "K8S_POD_INFRA_CONTAINER_ID")).toBeUndefined();
  });

  test("unknown keys never fail, with or without IgnoreUnknown", () => {
    expect(parseArgs("what=ever")).toEqual({ pairs: [["what", "ever"]], warnings: [] });
  });

  test("keys are case-sensitive", () => {
    expect(argument(parseArgs("GUID=a;guid=b"), "guid")).toBe("b");
    expect(argument(parseArgs("GUID=a"), "guid")).toBeUndefined();
  });

  test("the last of several wins", () => {
    expect(argument(parseArgs("guid=a;guid=b"), "guid")).toBe("b");
  });

  test("a malformed pair is skipped with a warning and does not affect others", () => {
    const args = parseArgs("bad;a=1;x=y=z;b=2");
    expect(args.pairs).toEqual([
      ["a", "1"],
      ["b", "2"],
    ]);
    expect(args.warnings).toHaveLength(2);
    expect(args.warnings[0]).toContain('"bad"');
    expect(args.warnings[1]).toContain('"x=y=z"');
  });

  test("a trailing semicolon and an empty text are accepted", () => {
    expect(parseArgs("a=1;")).toEqual({ pairs: [["a", "1"]], warnings: [] });
    expect(parseArgs("")).toEqual({ pairs: [], warnings: [] });
  });

  test("names of Object's own members are ordinary keys", () => {
    expect(argument(parseArgs("a=1"), "__proto__")).toBeUndefined();
    expect(argument(parseArgs("__proto__=1"), "__proto__")).toBe("1");
  });

  test("no text makes it fail, and every well-formed pair is found", () => {
    const word = fc.string().map((text) => text.replace(/[;=]/g, ""));
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void parseArgs(text)));
    fc.assert(
      fc.property(fc.array(fc.tuple(word, word), { minLength: 1 }), (pairs) => {
        expect(parseArgs(pairs.map((pair) => pair.join("=")).join(";")).pairs).toEqual(pairs);
      }),
    );
  });
});
