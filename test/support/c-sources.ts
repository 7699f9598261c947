/** Reads which files of C sources use which, for tests of their floors. */
import { readdirSync } from "node:fs";
import { textOf } from "./documents.ts";

/** For each file, the files that it includes, and those that define the symbols it uses. */
export type Uses = ReadonlyMap<string, ReadonlySet<string>>;

/** Returns a file without comments, texts and characters; a macro of native/ that defines a symbol is expanded. */
function readCode(path: string): string {
  return textOf(path)
    .replace(/\/\*[\s\S]*?\*\/|\/\/.*|^#include .*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)+'/gm, " ")
    .replace(/^HOST_PART\((\w+)\)/gm, "const struct host_part host_part_$1");
}

/** Separates what is inside of braces (bodies of functions, members) from what is outside. */
function separate(code: string): { inside: string; outside: string } {
  let depth = 0;
  const separated = { inside: "", outside: "" };
  for (const letter of code.replace(/^#(?:.*\\\n)*.*/gm, "")) {
    if (letter === "}") depth--;
    if (depth > 0) separated.inside += letter;
    else separated.outside += /[{}]/.test(letter) ? ";" : letter;
    if (letter === "{") depth++;
  }
  return separated;
}

/** Returns the declarations and the heads of definitions of symbols that other files can use. */
function statements(code: string): string[] {
  return separate(code)
    .outside.split(";")
    .map((statement) => statement.trim())
    .filter((statement) => !/^(?:static|typedef)\b/.test(statement));
}

/** Returns the functions and variables that a header declares. */
function declaredBy(header: string): string[] {
  return statements(readCode(header)).flatMap((statement) => {
    if (!statement.startsWith("extern")) return /(\w+)\s*\(/.exec(statement)?.[1] ?? [];
    const names = statement.replace(/\[[^\]]*\]/g, "").split(",");
    return names.flatMap((name) => /\w+$/.exec(name)?.[0] ?? []);
  });
}

/**
 * Returns what the C files and headers of some folders use of each other, without themselves. Throws an error about a
 * symbol that a header declares and no file defines: uses of it would not be found.
 */
export function usesOf(folders: readonly string[]): Uses {
  const paths = folders.flatMap((folder) =>
    readdirSync(new URL(`../../${folder}/`, import.meta.url))
      .filter((name) => /\.[ch]$/.test(name))
      .map((name) => `${folder}/${name}`),
  );
  const declared = new Set(paths.filter((path) => path.endsWith(".h")).flatMap(declaredBy));
  const definer = new Map<string, string>();
  for (const path of paths.filter((each) => each.endsWith(".c"))) {
    for (const statement of statements(readCode(path))) {
      if (statement.startsWith("extern")) continue;
      for (const word of statement.split("=")[0]?.match(/\w+/g) ?? [])
        if (declared.has(word)) definer.set(word, path);
    }
  }
  const lost = [...declared].filter((name) => !definer.has(name));
  if (lost.length > 0) throw new Error(`no file of ${folders.join(", ")} defines ${lost.join(", ")}`);

  return new Map(
    paths.map((path) => {
      const included = Array.from(textOf(path).matchAll(/^#include "(.*)"/gm)).flatMap(([, name]) =>
        paths.filter((each) => each.endsWith(`/${name}`)),
      );
      // A declaration in a header does not count as a use.
      const code = path.endsWith(".h") ? separate(readCode(path)).inside : readCode(path);
      const defining = (code.match(/\w+/g) ?? []).flatMap((word) => definer.get(word) ?? []);
      return [path, new Set([...included, ...defining].filter((each) => each !== path))];
    }),
  );
}
