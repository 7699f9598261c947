// Finds the Debian package of a file: from the list `packages` if a script of this repository has unpacked the file,
// else from dpkg.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join, relative } from "node:path";

/**
 * @typedef {{ name: string, version: string, architecture: string, sources?: string }} Origin
 * `sources` is the directory in which scripts/libraries keeps the license and the patches of a package that it builds.
 */

/**
 * @param {string} file
 * @returns {Origin | undefined} `undefined` if the file does not belong to a package
 */
export function originOf(file) {
  const path = realpathSync(file);
  return unpackedOrigin(path) ?? installedOrigin(path);
}

/** @returns {string} the release as in package URLs: debian-13 */
export function debianRelease() {
  const value = (key) =>
    new RegExp(`^${key}="?([^"\n]*)`, "m").exec(readFileSync("/etc/os-release", "utf8"))?.[1];
  return `${value("ID")}-${value("VERSION_ID")}`;
}

/** Searches the list `packages` (vhca/runner/apt.sh, unpack) at the top of the file's tree. */
function unpackedOrigin(path) {
  for (let tree = dirname(path); tree !== "/"; tree = dirname(tree)) {
    const list = join(tree, "packages");
    if (!existsSync(list)) continue;
    for (const line of readFileSync(list, "utf8").split("\n")) {
      const [file, name, version, architecture] = line.split("\t");
      if (file !== relative(tree, path)) continue;
      return {
        name,
        version,
        architecture,
        ...(architecture === "source" && { sources: join(tree, "sources", name) }),
      };
    }
  }
  return undefined;
}

function installedOrigin(path) {
  const { stdout, status } = spawnSync("dpkg-query", ["--search", path], { encoding: "utf8" });
  if (status !== 0) return undefined;
  // "libc6-dev:amd64: /usr/lib/…", and then "libc6-dev:amd64\t2.41-12"
  const owner = stdout.slice(0, stdout.indexOf(": "));
  const [binary, version] = execFileSync("dpkg-query", ["--show", owner], { encoding: "utf8" })
    .trim()
    .split("\t");
  const [name, architecture = "all"] = binary.split(":");
  return { name, version, architecture };
}
