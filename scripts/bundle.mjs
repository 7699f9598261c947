// Bundles the entry points of src/ into one script each and cuts it into pieces (pieces.mjs) for scripts/compile.c.
// `import … from "host"` becomes the global object `host` that native/host.c makes.
//   node scripts/bundle.mjs OUTDIR NAME=ENTRY.ts …
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { build } from "esbuild";
import { cut } from "./pieces.mjs";

/** The functions and constants that native/host.d.ts declares. */
async function hostNames() {
  const declarations = await readFile(new URL("../native/host.d.ts", import.meta.url), "utf8");
  return [...declarations.matchAll(/^ {2}(?:function|const) (\w+)/gm)].map((match) => match[1]);
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
 * Makes NAME.js, NAME.js.map and NAME.pieces.
 * @param {import("esbuild").Format} format
 */
async function bundle(name, entry, outdir, format) {
  const { outputFiles } = await build({
    entryPoints: { [name]: entry },
    outdir,
    bundle: true,
    format,
    target: "es2023",
    charset: "utf8",
    legalComments: "none",
    minifySyntax: true,
    sourcemap: "external",
    write: false,
    plugins: [host],
    logLevel: "warning",
  });
  for (const file of outputFiles) {
    await writeFile(file.path, file.contents);
    if (file.path.endsWith(".js")) await writeFile(`${outdir}/${name}.pieces`, framed(cut(file.text)));
  }
}

/** As scripts/compile.c reads it: per piece a line `name line bytes` ("-" for no name), then so many bytes. */
function framed(pieces) {
  return pieces
    .map(({ name, line, code }) => `${name || "-"} ${line} ${Buffer.byteLength(code)}\n${code}\n`)
    .join("");
}

const [outdir, ...entries] = process.argv.slice(2);
await mkdir(outdir, { recursive: true });
for (const [name, entry] of entries.map((entry) => entry.split("="))) {
  // main is small and keeps its names to itself, in a function. Of the others the top level is the global scope (with
  // nothing to export, "esm" is a plain script): there the pieces find each other. In one big function QuickJS would
  // take longer to make its closures than for all the rest: a walk over all captured variables for each one.
  await bundle(name, entry, outdir, name === "main" ? "iife" : "esm");
}
