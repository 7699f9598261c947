// Translates a stack trace of the executable (program.js:120:7) to places in src/. It uses the source maps of the last
// build, so check out the commit that `ib-sriov --version` prints, and build it first.
//   node scripts/locate.mjs <trace.txt
import { existsSync, readFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { relative, resolve } from "node:path";

const bundles = "build";
const maps = new Map();

function mapOf(file) {
  const path = `${bundles}/${file}.map`;
  if (!maps.has(file))
    maps.set(file, existsSync(path) ? new SourceMap(JSON.parse(readFileSync(path, "utf8"))) : null);
  return maps.get(file);
}

// In the JSON of an error object, newlines are escaped.
const trace = readFileSync(0, "utf8").replaceAll(/\\u000a|\\n/g, "\n");
const located = trace.replaceAll(/([\w-]+\.js):(\d+):(\d+)/g, (place, file, line, column) => {
  // QuickJS counts lines and columns from 1, source maps from 0.
  const entry = mapOf(file)?.findEntry(Number(line) - 1, Number(column) - 1);
  if (entry?.originalSource === undefined) return place;
  return `${relative(".", resolve(bundles, entry.originalSource))}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
});
process.stdout.write(located);
