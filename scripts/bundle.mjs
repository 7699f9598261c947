// Bundles the sources into scripts:
//   program.js                   src/main.ts: sets the global variable `program` to the exports of main.ts
//   commands/00-command-line.js  src/cli/command-line.ts: sets `commandLine` to its exports; evaluated for every command
//   commands/NN-NAME.js          a file that src/cli/commands.ts imports a command from: sets `command` to its exports;
//                                evaluated when this command runs. Without this division, every command would take a
//                                millisecond for each 90 KB of the bytecode of all commands
// A module that several scripts need is in the first script that needs it, or in 00-command-line.js; the others use it
// through `program.shared` and `commandLine.shared`. `import … from "host"` becomes the global object `host` of
// native/host/host.c.
//   node scripts/bundle.mjs DIRECTORY [TOUCH]   with TOUCH, without native/startup/touch.mjs (make ablation)
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, relative, resolve } from "node:path";
import { parse } from "acorn";
import { build } from "esbuild";
import { touching } from "../native/startup/touch.mjs";
import { refuseAbsent } from "./absent.mjs";
import { hostNames, loadCli } from "./commands.mjs";

const programEntry = "src/main.ts";
const commandLineEntry = "src/cli/command-line.ts";
const tableFile = "src/cli/commands.ts";

/** @type {import("esbuild").Plugin} */
const host = {
  name: "host",
  setup(build) {
    build.onResolve({ filter: /^host$/ }, () => ({ path: "host", namespace: "host" }));
    build.onLoad({ filter: /.*/, namespace: "host" }, () => ({
      // Pure calls, so that esbuild drops names that are not imported, and inlines the others.
      contents: hostNames()
        .map((name) => `export const ${name} = /* @__PURE__ */ (() => host.${name})();\n`)
        .join(""),
    }));
  },
};

/**
 * Resolves imports of modules that an earlier script contains.
 * @param {Map<string, string>} owners the variable of that script, by the path of a module.
 * @param {import("esbuild").OnResolveResult} how the result of resolving, without the path.
 * @returns {import("esbuild").Plugin}
 */
const elsewhere = (owners, how) => ({
  name: "elsewhere",
  setup(build) {
    build.onResolve({ filter: /^\.{1,2}\// }, ({ path, resolveDir }) => {
      const file = relative(".", resolve(resolveDir, path));
      return owners.has(file) ? { ...how, path: file } : undefined;
    });
  },
});

/**
 * Loads such modules from `program.shared` and `commandLine.shared`.
 * @param {Map<string, string>} owners
 * @param {Record<string, string[]>} names the names that are imported from each module.
 * @returns {import("esbuild").Plugin}
 */
const taken = (owners, names) => ({
  name: "taken",
  setup(build) {
    build.onLoad({ filter: /.*/, namespace: "shared" }, ({ path }) => ({
      contents: names[path]
        .map((name) => {
          const value = `${owners.get(path)}.shared["${path}"].${name}`;
          return `export const ${name} = /* @__PURE__ */ (() => ${value})();\n`;
        })
        .join(""),
    }));
  },
});

/**
 * Returns each command of src/cli/commands.ts with the file that contains it, except `completion`, which is made by a
 * function of the table.
 */
async function lazyCommands() {
  const source = readFileSync(tableFile, "utf8");
  const imports = [...source.matchAll(/^import \{ (\w+) \} from "\.\/(.+)";$/gm)];
  const commands = [];
  for (const [, name, path] of imports) {
    const { [name]: command } = await loadCli(`export { ${name} } from "./${path}";`);
    if (typeof command === "object") commands.push({ name, file: `src/cli/${path}`, command });
  }
  return commands;
}

/**
 * Replaces the files of commands in the table by the descriptions of their commands, which load their script when they
 * run.
 * @returns {import("esbuild").Plugin}
 */
