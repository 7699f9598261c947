import fc from "fast-check";

/** A part of a script, not yet as text. */
type Part =
  | { readonly kind: "let" | "const" | "bare" | "use" | "add" | "capture"; readonly name: string }
  | { readonly kind: "block" | "while" | "call"; readonly parts: readonly Part[] }
  | (Named & { readonly kind: "for" | "of" | "in" })
  | (Named & { readonly kind: "catch" | "function" | "argument" })
  | { readonly kind: "switch"; readonly cases: readonly (readonly Part[])[] };

interface Named {
  readonly name: string;
  readonly parts: readonly Part[];
}

const name = fc.constantFrom("a", "b", "c");

const { parts } = fc.letrec<{ parts: readonly Part[]; part: Part }>((tie) => ({
  parts: fc.array(tie("part"), { maxLength: 5, depthIdentifier: "parts" }),
  part: fc.oneof(
    { depthIdentifier: "parts", maxDepth: 4 },
    fc.record({ kind: fc.constantFrom("let", "const", "bare", "use", "add", "capture"), name }),
    fc.record({ kind: fc.constantFrom("block", "while", "call"), parts: tie("parts") }),
    fc.record({ kind: fc.constantFrom("for", "of", "in"), name, parts: tie("parts") }),
    fc.record({ kind: fc.constantFrom("catch", "function", "argument"), name, parts: tie("parts") }),
    fc.record({ kind: fc.constant("switch" as const), cases: fc.array(tie("parts"), { maxLength: 3 }) }),
  ),
}));

/** What a scope will have declared in the end, what of that by now, and what of it nobody may change. */
class Scope {
  readonly all: Set<string>;
  readonly done: Set<string>;
  readonly constant = new Set<string>();

  /** @param own what it has from the beginning. */
  constructor(own: readonly string[], some: readonly Part[] = []) {
    this.done = new Set(own);
    this.all = new Set(own);
    for (const part of some) {
      if (["let", "const", "bare"].includes(part.kind) && "name" in part) this.all.add(part.name);
      if (part.kind !== "function") continue;
      this.all.add(part.name);
      this.constant.add(part.name);
    }
  }
}

/**
 * Writes parts as text. It leaves out what would be an error: a name that is declared twice in a scope, that is used
 * before it is declared, or that is constant and changed.
 */
class Writer {
  private number = 0;

  block(some: readonly Part[], around: readonly Scope[], own: readonly string[] = []): string {
    const scope = new Scope(own, some);
    const functions = some.map((part) =>
      part.kind === "function" ? this.declared(part, around, scope) : "",
    );
    return [...functions, this.all(some, [...around, scope])].join(" ");
  }

  private all(some: readonly Part[], scopes: readonly Scope[]): string {
    return some.map((part) => this.part(part, scopes)).join(" ");
  }

  private part(part: Part, scopes: readonly Scope[]): string {
    const within = (head: string, some: readonly Part[], own?: readonly string[]) =>
      `${head} { ${this.block(some, scopes, own)} }`;
    switch (part.kind) {
      case "use":
        return this.isDone(part.name, scopes) ? `log(${part.name});` : "";
      case "add":
        return this.isDone(part.name, scopes, true) ? `${part.name} += 100;` : "";
      case "capture":
        return `later(() => ${part.name});`;
      case "block":
        return within("", part.parts);
      case "while":
        return within(`while (again(${this.number++}))`, part.parts);
      case "call":
        return within("(() =>", part.parts).concat(")();");
      case "argument":
        return within(`((${part.name}) =>`, part.parts, [part.name]).concat(")(tick());");
      case "catch":
        return within(`try { throw tick(); } catch (${part.name})`, part.parts, [part.name]);
      case "for":
      case "of":
      case "in":
        return this.loop(part, scopes);
      case "switch":
        return this.choice(part.cases, scopes);
      case "function":
        return "";
      default:
        return this.variable(part.kind, part.name, scopes.at(-1) as Scope);
    }
  }

  private variable(kind: string, name: string, { done, constant }: Scope): string {
    if (done.has(name)) return "";
    done.add(name);
    if (kind === "const") constant.add(name);
    return kind === "bare" ? `let ${name};` : `${kind} ${name} = tick();`;
  }

  private declared({ name, parts }: Named, around: readonly Scope[], scope: Scope): string {
    if (scope.done.has(name)) return "";
    scope.done.add(name);
    return `function ${name}() { ${this.block(parts, [...around, scope])} }`;
  }

  private loop(
    { kind, name, parts }: Named & { readonly kind: "for" | "of" | "in" },
    scopes: readonly Scope[],
  ): string {
    const head = new Scope([name]);
    if (kind !== "for") head.constant.add(name);
    const heads = {
      for: `let ${name} = 0; ${name} < 2; ${name}++`,
      of: `const ${name} of [tick(), tick()]`,
      in: `const ${name} in { x: 1, y: 2 }`,
    };
    return `for (${heads[kind]}) { ${this.block(parts, [...scopes, head])} }`;
  }

  private choice(cases: readonly (readonly Part[])[], scopes: readonly Scope[]): string {
    const within = [
      ...scopes,
      new Scope(
        [],
        cases.flat().filter(({ kind }) => kind !== "function"),
      ),
    ];
    const text = cases.map((some, i) => `case ${i}: ${this.all(some, within)} ${i === 1 ? "break;" : ""}`);
    return `switch (tick() % 3) { ${text.join(" ")} }`;
  }

  /** Has the name a value by now, as far as can be told without running it, and may that be changed? */
  private isDone(name: string, scopes: readonly Scope[], toChange = false): boolean {
    const scope = scopes.findLast(({ all }) => all.has(name));
    if (scope === undefined) return true;
    return scope.done.has(name) && !(toChange && scope.constant.has(name));
  }
}

/**
 * Scripts with variables of few names in all kinds of places. What they do is in `said` in the end; some fail, as a
 * variable is not reached that they use later.
 */
export const anyScript: fc.Arbitrary<string> = parts.map(
  (some) => `"use strict";
    let a = "outer a", b = "outer b", c = "outer c";
    const said = [], kept = [], rounds = {};
    let time = 0;
    const tick = () => time++;
    const log = (value) => void said.push(typeof value === "function" ? "function" : value);
    const later = (ask) => void kept.push(ask);
    const again = (id) => (rounds[id] = (rounds[id] ?? 0) + 1) % 3 !== 0;
    (function () { ${new Writer().block(some, [])} })();
    for (const ask of kept) log(ask());
    JSON.stringify([said, a, b, c, time]);`,
);
