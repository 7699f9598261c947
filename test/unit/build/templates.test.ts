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
  "`${1}${2}b`",
  "`${1}b${2}${3}`",
  "`${[1]}b`",
  "`${1}`",
  "`${`${1}`}${2}`",
  "`${1}${2}${3}\nb`",
  "`${1}\n${2}`",
  "`${undefined}b` + `${null}${true}`",
  // Lines within the braces, and lines that a text goes on in without having them.
  "`a${\n1\n}b${ // one\n2}`",
  "`\\\n${1}b`",
  "`a${1}\\\n${2}`",
  "`a${1}\\\n`",
])("template literals become sums that say the same: %j", (script) => {
  const sums = withoutTemplates(script);
  expect(vm.runInNewContext(sums)).toEqual(vm.runInNewContext(script));
  expect(lines(sums)).toBe(lines(script));
  expect(sums.replaceAll(/"(?:[^"\\]|\\.)*"/g, "")).not.toContain("`");
});

test.each([
  ["`${a}b${c}`", '((a)+"b"+(c))'],
  ["`b${a}${c}`", '("b"+(a)+(c))'],
  ["`${a}${b}c`", '(""+(a)+(b)+"c")'],
  ["`${a}`", '(""+(a))'],
  ["`${`${a}b`}c`", '((((a)+"b"))+"c")'],
])("%s begins with an empty text only where nothing else makes it one", (script, sum) => {
  expect(withoutTemplates(script)).toBe(sum);
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
