// Bundles the sources into two scripts:
//   program.js       src/main.ts, which sets the global variable `program` to what main.ts exports
//   command-line.js  src/cli/command-line.ts, which sets `commandLine` likewise; evaluated only where a person calls
// What both need is in program.js alone, and command-line.js takes it from there (`program.shared`).
// `import … from "host"` becomes the global object `host` that native/host.c makes.
//   node scripts/bundle.mjs DIRECTORY
import { readFile, writeFile } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { parse } from "acorn";
import { build } from "esbuild";
import { refuseAbsent } from "./absent.mjs";
import { touching } from "./touch.mjs";

const programEntry = "src/main.ts";
const commandLineEntry = "src/cli/command-line.ts";

/** The functions and constants that native/host.d.ts declares. */
async function hostNames() {
  const declarations = await readFile(new URL("../native/host.d.ts", import.meta.url), "utf8");
  const all = [...declarations.matchAll(/^ {2}(?:function|const) (\w+)/gm)].map((match) => match[1]);
  // Of several signatures each is a declaration.
  return [...new Set(all)];
}

/** @type {import("esbuild").Plugin} */
const host = {
  name: "host",
  setup(build) {
    build.onResolve({ filter: /^host$/ }, () => ({ path: "host", namespace: "host" }));
    build.onLoad({ filter: /.*/, namespace: "host" }, async () => ({
      // As a pure call, so that esbuild drops what is not imported; it then inlines the others.
      contents: (await hostNames())
        .map((name) => `export const ${name} = /* @__PURE__ */ (() => host.${name})();\n`)
        .join(""),
    }));
  },
};

/**
 * Imports of modules that are elsewhere.
 * @param {Set<string>} modules their paths.
 * @param {import("esbuild").OnResolveResult} how they are resolved, but for the path.
 * @returns {import("esbuild").Plugin}
 */
const elsewhere = (modules, how) => ({
  name: "elsewhere",
  setup(build) {
    build.onResolve({ filter: /^\.{1,2}\// }, ({ path, resolveDir }) => {
      const file = relative(".", resolve(resolveDir, path));
      return modules.has(file) ? { ...how, path: file } : undefined;
    });
  },
});

/** What `program.shared` has of those modules. @returns {import("esbuild").Plugin} */
const taken = (names) => ({
  name: "taken",
  setup(build) {
    build.onLoad({ filter: /.*/, namespace: "shared" }, ({ path }) => ({
      contents: names[path]
        .map(
          (name) => `export const ${name} = /* @__PURE__ */ (() => program.shared["${path}"].${name})();\n`,
        )
        .join(""),
    }));
  },
});

const options = {
  bundle: true,
  // Strict mode; and fields that are assigned (useDefineForClassFields), which the engine does faster than defining them.
  tsconfig: "tsconfig.json",
  target: "es2023",
  charset: "utf8",
  write: false,
  logLevel: "warning",
};
/** @param {import("esbuild").BuildOptions} more */
const bundle = (more) => build({ ...options, ...more, plugins: [host, ...(more.plugins ?? [])] });

/** Paths of all modules of the program. */
async function programModules() {
  const { metafile } = await bundle({ entryPoints: [programEntry], outdir: ".", metafile: true });
  return new Set(Object.keys(metafile.inputs));
}

/** The names that the command line imports of them: `{ "src/cni/errors.ts": ["CniError", …], … }`. */
async function sharedNames(modules) {
  const { outputFiles } = await bundle({
    entryPoints: [commandLineEntry],
    outdir: ".",
    format: "esm",
    plugins: [elsewhere(modules, { external: true })],
  });
  const names = {};
  for (const node of parse(outputFiles[0].text, { ecmaVersion: 2023, sourceType: "module" }).body) {
    if (node.type !== "ImportDeclaration") continue;
    const known = names[node.source.value] ?? [];
    const imported = node.specifiers.map((specifier) => specifier.imported.name);
    names[node.source.value] = [...new Set([...known, ...imported])].sort();
  }
  return names;
}

/** Exports what main.ts does, and `shared`. */
function programSource(names) {
  const paths = Object.keys(names).sort();
  const alias = (path, name) => `${name}_${paths.indexOf(path)}`;
  const imports = paths.map((path) => {
    const all = names[path].map((name) => `${name} as ${alias(path, name)}`);
    return `import { ${all.join(", ")} } from "./${path}";\n`;
  });
  const shared = paths.map((path) => {
    const all = names[path].map((name) => `${name}: ${alias(path, name)}`);
    return `"${path}": { ${all.join(", ")} },\n`;
  });
  return `export * from "./${programEntry}";\n${imports.join("")}export const shared = {\n${shared.join("")}};\n`;
}

async function write(directory, name, globalName, more) {
  const { outputFiles } = await bundle({
    ...more,
    outfile: `${directory}/${name}`,
    format: "iife",
    globalName,
    legalComments: "none",
    minifySyntax: true,
    sourcemap: "external",
  });
  for (const { path, text } of outputFiles) {
    if (path.endsWith(".js")) refuseAbsent(text);
    // At the end, so that the source map stays true. The command line is not in the image.
    await writeFile(path, path.endsWith("program.js") ? text + touching(text) : text);
  }
}

const [directory] = process.argv.slice(2);
const modules = await programModules();
const names = await sharedNames(modules);
await write(directory, "program.js", "program", {
  stdin: { contents: programSource(names), resolveDir: ".", sourcefile: "program.ts", loader: "ts" },
});
await write(directory, "command-line.js", "commandLine", {
  entryPoints: [commandLineEntry],
  plugins: [elsewhere(modules, { namespace: "shared" }), taken(names)],
});
