// Refuses a script that uses what TypeScript knows (lib ES2023) and our engine is built without (native/engine.c).
import { parse } from "acorn";

const absentGlobals = new Set([
  "Date",
  "Promise",
  "Proxy",
  "WeakRef",
  "FinalizationRegistry",
  "eval",
  "Intl",
]);

/** Of the object Math. The seed of `random` would be that of the build; for the others see native/math.c. */
const absentMath = new Set([
  "random",
  ..."acos acosh asin asinh atan atan2 atanh cbrt cos cosh exp expm1 hypot log log10 log1p log2".split(" "),
  ..."sin sinh tan tanh".split(" "),
]);

/**
 * @param {string} script
 * @throws {Error} naming the line and what it uses.
 */
export function refuseAbsent(script) {
  visit(parse(script, { ecmaVersion: 2023, sourceType: "script", locations: true }));
}

function visit(node) {
  if (Array.isArray(node)) node.forEach(visit);
  if (node === null || typeof node !== "object" || typeof node.type !== "string") return;
  const line = node.loc.start.line;
  if (node.async || node.type === "AwaitExpression")
    throw new Error(`line ${line}: the engine has no async functions`);
  if (node.type === "Identifier" && absentGlobals.has(node.name)) {
    throw new Error(`line ${line}: the engine has no ${node.name}`);
  }
  if (node.type === "MemberExpression" && node.object.name === "Math" && absentMath.has(node.property.name)) {
    throw new Error(`line ${line}: the engine has no Math.${node.property.name}`);
  }
  for (const [key, value] of Object.entries(node)) {
    const isName = (key === "property" || key === "key") && !node.computed;
    if (!isName) visit(value);
  }
}
