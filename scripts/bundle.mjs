// Bundles the sources into two scripts:
//   program.js       src/main.ts: sets the global variable `program` to the exports of main.ts
//   command-line.js  src/cli/command-line.ts: sets `commandLine` to its exports; evaluated only for commands
// Modules that both need are in program.js only, and command-line.js uses them through `program.shared`.
// `import … from "host"` becomes the global object `host` of native/host/host.c.
//   node scripts/bundle.mjs DIRECTORY [TOUCH]   with TOUCH, without native/startup/touch.mjs (make ablation)
import { readFile, writeFile } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { parse } from "acorn";
import { build } from "esbuild";
import { touching } from "../native/startup/touch.mjs";
import { refuseAbsent } from "./absent.mjs";

const programEntry = "src/main.ts";
const commandLineEntry = "src/cli/command-line.ts";

/** Returns the names of the functions and constants that native/host/host.d.ts declares. */
async function hostNames() {
  const declarations = await readFile(new URL("../native/host/host.d.ts", import.meta.url), "utf8");
  const all = [...declarations.matchAll(/^ {2}(?:function|const) (\w+)/gm)].map((match) => match[1]);
  // A function with several signatures has several declarations.
  return [...new Set(all)];
}

/** @type {import("esbuild").Plugin} */
const host = {
  name: "host",
  setup(build) {
    build.onResolve({ filter: /^host$/ }, () => ({ path: "host", namespace: "host" }));
    build.onLoad({ filter: /.*/, namespace: "host" }, async () => ({
      // Pure calls, so that esbuild drops names that are not imported, and inlines the others.
      contents: (await hostNames())
        .map((name) => `export const ${name} = /* @__PURE__ */ (() => host.${name})();\n`)
        .join(""),
    }));
  },
};

/**
 * Resolves imports of modules that another bundle contains.
 * @param {Set<string>} modules their paths.
 * @param {import("esbuild").OnResolveResult} how the result of resolving, without the path.
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

/** Loads such modules from `program.shared`. @returns {import("esbuild").Plugin} */
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
  // Strict mode, and class fields that are assigned instead of defined (useDefineForClassFields), which is faster.
  tsconfig: "tsconfig.json",
  target: "es2023",
  charset: "utf8",
  write: false,
  logLevel: "warning",
};
/** @param {import("esbuild").BuildOptions} more */
const bundle = (more) => build({ ...options, ...more, plugins: [host, ...(more.plugins ?? [])] });

/** Returns the paths of all modules of the program. */
async function programModules() {
  const { metafile } = await bundle({ entryPoints: [programEntry], outdir: ".", metafile: true });
  return new Set(Object.keys(metafile.inputs));
}

/** Returns the names that the command line imports from them: `{ "src/cni/errors.ts": ["CniError", …], … }`. */
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

/** Returns the source of the program: it exports the exports of main.ts, and `shared`. */
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
    // Added at the end, so that the source map stays valid. The command line needs none, as it is not in the image.
    await writeFile(path, path.endsWith("program.js") && without !== "TOUCH" ? text + touching(text) : text);
  }
}

const [directory, without] = process.argv.slice(2);
const modules = await programModules();
const names = await sharedNames(modules);
await write(directory, "program.js", "program", {
  stdin: { contents: programSource(names), resolveDir: ".", sourcefile: "program.ts", loader: "ts" },
});
await write(directory, "command-line.js", "commandLine", {
  entryPoints: [commandLineEntry],
  plugins: [elsewhere(modules, { namespace: "shared" }), taken(names)],
});
