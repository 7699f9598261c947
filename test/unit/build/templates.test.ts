// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the scripts under test are texts.
// What the build makes of the scripts, before they are compiled (scripts/).
import vm from "node:vm";
import { expect, test } from "vitest";
import { withoutTemplates } from "../../../scripts/templates.mjs";
import { touching } from "../../../scripts/touch.mjs";

const lines = (text: string) => text.split("\n").length;

test.each([
  "const a = 1; `${a}${a + 1}`",
  "const a = null; `${a}${undefined}${-0}${1n}${[1, 2]}${{}}`",
  '`a\\n"b"\\u0041${"`"}\\``',
  "`a${`b${`c${1 + 1}`}`}d${[`e`, `f`].join()}`",
  "((a) => `${a ? `yes ${a}` : ''}`)(7)",
  "`${(1, 2)}${true || false}${1 ? 2 : 3}`",
  "`one\ntwo ${1}\n\n${2}\n` + `\n`",
  "``",
])("template literals become sums that say the same: %j", (script) => {
  const sums = withoutTemplates(script);
  expect(vm.runInNewContext(sums)).toEqual(vm.runInNewContext(script));
  expect(lines(sums)).toBe(lines(script));
  expect(sums.replaceAll(/"(?:[^"\\]|\\.)*"/g, "")).not.toContain("`");
});

test("what no sum can say is refused", () => {
  expect(() => withoutTemplates("String.raw`a`")).toThrow("a tagged template");
});

test("built-in functions that a script names are asked for, others are not", () => {
  const asked: string[] = [];
  const spy = (object: object, name: string) =>
    new Proxy(object, {
      getOwnPropertyDescriptor: (target, key) => {
        asked.push(`${name}.${String(key)}`);
        return Reflect.getOwnPropertyDescriptor(target, key);
      },
    });
  const context = vm.createContext({});
  context.List = vm.runInContext("(class { map() {} filter() {} })", context);
  context.List.prototype.method = spy(vm.runInContext("({ deep() {} })", context), "method");
  vm.runInContext(touching("a.map(b).method.deep"), context);
  expect(asked).toContain("method.deep");
  expect(asked).not.toContain("method.filter");
});
