import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
// @ts-expect-error: a script without declarations.
import { cut } from "../../scripts/pieces.mjs";
import { freshPath } from "./harness.ts";

interface Piece {
  readonly name: string;
  readonly line: number;
  readonly code: string;
}

function pieces(script: string): Piece[] {
  return cut(script);
}

function names(script: string): string[] {
  return pieces(script)
    .map(({ name }) => name)
    .filter((name) => name !== "");
}

test("declarations that do nothing but declare become pieces, with their lines", () => {
  const script = `// head
function f() {
  return g();
}
var A = class extends Error {
  #x = f();
  static limit = 7;
}, table = { a: 1, list: [f, -1, \`x\${limit}\`] }, limit = 2 * 3;
var print = host.print;
f();
`;
  expect(pieces(script)).toEqual([
    { name: "", line: 1, code: "// head\n\n\n\n\n\n\n\nf();\n".replace("\n\n\n\n\n\n\n\n", "\n".repeat(9)) },
    { name: "f", line: 2, code: "function f() {\n  return g();\n}" },
    { name: "A", line: 5, code: "var A = class extends Error {\n  #x = f();\n  static limit = 7;\n};" },
    { name: "table", line: 8, code: `var table = { a: 1, list: [f, -1, \`x\${limit}\`] };` },
    { name: "limit", line: 8, code: "var limit = 2 * 3;" },
    { name: "print", line: 9, code: "var print = host.print;" },
  ]);
});

test.each([
  ["it calls", "var a = f();"],
  ["it reads a property, which may be a getter", "var a = b.c;"],
  ["it depends on what is evaluated at the start", "var now = f(), a = [now];"],
  ["it depends on something that does", "var now = f(), b = now, a = { b };"],
  ["it is assigned to", "var a = 1; function g() { a = 2; }", ["g"]],
  ["it is counted", "var a = 1; function g() { a++; }", ["g"]],
  ["it is assigned to by destructuring", "var a = 1; function g(x) { [{ b: a }] = x; }", ["g"]],
  ["it is a loop's variable", "var a = 1; function g(x) { for (a of x); }", ["g"]],
  ["its function is replaced", "function a() {} a = 1;"],
  ["its class runs code", "var a = class { static { f(); } };"],
  ["its class has a static field that does", "var a = class { static b = f(); };"],
  ["its class has a name that is computed", "var a = class { [f()]() {} };"],
  ["its parent is computed", "var a = class extends f() {};"],
  ["it takes apart", "var { a } = b;"],
  ["it constructs anything", "var a = new Thing();"],
  ["it has no value", "var a;"],
  ["it is let, which has another scope", "let a = 1;"],
])("a declaration stays where it is if %s", (_why, script, others: string[] = []) => {
  expect(names(script)).toEqual(others);
  expect(pieces(script)[0]?.code.replaceAll(/\s/g, "")).not.toBe("");
});

test.each(["new Date();", "f(Promise);", "async function f() {}", "function f() { return eval; }"])(
  "what the engine does not have is refused: %s",
  (script) => {
    expect(() => pieces(`var ok = { Date: 1 };\n${script}`)).toThrow(/^line 2: the engine has no /);
  },
);

test("an assignment to a property is none to a variable of its name", () => {
  expect(names("var lease = { a() {} }; function f(x) { x.lease = 1; }")).toEqual(["lease", "f"]);
});

test("the compiler refuses a name that the engine has, since it would be taken for that", () => {
  const file = freshPath("pieces");
  const code = "function escape() {}";
  writeFileSync(file, `- 1 1\n;\nescape 1 ${code.length}\n${code}\n`);
  const { status, stderr } = spawnSync("build/compile", ["program", file], { encoding: "utf8" });
  expect(status).toBe(1);
  expect(stderr).toContain("escape: this top-level name is one of the engine's own globals");
});

test("the compiler says where a script is wrong", () => {
  const file = freshPath("pieces");
  writeFileSync(file, "f 3 10\nfunction (\n");
  const { status, stderr } = spawnSync("build/compile", ["program", file], { encoding: "utf8" });
  expect(status).toBe(1);
  expect(stderr).toContain("program.js:3");
});
