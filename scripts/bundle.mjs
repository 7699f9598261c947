// Bundles src/main.ts into one script, which sets the global variable `program` to what main.ts exports.
// `import … from "host"` becomes the global object `host` that native/host.c makes.
//   node scripts/bundle.mjs OUT.js
import { readFile, writeFile } from "node:fs/promises";
import { build } from "esbuild";
import { refuseAbsent } from "./absent.mjs";

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

const [outfile] = process.argv.slice(2);
const { outputFiles } = await build({
  entryPoints: ["src/main.ts"],
  outfile,
  bundle: true,
  format: "iife",
  globalName: "program",
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
  if (file.path.endsWith(".js")) refuseAbsent(file.text);
  await writeFile(file.path, file.contents);
}
