// Loads the table of commands (src/cli/commands.ts) into this process, for build steps that describe commands without
// running them.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";

/** Returns the names of the functions and constants that native/host/host.d.ts declares. */
export function hostNames() {
  const declarations = readFileSync(new URL("../native/host/host.d.ts", import.meta.url), "utf8");
  const all = [...declarations.matchAll(/^ {2}(?:function|const) (\w+)/gm)].map((match) => match[1]);
  // A function with several signatures has several declarations.
  return [...new Set(all)];
}

/** Commands do not run, so all functions of native/host return no bytes. */
const withoutHost = {
  name: "without-host",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^host$/ }, () => ({ path: "host", namespace: "host" }));
    onLoad({ filter: /.*/, namespace: "host" }, () => ({
      contents: hostNames()
        .map((name) => `export const ${name} = () => new Uint8Array();\n`)
        .join(""),
    }));
  },
};

/** Returns the exports of modules in src/cli that describe commands. @param {string} exports a module's text */
export async function loadCli(exports) {
  const directory = mkdtempSync(join(tmpdir(), "ib-sriov-commands-"));
  const outfile = join(directory, "cli.mjs");
  try {
    await build({
      stdin: { contents: exports, resolveDir: "src/cli", loader: "ts" },
      bundle: true,
      format: "esm",
      outfile,
      plugins: [withoutHost],
    });
    return await import(pathToFileURL(outfile).href);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
