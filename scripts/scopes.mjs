// The engine looks at every use of a `let` or `const` whether it has a value by then, and it has its short instructions
// for a `var` only. So what can be a `var` becomes one: a tenth of an ADD was spent on that.
import { parse } from "acorn";
import { analyze } from "eslint-scope";

/** The script with `var` in place of each `let` and `const` where that means the same; nothing moves. */
export function withFunctionScopes(script) {
  let text = script;
  for (const { kind, start } of declarations(parse(script, { ecmaVersion: 2023, ranges: true }))) {
    text = text.slice(0, start) + "var".padEnd(kind.length) + text.slice(start + kind.length);
  }
  return text;
}

/** The declarations that can be `var`. */
function declarations(program) {
  const { scopes } = analyze(program, { ecmaVersion: 2023, sourceType: "script" });
  const all = new Map();
  for (const scope of scopes) {
    for (const variable of scope.variables) {
      for (const { parent, node } of variable.defs) {
        if (parent?.type !== "VariableDeclaration" || parent.kind === "var") continue;
        const can = canBeVar(variable, parent, node);
        all.set(parent, can && all.get(parent) !== false);
      }
    }
  }
  return [...all].filter(([, can]) => can).map(([declaration]) => declaration);
}

function canBeVar(variable, declaration, declarator) {
  const own = variable.scope;
  const whole = own.variableScope;
  if (whole.type === "global") return false;
  const namesakes = blocks(whole)
    .flatMap((scope) => scope.set.get(variable.name) ?? [])
    .filter((other) => other !== variable);
  // One around it, or in it, would be the same variable.
  if (namesakes.some(({ scope }) => isWithin(scope, own) || isWithin(own, scope))) return false;
  // What is named so elsewhere in the function must not become this one.
  if (referencesWithin(whole, variable.name).some(({ resolved }) => !isDeclaredIn(resolved, whole)))
    return false;
  const isShared = namesakes.length > 0;
  const isRepeated = isInLoop(own, whole);
  // Each time round, and each of several of a name, a closure has one of its own.
  const isCaptured = variable.references.some(({ from }) => from.variableScope !== whole);
  if (isCaptured && (isShared || isRepeated)) return false;
  // Without a value it would keep the last one.
  return hasValue(declaration, declarator, own) || !(isShared || isRepeated);
}

/** A scope and those in it, but not those of functions in it. */
function blocks(scope) {
  return [
    scope,
    ...scope.childScopes.filter((child) => child.variableScope === scope.variableScope).flatMap(blocks),
  ];
}

/** All uses of a name in a function and in functions in it. */
function referencesWithin(scope, name) {
  const own = scope.references.filter(({ identifier }) => identifier.name === name);
  return [...own, ...scope.childScopes.flatMap((child) => referencesWithin(child, name))];
}

function isDeclaredIn(variable, whole) {
  return variable !== null && isWithin(variable.scope, whole);
}

function isWithin(scope, outer) {
  for (let each = scope; each !== null; each = each.upper) if (each === outer) return true;
  return false;
}

const LOOPS = ["ForStatement", "ForInStatement", "ForOfStatement", "WhileStatement", "DoWhileStatement"];

/** Is a scope a loop's, or in one, of the function's? */
function isInLoop(scope, whole) {
  const [start, end] = [scope.block.start, scope.block.end];
  return loopsIn(whole.block).some((loop) => loop.start <= start && end <= loop.end);
}

const known = new WeakMap();
function loopsIn(node) {
  if (node === null || typeof node !== "object") return [];
  if (Array.isArray(node)) return node.flatMap(loopsIn);
  if (typeof node.type !== "string") return [];
  if (!known.has(node)) {
    const within = Object.values(node).flatMap(loopsIn);
    known.set(node, LOOPS.includes(node.type) ? [node, ...within] : within);
  }
  return known.get(node);
}

function hasValue(declaration, { init }, scope) {
  return init !== null || scope.block.left === declaration;
}
