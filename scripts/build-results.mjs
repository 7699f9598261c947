// The results of a build, for the scripts that make a release of it.
import { readFileSync } from "node:fs";

/**
 * Reads build/include/build.h.
 * @param {string} header its path
 * @returns {Record<"VERSION" | "COMMIT" | "DATE", string>} each can be "unknown" except for the version
 */
export function buildOf(header) {
  const lines = readFileSync(header, "utf8").matchAll(/^#define IB_SRIOV_(\w+) "(.*)"$/gm);
  return Object.fromEntries(Array.from(lines, ([, key, value]) => [key, value]));
}

/**
 * Reads arguments of the form ARCHITECTURE=EXECUTABLE.
 * @param {readonly string[]} words
 * @returns {{ architecture: string, path: string }[]}
 */
export function executablesOf(words) {
  return words.map((word) => {
    const [architecture, path] = word.split("=");
    return { architecture, path };
  });
}
