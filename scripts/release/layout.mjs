// The names of the files of a release.
import { readdirSync } from "node:fs";

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
