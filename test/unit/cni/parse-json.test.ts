import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseJson } from "../../../src/cni/parse-json.ts";

describe("parseJson", () => {
  test("parses what JSON.parse parses", () => {
    const text = JSON.stringify({ a: "[".repeat(1000), "[[": ["]", { ":": '"\\' }], b: ":".repeat(20_000) });
    expect(parseJson(text)).toEqual(JSON.parse(text));
    expect(() => parseJson("[1,]")).toThrow(SyntaxError);
    expect(() => parseJson(`${"[1,]"}${" ".repeat(1000)}`)).toThrow(SyntaxError);
  });

  test("accepts 512 levels and 8,192 members, and refuses more", () => {
    const deep = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
    const wide = (members: number) => `[${Array(members).fill('{"a":0}').join()}]`;
    for (const text of [deep(512), wide(8192)]) expect(JSON.stringify(parseJson(text))).toBe(text);
    expect(() => parseJson(deep(513))).toThrow("JSON is nested more than 512 levels deep");
    expect(() => parseJson(wide(8193))).toThrow("JSON has more than 8192 members");
  });

  test("is the only caller of JSON.parse, which cannot parse every document", () => {
    const callers = readdirSync("src", { recursive: true, encoding: "utf8" }).filter(
      (name) => name.endsWith(".ts") && readFileSync(`src/${name}`, "utf8").includes("JSON.parse("),
    );
    expect(callers).toEqual(["cni/parse-json.ts"]);
  });
});
