import { describe, expect, test } from "vitest";
import { changesText, type WatchedListing } from "../../../../src/cli/output/changes.ts";
import { type Format, tablesText } from "../../../../src/cli/output/listing.ts";

const columns = [{ heading: "NAME" }, { heading: "STATE" }, { heading: "PATH", isWide: true }];

/** Returns a listing of rows: name, state and path. */
function listing(...rows: readonly (readonly [string, string, string])[]): WatchedListing {
  const tables = [
    { columns, rows },
    { columns: [{ heading: "OTHER" }], rows: [] },
  ];
  const items = rows.map(([name, state, path]) => ({ name, state, path }));
  return {
    document: { items },
    names: rows.map(([name]) => name),
    things: new Map(items.map((item) => [item.name, item])),
    tables,
    text: (style) => (rows.length === 0 ? "Nothing." : tablesText(tables, style)),
  };
}

const changes = (format: Format, before: WatchedListing, now: WatchedListing, hasHeadings = true) =>
  changesText(format, { hasHeadings }, before, now);

const before = listing(["one", "free", "/1"], ["longer", "used", "/2"]);
const formats = ["table", "wide", "json", "yaml", "name"] as const;

test.each(formats)("%s: nothing is printed if nothing changed", (format) => {
  expect(changes(format, before, listing(["one", "free", "/1"], ["longer", "used", "/2"]))).toBe("");
  expect(changes(format, listing(), listing())).toBe("");
});

describe("a changed row", () => {
  const now = listing(["one", "used", "/1"], ["longer", "used", "/2"]);
  test.each([
    ["table", "one     used"],
    ["wide", "one     used   /1"],
    ["name", "one"],
  ] as const)("%s: is printed alone, as wide as before", (format, expected) => {
    expect(changes(format, before, now)).toBe(expected);
  });

  test("JSON and YAML: the whole document is printed", () => {
    expect(JSON.parse(changes("json", before, now))).toEqual({ schemaVersion: 1, ...now.document });
    expect(changes("yaml", before, now)).toMatch(
      /^---\nschemaVersion: 1\nitems:\n- name: one\n {2}state: used\n/,
    );
  });

  test("a text without tables is printed as a whole, without headings", () => {
    const tree = (each: WatchedListing): WatchedListing => ({ ...each, tables: undefined });
    expect(changes("table", tree(before), tree(now))).toBe("\none     used\nlonger  used");
  });
});

test("a change of a wide column is a change of a wide table only", () => {
  const now = listing(["one", "free", "/new"], ["longer", "used", "/2"]);
  expect(changes("table", before, now)).toBe("");
  expect(changes("wide", before, now)).toMatch(/^one .*\/new$/);
  expect(changes("name", before, now)).toBe("one");
});

test("a new row and a removed row", () => {
  const now = listing(["one", "free", "/1"], ["new", "free", "/3"]);
  expect(changes("table", before, now).split("\n")).toEqual(["new     free", "longer  removed"]);
  expect(changes("wide", before, now).split("\n").at(-1)).toMatch(/^longer +removed +\/2$/);
  expect(changes("name", before, now).split("\n").sort()).toEqual(["longer", "new"]);
});

test("the first rows of a table follow its headings", () => {
  expect(changes("table", listing(), before)).toBe("NAME    STATE\none     free\nlonger  used");
  expect(changes("table", listing(), before, false)).toBe("one     free\nlonger  used");
});
