// Writes the reference of the command line from the table of commands (src/cli/commands.ts), which --help prints, too.
//   node scripts/reference.mjs markdown                   docs/reference/cli.md, on stdout
//   node scripts/reference.mjs man DIRECTORY HEADER       man pages; HEADER is build/include/build.h
import { mkdirSync, writeFileSync } from "node:fs";
import { buildOf } from "./build-results.mjs";
import { loadCli } from "./commands.mjs";
import { manPages } from "./reference/man.mjs";
import { markdown } from "./reference/markdown.mjs";

const [form, directory, header] = process.argv.slice(2);
const cli = await loadCli(`export { commands } from "./commands.ts";
export { EXIT_STATUSES } from "./command.ts";
export { optionsOf, optionText, synopsisOf } from "./usage.ts";`);
if (form === "markdown") process.stdout.write(markdown(cli));
else {
  const { VERSION: version, DATE: time } = buildOf(header);
  const [date] = time.split("T");
  mkdirSync(directory, { recursive: true });
  for (const [name, text] of manPages(cli, { version, date })) writeFileSync(`${directory}/${name}`, text);
}
