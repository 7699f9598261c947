import vm from "node:vm";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { withFunctionScopes } from "../../../scripts/scopes.mjs";
import { anyScript } from "./any-script.ts";

/** A function with that body, and what becomes of the body. */
const changed = (body: string) => withFunctionScopes(`(function () { ${body} })()`).slice(15, -5);
const run = (script: string): unknown => vm.runInNewContext(script);
const resultOf = (body: string) => run(`(function () { ${body} })()`);

/** Each says what it has done. */
describe("a variable becomes the function's where that means the same:", () => {
  test.each([
    [
      "one of the function itself",
      "let a = 1; const b = a + 1; return [a, b]",
      "var a = 1; var   b = a + 1; return [a, b]",
    ],
    ["one without a value, which it has none of either way", "let a; return [a]", "var a; return [a]"],
    ["one of a block", "{ let a = 1; return a }", "{ var a = 1; return a }"],
    [
      "one that is made anew each time round",
      "const all = []; for (const each of [1, 2]) { const twice = 2 * each; all.push(twice) } return all",
      "var   all = []; for (var   each of [1, 2]) { var   twice = 2 * each; all.push(twice) } return all",
    ],
    [
      "that of a classic loop",
      "let sum = 0; for (let i = 0; i < 3; i++) sum += i; return sum",
      "var sum = 0; for (var i = 0; i < 3; i++) sum += i; return sum",
    ],
    [
      "that of a loop over names",
      "let all = ''; for (const key in { x: 1, y: 2 }) all += key; return all",
      "var all = ''; for (var   key in { x: 1, y: 2 }) all += key; return all",
    ],
    [
      "several of a name, one after the other",
      "let sum = 0; for (let i = 0; i < 3; i++) sum += i; for (let i = 0; i < 3; i++) sum += i; return sum",
      "var sum = 0; for (var i = 0; i < 3; i++) sum += i; for (var i = 0; i < 3; i++) sum += i; return sum",
    ],
    [
      "those that are taken apart",
      "const { a, b: [c, d = a] } = { a: 1, b: [2] }; return [a, c, d]",
      "var   { a, b: [c, d = a] } = { a: 1, b: [2] }; return [a, c, d]",
    ],
    [
      "those of a switch",
      "switch (2) { case 1: let a = 1; return a; default: let b = 2; return b }",
      "switch (2) { case 1: var a = 1; return a; default: var b = 2; return b }",
    ],
    [
      "one that a closure keeps, and that there is once",
      "let a = 1; const next = () => ++a; next(); return [next(), a]",
      "var a = 1; var   next = () => ++a; next(); return [next(), a]",
    ],
    [
      "one of a function in a loop, which is called anew each time",
      "return [1, 2].map((each) => { const twice = 2 * each; return () => twice }).map((ask) => ask())",
      "return [1, 2].map((each) => { var   twice = 2 * each; return () => twice }).map((ask) => ask())",
    ],
    [
      "one of a function that waits in its middle",
      "function* count() { for (const each of [1, 2]) { let twice = 2 * each; yield twice } } return [...count()]",
      "function* count() { for (var   each of [1, 2]) { var twice = 2 * each; yield twice } } return [...count()]",
    ],
    [
      "one in a class, which is nobody's outside",
      "class A { static all = []; static { const a = 1; A.all.push(a) } } return A.all",
      "class A { static all = []; static { var   a = 1; A.all.push(a) } } return A.all",
    ],
    [
      "one that has a namesake in a function in its block",
      "{ const a = 1; return [a, (() => { const a = 2; return a })()] }",
      "{ var   a = 1; return [a, (() => { var   a = 2; return a })()] }",
    ],
    [
      "one that has the name of the function it is in",
      "return (function own() { { const own = 1; return own } })()",
      "return (function own() { { var   own = 1; return own } })()",
    ],
  ])("%s", (_, body, expected) => {
    expect(changed(body)).toBe(expected);
    expect(resultOf(expected)).toEqual(resultOf(body));
    expect(resultOf(body)).toBeDefined();
  });
});