const lazy = (commands) => ({
  name: "lazy",
  setup(build) {
    build.onResolve({ filter: /^\.{1,2}\// }, ({ path, resolveDir }) => {
      const file = relative(".", resolve(resolveDir, path));
      return commands.some((each) => each.file === file) ? { path: file, namespace: "lazy" } : undefined;
    });
    build.onLoad({ filter: /.*/, namespace: "lazy" }, ({ path }) => {
      const index = commands.findIndex(({ file }) => file === path);
      const { name, command } = commands[index];
      const run = `(call) => host.commandScript(${index + 1}).${name}.run(call)`;
      return { contents: `export const ${name} = { ...${JSON.stringify(command)}, run: ${run} };` };
    });
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
const bundle = (more) => build({ ...options, ...more, plugins: [...(more.plugins ?? []), host] });

/** Returns the paths of the source files in a bundle, without the modules that this script makes. @param more options of the bundle */
async function modulesOf(more) {
  const { metafile } = await bundle({ ...more, outdir: ".", metafile: true });
  return Object.keys(metafile.inputs).filter((path) => path.startsWith("src/"));
}

/**
 * Returns the names that a bundle imports from modules of earlier scripts: `{ "src/cni/errors.ts": ["CniError", …], … }`.
 * @param {Map<string, string>} owners
 * @param {import("esbuild").BuildOptions} options with `treeShaking: false`, also the names that only unused code imports.
 */
async function importedNames(owners, { plugins = [], ...more }) {
  const { outputFiles } = await bundle({
    ...more,
    outdir: ".",
    format: "esm",
    plugins: [elsewhere(owners, { external: true }), ...plugins],
  });
  const names = {};
  for (const node of parse(outputFiles[0].text, { ecmaVersion: 2023, sourceType: "module" }).body) {
    if (node.type !== "ImportDeclaration") continue;
    const imported = node.specifiers.map((specifier) => specifier.imported.name);
    // Each file of the bundle has its own import.
    names[node.source.value] = [...new Set([...(names[node.source.value] ?? []), ...imported])];
  }
  return names;
}

/** Merges results of {@link importedNames}. @returns {Record<string, string[]>} sorted */
function merged(all) {
  const paths = [...new Set(all.flatMap(Object.keys))].sort();
  return Object.fromEntries(
    paths.map((path) => [path, [...new Set(all.flatMap((names) => names[path] ?? []))].sort()]),
  );
}

/** Returns the source of a script: it exports the exports of a module, and `shared`. */
function sharingSource(entry, names) {
  const paths = Object.keys(names);
  const alias = (path, name) => `${name}_${paths.indexOf(path)}`;
  const imports = paths.map((path) => {
    const all = names[path].map((name) => `${name} as ${alias(path, name)}`);
    return `import { ${all.join(", ")} } from "./${path}";\n`;
  });
  const shared = paths.map((path) => {
    const all = names[path].map((name) => `${name}: ${alias(path, name)}`);
    return `"${path}": { ${all.join(", ")} },\n`;
  });
  return `export * from "./${entry}";\n${imports.join("")}export const shared = {\n${shared.join("")}};\n`;
}

const sharing = (entry, names) => ({
  stdin: { contents: sharingSource(entry, names), resolveDir: ".", sourcefile: "shared.ts", loader: "ts" },
});

async function write(path, globalName, more) {
  const { outputFiles } = await bundle({
    ...more,
    outfile: path,
    format: "iife",
    globalName,
    legalComments: "none",
    minifySyntax: true,
    sourcemap: "external",
  });
  for (const { path, text } of outputFiles) {
    if (path.endsWith(".js")) refuseAbsent(text);
    // Added at the end, so that the source map stays valid. The other scripts need none, as they are not in the image.
    writeFileSync(path, path.endsWith("program.js") && without !== "TOUCH" ? text + touching(text) : text);
  }
}

const [directory, without] = process.argv.slice(2);
const commands = await lazyCommands();

/** The variable of the script that contains a module, for modules of several scripts. */
const owners = new Map();
for (const path of await modulesOf({ entryPoints: [programEntry] })) owners.set(path, "program");
const inProgram = new Map(owners);
const frame = {
  entryPoints: [commandLineEntry],
  plugins: [elsewhere(inProgram, { external: true }), lazy(commands)],
};
for (const path of await modulesOf(frame)) owners.set(path, "commandLine");
const uses = new Map();
for (const { file } of commands) {
  const parts = await modulesOf({ entryPoints: [file], plugins: [elsewhere(owners, { external: true })] });
  for (const path of parts) uses.set(path, (uses.get(path) ?? 0) + 1);
}
// A file with a command cannot be in another script.
for (const [path, number] of uses) {
  if (number > 1 && !commands.some(({ file }) => file === path)) owners.set(path, "commandLine");
}

const ofCommands = await Promise.all(
  commands.map(({ file }) => importedNames(owners, { entryPoints: [file] })),
);
const names = merged(ofCommands);
const ownedBy = (variable) =>
  Object.fromEntries(Object.entries(names).filter(([path]) => owners.get(path) === variable));
const frameNames = ownedBy("commandLine");
const ofFrame = await importedNames(inProgram, {
  ...sharing(commandLineEntry, frameNames),
  plugins: [lazy(commands)],
});

rmSync(`${directory}/commands`, { recursive: true, force: true });
mkdirSync(`${directory}/commands`, { recursive: true });
await write(
  `${directory}/program.js`,
  "program",
  sharing(programEntry, merged([ownedBy("program"), ofFrame])),
);
await write(`${directory}/commands/00-command-line.js`, "commandLine", {
  ...sharing(commandLineEntry, frameNames),
  plugins: [elsewhere(inProgram, { namespace: "shared" }), taken(inProgram, ofFrame), lazy(commands)],
});
for (const [index, { file }] of commands.entries()) {
  const number = String(index + 1).padStart(2, "0");
  await write(`${directory}/commands/${number}-${basename(file, ".ts")}.js`, "command", {
    entryPoints: [file],
    plugins: [elsewhere(owners, { namespace: "shared" }), taken(owners, names)],
  });
}
