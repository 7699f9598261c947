import { expect, test } from "vitest";
import { type Listing, listingText, tablesText } from "../../../../src/cli/output/listing.ts";

const tables = [
  {
    columns: [{ heading: "NAME" }, { heading: "PATH", isWide: true }, { heading: "AGE" }],
    rows: [
      ["a", "/var", "1"],
      ["longer", "", ""],
    ],
  },
  { columns: [{ heading: "EMPTY" }], rows: [] },
];
const listing: Listing = {
  document: { items: [1] },
  names: ["a", "longer"],
  text: (style) => tablesText(tables, style),
};
const headings = { hasHeadings: true };

test("a table leaves out wide columns, and tables without rows", () => {
  expect(listingText("table", headings, listing)).toBe("NAME    AGE\na       1\nlonger  -");
});

test("wide has all columns", () => {
  expect(listingText("wide", headings, listing)).toBe("NAME    PATH  AGE\na       /var  1\nlonger  -     -");
});

test("without headings, columns are as wide as their rows", () => {
  expect(listingText("table", { hasHeadings: false }, listing)).toBe("a       1\nlonger  -");
});

test("JSON and YAML have a version", () => {
  expect(JSON.parse(listingText("json", headings, listing))).toEqual({ schemaVersion: 1, items: [1] });
  expect(listingText("yaml", headings, listing)).toBe("schemaVersion: 1\nitems:\n- 1");
});

test("name prints only names", () => {
  expect(listingText("name", headings, listing)).toBe("a\nlonger");
});