describe("a variable stays its block's where it is another one", () => {
  test.each([
    [
      "each time round, for a closure",
      "const all = []; for (let i = 0; i < 3; i++) all.push(() => i); return all.map((ask) => ask())",
    ],
    [
      "for each of a list, for a closure",
      "const all = []; for (const i of [1, 2]) all.push(() => i); return all.map((ask) => ask())",
    ],
    [
      "for each name, for a function",
      "const all = []; for (const i in { x: 1, y: 2 }) all.push(function () { return i }); return all.map((ask) => ask())",
    ],
    [
      "in the block of a loop, for a closure",
      "const all = []; let n = 0; while (n++ < 2) { const i = n; all.push(() => i) } return all.map((ask) => ask())",
    ],
    [
      "in a loop that looks at its end, for a closure",
      "const all = []; let n = 0; do { const i = n; all.push(() => i) } while (++n < 2); return all.map((ask) => ask())",
    ],
    [
      "in a switch in a loop, for a closure",
      "const all = []; for (const n of [1, 2]) switch (n) { default: const i = n; all.push(() => i) } return all.map((ask) => ask())",
    ],
    [
      "for a member of a class",
      "const all = []; for (const i of [1, 2]) all.push(class { own = i }); return all.map((Each) => new Each().own)",
    ],
    [
      "than one in a block after it, for a closure",
      "let one, other; { const i = 1; one = () => i } { const i = 2; other = () => i } return [one(), other()]",
    ],
    ["than one around it", "const i = 1; { const i = 2; i.toString() } return i"],
    ["than one within it", "{ const i = 1; { const i = 2; i.toString() } return i }"],
    ["than a parameter", "return ((i) => { { const i = 2; i.toString() } return i })(1)"],
    ["than what was caught", "try { throw 1 } catch (i) { { const i = 2; i.toString() } return i }"],
    [
      "than a function in its block's block",
      "const i = () => 1; { function i() { return 2 } i() } return i()",
    ],
    [
      "than one outside of the function",
      "const i = 1; return (() => { { const i = 2; i.toString() } return i })()",
    ],
    [
      "than one outside, which a function in the function asks for",
      "const i = 1; return (() => { { const i = 2; i.toString() } return (() => i)() })()",
    ],
    [
      "than the function itself, which has its name",
      "return typeof (function i() { { const i = 2; i.toString() } return i })()",
    ],
    ["than a variable of nobody's", "{ const i = 2; i.toString() } return typeof i"],
    [
      "without a value, each time round",
      "const all = []; for (const n of [1, 2]) { let i; all.push(i); i = n } return all",
    ],
    ["without a value, where one of its name had one", "{ let i = 1; i.toString() } { let i; return [i] }"],
  ])("%s", (_, body) => {
    const after = changed(body);
    expect(after).toMatch(/\b(let|const) i\b/);
    expect(resultOf(after)).toEqual(resultOf(body));
    // It would say something else.
    expect(attempt(body.replaceAll(/\b(let|const) (?=i\b)/g, "var "))).not.toEqual(resultOf(body));
  });

  test("outside of functions: there it would be a member of the global object", () => {
    const script = "let a = 1; { const b = 2; for (const c of [a, b]) c.toString() } globalThis.a";
    expect(withFunctionScopes(script)).toBe(script);
  });

  test("than one outside that a parameter takes its value from", () => {
    const body = "const i = 1; return ((value = () => i) => { const i = 2; return [value(), i] })()";
    expect(changed(body)).toBe(body.replace("const i = 1", "var   i = 1"));
    expect(resultOf(changed(body))).toEqual([1, 2]);
  });

  test("with one that it is declared together with", () => {
    const body = "const all = []; for (const n of [1, 2]) { let i, j = n; all.push(i, j); i = n } return all";
    expect(changed(body)).toContain("{ let i, j = n;");
    expect(resultOf(changed(body))).toEqual(resultOf(body));
  });
});

/** What a function of that body gives, or that it fails. */
function attempt(body: string): unknown {
  try {
    return resultOf(body);
  } catch (error) {
    return String(error);
  }
}

test("a variable that is used before it is declared has no value then, where that was an error", () => {
  const body = "const ask = () => i; const before = ask(); const i = 1; return [before, ask()]";
  expect(() => resultOf(body)).toThrow("before initialization");
  expect(resultOf(changed(body))).toEqual([undefined, 1]);
});

test("nothing moves, so that the source map stays true", () => {
  fc.assert(
    fc.property(anyScript, (script) => {
      const after = withFunctionScopes(script);
      const moved = [...after].findIndex(
        (character, at) => character !== script[at] && !/[var ]/.test(character),
      );
      expect([after.length, moved]).toEqual([script.length, -1]);
    }),
  );
});

test("any script does the same, whatever its variables are called and wherever they are", () => {
  let different = 0;
  fc.assert(
    fc.property(anyScript, (script) => {
      const said = attemptScript(script);
      // One that fails has used a variable too early.
      fc.pre(said !== undefined);
      const after = withFunctionScopes(script);
      expect(attemptScript(after)).toEqual(said);
      if (after !== script) different++;
    }),
    { numRuns: 1000 },
  );
  expect(different).toBeGreaterThan(300);
});

function attemptScript(script: string): unknown {
  try {
    return run(script);
  } catch (error) {
    if ((error as Error).name !== "ReferenceError") throw error;
    return undefined;
  }
}
