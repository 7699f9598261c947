// Prints the Debian packages that are linked into each executable, with their versions, and the compilers that made it.
// It reads the same lists as the SBOM, and does not build anything.
//   node scripts/versions.mjs ARCHITECTURE=EXECUTABLE…
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { pathToFileURL } from "node:url";
import { executablesOf } from "./build-results.mjs";
import { originOf } from "./origins.mjs";
import { compilersOf, linkedFiles } from "./third-party/parts.mjs";

/**
 * Returns what an executable consists of, without this repository's own objects.
 * @param {string} executable
 * @returns {[name: string, version: string][]} sorted by name; the compilers are the last
 */
export function linkedVersions(executable) {
  const packages = new Map(
    linkedFiles(executable).map((file) => {
      const origin = originOf(file);
      return origin === undefined ? [basename(file), "of no package"] : [origin.name, origin.version];
    }),
  );
  return [
    ...[...packages].sort(([a], [b]) => (a < b ? -1 : 1)),
    ...compilersOf(executable).map((text) => ["compiler", text]),
  ];
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const built = executablesOf(process.argv.slice(2)).filter(({ path }) => existsSync(path));
  if (built.length === 0) {
    console.error("print the versions of build/ib-sriov: it is not built; run 'make' first");
    process.exitCode = 1;
  }
  for (const { architecture, path } of built) {
    console.log(`${path} (${architecture})`);
    for (const [name, version] of linkedVersions(path)) console.log(`  ${name.padEnd(28)} ${version}`);
  }
}
