// Refuses scripts that use parts of ES2023 which TypeScript accepts, but which the engine does not have
// (native/engine/engine.c).
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

/**
 * Missing members of Math. The seed of `random` would be constant (native/startup/image.c); for the others see
 * native/engine/math.c.
 */
const absentMath = new Set([
  "random",
  ..."acos acosh asin asinh atan atan2 atanh cbrt cos cosh exp expm1 hypot log log10 log1p log2".split(" "),
  ..."sin sinh tan tanh".split(" "),
]);

/**
 * @param {string} script
 * @throws {Error} that names the line and the missing part.
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
