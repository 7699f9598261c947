// The names of the files of a release, and their checksums.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "./oci-archive.mjs";

export const CHECKSUMS = "SHA256SUMS";
export const IMAGE = "ib-sriov-image.tar";
export const SBOM = "ib-sriov.cdx.json";
/** The texts that are also in the image's directory /licenses. */
export const LICENSES = ["LICENSE", "NOTICE", "THIRD_PARTY_NOTICES"];
export const MANIFESTS = "manifests";

/** @returns {string} the name of the executable for an architecture */
export function executableFor(architecture) {
  return `ib-sriov-linux-${architecture}`;
}

/** @returns {string[]} the paths of all files below a directory, sorted */
export function filesBelow(directory) {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(directory.length + 1))
    .sort();
}

/** @returns {string} the content of SHA256SUMS for the files below a directory */
export function checksumsOf(directory) {
  const names = filesBelow(directory).filter((name) => name !== CHECKSUMS);
  return names.map((name) => `${sha256(readFileSync(join(directory, name)))}  ${name}\n`).join("");
}
