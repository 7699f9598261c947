// docs/reference/errors.md: each code has a meaning, and a remedy that leads on. That it has each code, and no other, is
// tested by messages.test.ts.
import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { codes } from "../../../src/cni/errors.ts";
import { textOf } from "../../support/documents.ts";
import { rowsBelow } from "../../support/tables.ts";

const rows = rowsBelow("docs/reference/errors.md", "Codes");

test.each(rows)("code %s has a meaning, and a remedy with a link", (_, meaning, remedy) => {
  expect(meaning).toMatch(/^.{10,}/);
  expect(remedy).toMatch(/\]\([\w./-]*#?[\w-]+\)/);
});

test("every code is thrown somewhere", () => {
  const sources = readdirSync("src", { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && name !== "cni/errors.ts")
    .map((name) => textOf(`src/${name}`))
    .join("\n");
  const unused = Object.keys(codes).filter((name) => !sources.includes(`codes.${name}`));
  expect(unused).toEqual([]);
});
