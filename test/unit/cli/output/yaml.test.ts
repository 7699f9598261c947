import fc from "fast-check";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { formatYaml } from "../../../../src/cli/output/yaml.ts";

test("has the style of kubectl", () => {
  const value = {
    schemaVersion: 1,
    pfs: [
      { pci: "0000:03:00.0", rdma: ["mlx5_0"], vfs: [] },
      { pci: "b", netdev: undefined },
    ],
    holder: { pod: "default/trainer", since: null },
    none: {},
  };
  expect(formatYaml(value)).toBe(`schemaVersion: 1
pfs:
- pci: "0000:03:00.0"
  rdma:
  - mlx5_0
  vfs: []
- pci: b
holder:
  pod: default/trainer
  since: null
none: {}`);
});

test.each([
  "yes",
  "0x1F",
  "1e3",
  "e0",
  "~",
  "- a",
  "a: b",
  "a #b",
  "",
  " a",
  "null",
  "0000:03:00.2",
  "<<",
  "=",
  "a\nb",
])("the text %j stays a text", (text) => {
  for (const version of ["1.1", "1.2"] as const)
    expect(parse(formatYaml([text]), { version })).toEqual([text]);
});

test("a YAML parser reads every JSON value back", () => {
  fc.assert(
    fc.property(fc.json(), fc.constantFrom("1.1" as const, "1.2" as const), (json, version) => {
      expect(parse(formatYaml(JSON.parse(json)), { version })).toEqual(JSON.parse(json));
    }),
  );
});

test("characters that YAML does not allow in a text are escaped", () => {
  const text = "\x1b[2J\x7f\u009b\u0085\u2028\ufeff\uffff\ud800 \udc9b\u{1f600}\u202e";
  const yaml = formatYaml({ text });
  expect(yaml).toBe(
    'text: "\\u001b[2J\\u007f\\u009b\\u0085\\u2028\\ufeff\\uffff\\ud800 \\udc9b\u{1f600}\\u202e"',
  );
  expect(parse(yaml)).toEqual({ text });
});
