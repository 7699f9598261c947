// Lists what is in an executable besides this repository's sources, as the linker and esbuild report it.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, isAbsolute, join, resolve } from "node:path";

/** SPDX licenses of linked libraries (/usr/share/doc/PACKAGE/copyright), by the beginning of the package's name. */
const licenses = [
  ["musl", "MIT"],
  ["libgcc", "GPL-3.0-or-later WITH GCC-exception-3.1"],
  ["quickjs", "MIT"],
];

/** @returns {string | undefined} the SPDX license of a Debian package; `undefined` if it is unknown */
export function licenseOf(name) {
  return licenses.find(([prefix]) => name.startsWith(prefix))?.[1];
}

/**
 * Returns the objects and archives in an executable that do not come from this build, from the linker's dependency file
 * beside the executable.
 * @param {string} executable
 * @returns {string[]} absolute paths
 */
export function linkedFiles(executable) {
  // "TARGET: FILE FILE …" over several lines, then a rule for each file.
  const [first = ""] = readFileSync(`${executable}.d`, "utf8").replaceAll("\\\n", " ").split("\n");
  const files = first.slice(first.indexOf(":") + 1).match(/(?:\\ |\S)+/g) ?? [];
  // The build's paths are relative to its sources; the libraries are beside the executable.
  const directory = dirname(executable);
  return files
    .map((file) => file.replaceAll("\\ ", " "))
    .map((file) =>
      file.replace(/^(?!\/)(?:.*\/)?libraries\/(.*)$/, (_, name) => resolve(directory, "libraries", name)),
    )
    .filter((file) => isAbsolute(file) && !file.startsWith(`${resolve(directory)}/obj/`));
}

/**
 * Returns the compilers of an executable, as they name themselves in it (section .comment): "GCC: (Debian 14.2.0-19) 14.2.0".
 * @param {string} path
 * @returns {string[]}
 */
export function compilersOf(path) {
  const text = readFileSync(path, "latin1");
  return [
    ...new Set(Array.from(text.matchAll(/GCC: \([^()\0]+\) [\w.+-]+(?=\0)/g), ([name]) => name)),
  ].sort();
}

/**
 * Returns the directories of the npm packages in a bundle.
 * @param {string} map the bundle's source map; its paths are relative to its directory
 * @returns {string[]}
 */
export function bundledPackages(map) {
  const { sources } = JSON.parse(readFileSync(map, "utf8"));
  const packages = sources.flatMap(
    (source) => /^.*\bnode_modules\/(?:@[^/]+\/)?[^/]+/.exec(resolve(dirname(map), source)) ?? [],
  );
  return [...new Set(packages)].sort();
}

/**
 * Returns the directories of the npm packages in all bundles of a build.
 * @param {string} build its directory
 * @returns {string[]}
 */
export function packagesOf(build) {
  const packages = [build, join(build, "commands")].flatMap((directory) =>
    readdirSync(directory)
      .filter((name) => name.endsWith(".js.map"))
      .flatMap((name) => bundledPackages(join(directory, name))),
  );
  return [...new Set(packages)].sort();
}
