import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { errorDocument } from "../../../src/cni/error-document.ts";
import { CniError } from "../../../src/cni/errors.ts";

const parse = (error: unknown, version?: string) => JSON.parse(errorDocument(error, version));

describe("error document", () => {
  test("is JSON indented by four without a newline, with cniVersion", () => {
    expect(errorDocument(new CniError(4, "why", { details: "more" }), "0.4.0")).toBe(
      '{\n    "cniVersion": "0.4.0",\n    "code": 4,\n    "msg": "why",\n    "details": "more"\n}',
    );
  });

  test("leaves out empty details", () => {
    expect(parse(new CniError(7, "why"), "1.0.0")).toEqual({ cniVersion: "1.0.0", code: 7, msg: "why" });
  });

  test("has the newest version if the configuration's is unknown", () => {
    expect(parse(new CniError(6, "x")).cniVersion).toBe("1.1.0");
    expect(parse(new CniError(6, "x"), "").cniVersion).toBe("1.1.0");
  });

  test("contains all causes", () => {
    const root = new Error("write /x: no space left (ENOSPC)");
    const middle = new Error("cannot save the record", { cause: root });
    const error = new CniError(100, "attach failed", { details: "VF 0000:03:00.2", cause: middle });
    expect(parse(error)).toMatchObject({
      code: 100,
      msg: "attach failed",
      details:
        "VF 0000:03:00.2\ncaused by: cannot save the record\ncaused by: write /x: no space left (ENOSPC)",
    });
  });

  test("does not repeat a cause that the message contains", () => {
    const error = new CniError(100, "cannot bind: EIO", { cause: new Error("EIO") });
    expect(parse(error)).toEqual({ cniVersion: "1.1.0", code: 100, msg: "cannot bind: EIO" });
  });

  test("a wrapped CniError keeps its code, and the outer text stays", () => {
    const inner = new CniError(11, "VF is busy", { details: "held by 77" });
    expect(parse(new Error("rolling back", { cause: inner }))).toEqual({
      cniVersion: "1.1.0",
      code: 11,
      msg: "rolling back",
      details: "caused by: VF is busy (held by 77)",
    });
  });

  test("the outermost code wins", () => {
    expect(parse(new CniError(7, "a", { cause: new CniError(11, "b") })).code).toBe(7);
  });

  test("contains all errors of an AggregateError, and their causes", () => {
    const error = new AggregateError(
      [new CniError(100, "rebind failed", { cause: new Error("EIO") }), new Error("lease not released")],
      "undo failed",
    );
    expect(parse(error)).toMatchObject({
      code: 100,
      msg: "undo failed",
      details: "caused by: rebind failed\ncaused by: EIO\ncaused by: lease not released",
    });
  });

  test("an unexpected error is 999 with its stack in details", () => {
    const document = parse(new TypeError("x is undefined"));
    expect(document).toMatchObject({ code: 999, msg: "x is undefined" });
    expect(document.details).toContain("error-document.test.ts");
  });

  test("a CniError has no stack in details", () => {
    expect(parse(new CniError(7, "a", { cause: new Error("b") })).details).toBe("caused by: b");
  });

  test("a thrown value that is not an error is included as well", () => {
    expect(parse("text")).toMatchObject({ code: 999, msg: "text" });
    for (const thing of [undefined, null, 5, "", {}, Object.create(null), Symbol("s"), [1]]) {
      expect(parse(thing)).toMatchObject({ code: 999, msg: expect.stringContaining("unexpected failure") });
    }
    expect(parse(new RangeError()).msg).toBe("RangeError");
  });

  test("a cycle of causes ends", () => {
    const a = new Error("a");
    const b = new Error("b", { cause: a });
    a.cause = b;
    expect(parse(a)).toMatchObject({ code: 999, msg: "a" });
  });

  test("any thrown value gives one JSON object with code and msg", () => {
    fc.assert(
      fc.property(fc.anything(), fc.string(), fc.anything(), (cause, message, alone) => {
        for (const error of [new CniError(7, message, { cause }), new Error(message, { cause }), alone]) {
          expect(parse(error)).toMatchObject({ code: expect.any(Number), msg: expect.stringMatching(/./s) });
        }
      }),
    );
  });
});
