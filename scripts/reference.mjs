// Writes the reference of the command line from the table of commands (src/cli/commands.ts), which --help prints, too.
//   node scripts/reference.mjs markdown                   docs/reference/cli.md, on stdout
//   node scripts/reference.mjs man DIRECTORY HEADER       man pages; HEADER is build/include/build.h
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { manPages } from "./reference/man.mjs";
import { markdown } from "./reference/markdown.mjs";

/** Commands are only described here, and do not run, so all functions of native/host return no bytes. */
const withoutHost = {
  name: "without-host",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^host$/ }, () => ({ path: "host", namespace: "host" }));
    onLoad({ filter: /.*/, namespace: "host" }, () => {
      const declarations = readFileSync("native/host/host.d.ts", "utf8");
      const names = new Set(
        Array.from(declarations.matchAll(/^ {2}(?:function|const) (\w+)/gm), ([, name]) => name),
      );
      return {
        contents: [...names].map((name) => `export const ${name} = () => new Uint8Array();\n`).join(""),
      };
    });
  },
};

async function commandsAndStatuses() {
  const contents = `export { commands } from "./commands.ts";
export { EXIT_STATUSES } from "./command.ts";
export { optionsOf, optionText, synopsisOf } from "./usage.ts";`;
  const directory = mkdtempSync(join(tmpdir(), "ib-sriov-reference-"));
  const outfile = join(directory, "cli.mjs");
  try {
    await build({
      stdin: { contents, resolveDir: "src/cli", loader: "ts" },
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

const [form, directory, header] = process.argv.slice(2);
const cli = await commandsAndStatuses();
if (form === "markdown") process.stdout.write(markdown(cli));
else {
  const [, version, date] = /VERSION "(.*)"[\s\S]*DATE "(.{10})/.exec(readFileSync(header, "utf8"));
  mkdirSync(directory, { recursive: true });
  for (const [name, text] of manPages(cli, { version, date })) writeFileSync(`${directory}/${name}`, text);
}
