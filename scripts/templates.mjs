// The engine turns `a${b}c` into a call of String.prototype.concat, which takes three times as long as "a" + b + "c".
import { parse } from "acorn";

/** The script with sums in place of template literals; each line stays where it is. */
export function withoutTemplates(script) {
  return rewritten(script, parse(script, { ecmaVersion: 2023 }), 0, script.length);
}

/** What stands from `start` to `end`, all of it in the node. */
function rewritten(script, node, start, end) {
  let text = "";
  let at = start;
  for (const template of outermost(node)) {
    text += script.slice(at, template.start) + sum(script, template);
    at = template.end;
  }
  return text + script.slice(at, end);
}

function sum(script, { quasis, expressions }) {
  const terms = quasis.flatMap(({ value: { cooked, raw } }, i) => {
    const lines = "\n".repeat(raw.split("\n").length - 1);
    // One of the first two makes all a sum of texts.
    const isFirst = i === 0 && (quasis[1]?.value.cooked ?? "") === "";
    const text = cooked !== "" || lines !== "" || isFirst ? [JSON.stringify(cooked) + lines] : [];
    const expression = expressions[i];
    if (expression === undefined) return text;
    // All that stands between the braces.
    const between = rewritten(script, expression, quasis[i].end + 2, quasis[i + 1].start - 1);
    return [...text, `(${between})`];
  });
  return `(${terms.join("+")})`;
}

/** Template literals in a node that are in no other one, in their order. */
function outermost(node) {
  if (Array.isArray(node)) return node.flatMap(outermost);
  if (node === null || typeof node !== "object" || typeof node.type !== "string") return [];
  if (node.type === "TaggedTemplateExpression")
    throw new Error("a tagged template, which is no sum of texts");
  if (node.type === "TemplateLiteral") return [node];
  return Object.values(node)
    .flatMap(outermost)
    .sort((a, b) => a.start - b.start);
}
