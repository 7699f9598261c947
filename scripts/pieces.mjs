// Cuts a bundled script into pieces: each top-level declaration that does nothing but declare becomes one of its
// own, compiled by itself and evaluated when its name is first used (native/program.c). So start-up costs what a
// call uses, not what the program holds. The rest stays together, in its order, and is evaluated at the start.
import { parse } from "acorn";

/**
 * @typedef {object} Piece
 * @property {string} name What it declares; "" for the rest.
 * @property {number} line Where it begins in the script, from 1: stack traces shall tell.
 * @property {string} code
 */

/** What `new` may be applied to at any time, with the same outcome. */
const pureConstructors = new Set(["Map", "Set", "Uint8Array", "RegExp", "Error"]);

/** Globals that TypeScript knows (lib ES2023) and our engine is built without (native/engine.c). */
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
 * @param {string} script A script without imports and exports.
 * @returns {Piece[]} The rest first.
 * @throws {Error} where it uses what the engine does not have.
 */
export function cut(script) {
  const { body } = parse(script, { ecmaVersion: 2023, sourceType: "module", locations: true });
  refuseAbsent(body);
  const names = lazyNames(body);
  const pieces = [];
  let rest = "";
  let end = 0;
  const keep = (from, to) => {
    rest += script.slice(from, to);
    end = to;
  };
  const remove = (node) => {
    // Its line breaks stay: the lines of the rest shall be what they were.
    rest += script.slice(node.start, node.end).replace(/[^\n]/g, "");
    end = node.end;
  };
  for (const node of body) {
    keep(end, node.start);
    if (node.type === "FunctionDeclaration" && names.has(node.id.name)) {
      pieces.push({
        name: node.id.name,
        line: node.loc.start.line,
        code: script.slice(node.start, node.end),
      });
      remove(node);
    } else if (node.type === "VariableDeclaration") {
      for (const declarator of node.declarations) {
        const code = `${node.kind} ${script.slice(declarator.start, declarator.end)};`;
        const name = declarator.id.name;
        rest += script.slice(end, declarator.start).replace(/[^\n]/g, "");
        if (names.has(name)) pieces.push({ name, line: declarator.loc.start.line, code });
        if (names.has(name)) remove(declarator);
        else rest += code;
        end = declarator.end;
      }
      end = node.end;
    } else {
      keep(node.start, node.end);
    }
  }
  keep(end, script.length);
  return [{ name: "", line: 1, code: rest }, ...pieces];
}

function refuseAbsent(node) {
  if (Array.isArray(node)) node.forEach(refuseAbsent);
  if (node === null || typeof node !== "object" || typeof node.type !== "string") return;
  const line = node.loc.start.line;
  if (node.async || node.type === "AwaitExpression")
    throw new Error(`line ${line}: the engine has no async functions`);
  if (node.type === "Identifier" && absentGlobals.has(node.name)) {
    throw new Error(`line ${line}: the engine has no ${node.name}`);
  }
  for (const [key, value] of Object.entries(node)) {
    const isName = (key === "property" || key === "key") && !node.computed;
    if (!isName) refuseAbsent(value);
  }
}

/** The names whose declarations can wait. */
function lazyNames(body) {
  const initial = new Map();
  for (const node of body) {
    if (node.type === "FunctionDeclaration") initial.set(node.id.name, undefined);
    if (node.type !== "VariableDeclaration" || node.kind !== "var") continue;
    for (const { id, init } of node.declarations) {
      if (id.type === "Identifier" && init) initial.set(id.name, init);
    }
  }
  for (const name of assignedNames(body)) initial.delete(name);
  // A declaration that uses another one can wait if that one can.
  for (let size = -1; size !== initial.size; ) {
    size = initial.size;
    for (const [name, init] of initial) {
      if (init !== undefined && !isPure(init, initial)) initial.delete(name);
    }
  }
  return new Set(initial.keys());
}

/** Does evaluating this do nothing but make its value, the same one at any time? */
function isPure(node, lazy) {
  const all = (nodes) => nodes.every((child) => child !== null && isPure(child, lazy));
  switch (node.type) {
    case "Literal":
    case "FunctionExpression":
    case "ArrowFunctionExpression":
      return true;
    case "Identifier":
      return lazy.has(node.name) || node.name === "undefined";
    case "ClassExpression":
      return (
        (node.superClass === null || node.superClass.type === "Identifier") &&
        node.body.body.every(
          (member) =>
            member.type !== "StaticBlock" &&
            !member.computed &&
            (member.type === "MethodDefinition" ||
              !member.static ||
              !member.value ||
              isPure(member.value, lazy)),
        )
      );
    case "TemplateLiteral":
      return all(node.expressions);
    case "UnaryExpression":
      return node.operator !== "delete" && isPure(node.argument, lazy);
    case "BinaryExpression":
      return all([node.left, node.right]);
    case "ArrayExpression":
      return all(node.elements);
    case "ObjectExpression":
      return node.properties.every(
        (property) => property.type === "Property" && !property.computed && isPure(property.value, lazy),
      );
    case "NewExpression":
      return (
        node.callee.type === "Identifier" && pureConstructors.has(node.callee.name) && all(node.arguments)
      );
    case "MemberExpression":
      // A function of the module `host`.
      return node.object.type === "Identifier" && node.object.name === "host" && !node.computed;
    default:
      return false;
  }
}

/**
 * Every name that is assigned to, anywhere: a script variable must exist before that. Of a target all identifiers
 * are taken, and those of inner scopes too: too many make a declaration wait no longer, and nothing worse.
 */
function assignedNames(node, names = new Set(), isTarget = false) {
  if (Array.isArray(node)) {
    for (const item of node) assignedNames(item, names, isTarget);
  } else if (node !== null && typeof node === "object" && typeof node.type === "string") {
    if (isTarget && node.type === "Identifier") names.add(node.name);
    for (const [key, value] of Object.entries(node)) {
      const assigns =
        (key === "left" && /^(Assignment|ForIn|ForOf)/.test(node.type)) || node.type === "UpdateExpression";
      // `a.b = c` assigns to no variable.
      assignedNames(value, names, (isTarget && node.type !== "MemberExpression") || assigns);
    }
  }
  return names;
}
