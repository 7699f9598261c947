// Translates a stack trace of the executable (program.js:120:7) to places in src/. It uses the source maps of the last
// build, so check out the commit that `ib-sriov --version` prints, and build it first.
//   node scripts/locate.mjs <trace.txt
import { existsSync, readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { relative, resolve } from "node:path";

const directories = ["build", "build/commands"];
const maps = new Map();

/** Returns the source map of a script, and its directory, to which its paths are relative. */
function mapOf(file) {
  if (!maps.has(file)) {
    const directory = directories.find((each) => existsSync(`${each}/${file}.map`));
    const text = directory && readFileSync(`${directory}/${file}.map`, "utf8");
    maps.set(file, text && { directory, map: new SourceMap(JSON.parse(text)) });
  }
  return maps.get(file);
}

// In the JSON of an error object, newlines are escaped.
const trace = readFileSync(0, "utf8").replaceAll(/\\u000a|\\n/g, "\n");
const located = trace.replaceAll(/([\w-]+\.js):(\d+):(\d+)/g, (place, file, line, column) => {
  // QuickJS counts lines and columns from 1, source maps from 0.
  const { map, directory } = mapOf(file) ?? {};
  const entry = map?.findEntry(Number(line) - 1, Number(column) - 1);
  if (entry?.originalSource === undefined) return place;
  return `${relative(".", resolve(directory, entry.originalSource))}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
});
process.stdout.write(located);
