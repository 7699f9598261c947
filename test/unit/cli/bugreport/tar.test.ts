import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { TarWriter } from "../../../../src/cli/bugreport/tar.ts";

const directory = mkdtempSync(join(tmpdir(), "tar-"));
afterAll(() => rmSync(directory, { recursive: true }));

const time = Date.UTC(2026, 10, 24, 21, 46, 4);

function tarOf(files: readonly (readonly [string, string])[]): Buffer {
  const parts: Uint8Array[] = [];
  const tar = new TarWriter((bytes) => parts.push(bytes.slice()), time, 0o600);
  for (const [path, text] of files) tar.add(path, text);
  tar.end();
  return Buffer.concat(parts);
}

const list = (tar: Buffer, options: string) =>
  execFileSync("tar", [options, "-"], { input: tar, encoding: "utf8", env: { ...process.env, TZ: "UTC" } });

/** Paths around the limits of the header's fields. */
const paths = [
  "report/short",
  `report/${"n".repeat(93)}`,
  `report/${"n".repeat(94)}`,
  `${"p".repeat(155)}/${"n".repeat(100)}`,
  `${"p".repeat(155)}/${"n".repeat(101)}`,
  `${"p".repeat(156)}/${"n".repeat(3)}`,
  `report/${"d".repeat(60)}/${"n".repeat(90)}`,
  `report/${"n".repeat(255)}`,
  "report/ééé",
  `report/${"ü".repeat(120)}`,
];

test("tar extracts files with paths of any length, and with their content", () => {
  const files = paths.map((path, i) => [path, `${path}\n${"x".repeat(i)}`] as const);
  execFileSync("tar", ["-xf", "-", "-C", directory], { input: tarOf(files) });
  for (const [path, text] of files) expect(readFileSync(join(directory, path), "utf8")).toBe(text);
  expect(list(tarOf(files), "-tf").split("\n").length - 1).toBe(files.length);
});

test.each([0, 1, 511, 512, 513, 100_000])("content of %i bytes is padded to whole blocks", (length) => {
  const tar = tarOf([
    ["before", "é".repeat(length)],
    ["after", "end"],
  ]);
  expect(tar.length % 512).toBe(0);
  expect(list(tar, "-xOf")).toBe(`${"é".repeat(length)}end`);
});

test("files have the mode, the time, and root as their owner", () => {
  expect(list(tarOf([["a", "text"]]), "-tvf")).toMatch(/^-rw------- 0\/0 +4 2026-11-24 21:46 a\n$/);
});

test("a tar without files is valid", () => {
  expect(list(tarOf([]), "-tf")).toBe("");
});
