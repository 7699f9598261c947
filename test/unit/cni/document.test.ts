import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromJson, isObject, parseJsonObject, showValue } from "../../../src/cni/document.ts";
import { Fields } from "../../../src/cni/fields.ts";
import { orCniError, thrown } from "./thrown.ts";

function fields(object: Record<string, unknown> | string): Fields {
  return new Fields(typeof object === "string" ? JSON.parse(object) : object, "the document", 7);
}

describe("a JSON document", () => {
  test.each([
    ["nothing", ""],
    ["a BOM", "\ufeff{}"],
    ["comments", '{"a":1 /* x */}'],
    ["trailing bytes", "{} x"],
    ["a second document", "{}{}"],
    ["a trailing comma", '{"a":1,}'],
    ["a document that is cut off", '{"a":'],
    ["a NUL", "{}\0"],
    ["garbage", "\u0001\ufffd\ufffd"],
    ["a list", "[]"],
    ["a string", '"x"'],
    ["a number", "5"],
    ["a boolean", "true"],
  ])("that is %s is code 6", (_, text) => {
    const error = thrown(() => parseJsonObject(text, "error unmarshall network config"));
    expect(error.code).toBe(6);
    expect(error.message).toMatch(/^error unmarshall network config: ./);
  });

  test("null is an empty object", () => {
    expect(parseJsonObject("null", "x")).toEqual({});
  });

  test("with any depth of nesting is read or code 6, never a crash", () => {
    for (const depth of [1000, 10_000, 1_000_000]) {
      orCniError(() => parseJsonObject(`{"a":${"[".repeat(depth)}${"]".repeat(depth)}}`, "x"));
      orCniError(() => parseJsonObject("[".repeat(depth), "x"));
      orCniError(() => parseJsonObject('{"a":'.repeat(depth), "x"));
    }
  });

  test("any text is read or code 6", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        const object = orCniError(() => parseJsonObject(text, "x"));
        if (object !== undefined) expect(isObject(object)).toBe(true);
        fromJson(text);
      }),
    );
  });

  test("fromJson returns undefined for invalid JSON", () => {
    expect(fromJson("{")).toBeUndefined();
    expect(fromJson('{"a":[1]}')).toEqual({ a: [1] });
  });
});

describe("keys", () => {
  test("match exactly or else without regard to case", () => {
    expect(fields({ deviceID: "a" }).string("deviceID")).toBe("a");
    expect(fields({ DEVICEid: "a" }).string("deviceID")).toBe("a");
    expect(fields({ device: "a", deviceIDs: "b" }).string("deviceID")).toBeUndefined();
  });

  test("match by Unicode's case folding, as in Go", () => {
    expect(fields({ "lin\u212a_\u017ftate": "a" }).string("link_state")).toBe("a");
  });

  test("the last of several wins", () => {
    expect(fields('{"name":"a","name":"b"}').string("name")).toBe("b");
    expect(fields('{"name":"a","NAME":"b"}').string("name")).toBe("b");
    expect(fields('{"NAME":"b","name":"a"}').string("name")).toBe("a");
  });

  test("null keeps the previous value, or the default", () => {
    expect(fields('{"name":"a","NAME":null}').string("name")).toBe("a");
    const none = fields({ a: null });
    expect([none.string("a"), none.boolean("a"), none.integer("a", 0, 9), none.nested("a")]).toEqual([
      undefined,
      false,
      undefined,
      undefined,
    ]);
    expect([none.strings("a", 9), none.objects("a", 9), none.raw("a")]).toEqual([[], [], undefined]);
  });

  test("of Object's own members are ordinary keys", () => {
    expect(fields({}).raw("constructor")).toBeUndefined();
    expect(fields({}).raw("__proto__")).toBeUndefined();
    expect(fields('{"__proto__":{"name":"x"}}').string("name")).toBeUndefined();
    expect(fields('{"__proto__":5}').raw("__proto__")).toBe(5);
  });
});

describe("values", () => {
  test("an empty string equals a missing value", () => {
    expect(fields({ a: "" }).string("a")).toBeUndefined();
  });

  test.each<[string, (f: Fields) => unknown, unknown]>([
    ["must be a string", (f) => f.string("a"), 5],
    ["must be a string", (f) => f.string("a"), ["x"]],
    ["must be true or false", (f) => f.boolean("a"), "true"],
    ["must be true or false", (f) => f.boolean("a"), 1],
    ["must be an object", (f) => f.nested("a"), "x"],
    ["must be an object", (f) => f.nested("a"), []],
    ["must be a list", (f) => f.strings("a", 9), "x"],
    ["must be a list", (f) => f.objects("a", 9), {}],
    ["must be a whole number from 0 to 9", (f) => f.integer("a", 0, 9), 10],
    ["must be a whole number from 0 to 9", (f) => f.integer("a", 0, 9), -1],
    ["must be a whole number from 0 to 9", (f) => f.integer("a", 0, 9), 1.5],
    ["must be a whole number from 0 to 9", (f) => f.integer("a", 0, 9), "1"],
  ])("of a wrong type are refused with key and value: %s", (why, read, value) => {
    expect(thrown(() => read(fields({ a: value })))).toMatchObject({
      code: 7,
      message: `the document: a ${why}, not ${JSON.stringify(value)}`,
    });
  });

  test("an element of a wrong type is named with its index", () => {
    expect(thrown(() => fields({ a: ["x", 5] }).strings("a", 9)).message).toContain(
      "a[1] must be a string, not 5",
    );
    expect(thrown(() => fields({ a: [{}, null] }).objects("a", 9)).message).toContain(
      "a[1] must be an object, not null",
    );
  });

  test("a nested member is named with its path", () => {
    const ip = fields({ ips: [{ x: { y: 5 } }] }).objects("ips", 9)[0];
    expect(thrown(() => ip?.nested("x")?.string("y")).message).toContain(
      "ips[0].x.y must be a string, not 5",
    );
  });

  test("more entries than allowed are refused with their number", () => {
    expect(thrown(() => fields({ a: new Array(10).fill("x") }).strings("a", 9)).message).toContain(
      "a has 10 entries",
    );
  });

  test("a long value is cut in messages, and a deep value does not crash them", () => {
    expect(showValue("x".repeat(10_000)).length).toBeLessThan(250);
    let deep: unknown = [];
    for (let i = 0; i < 100_000; i++) deep = [deep];
    expect(showValue(deep).length).toBeLessThan(250);
    expect(thrown(() => fields({ a: deep }).string("a")).code).toBe(7);
  });

  test("any value is read or refused with the document's code", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const all = [
          (f: Fields) => f.string("a"),
          (f: Fields) => f.boolean("a"),
          (f: Fields) => f.integer("a", 0, 5),
          (f: Fields) => f.nested("a"),
          (f: Fields) => f.strings("a", 3),
          (f: Fields) => f.objects("a", 3),
        ];
        for (const read of all) orCniError(() => read(fields(JSON.stringify({ a: value }))));
      }),
    );
  });
});
