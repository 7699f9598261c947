// Describes for the SBOM how a package that scripts/libraries builds differs from its upstream sources: CycloneDX' pedigree,
// which @cyclonedx/cyclonedx-library does not have.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PackageURL } from "packageurl-js";

/**
 * Returns the pedigree of a package.
 * @param {import("../origins.mjs").Origin} origin
 * The package must have `sources`.
 * @returns {{ ancestors: object[], patches: object[], notes: string }}
 */
export function pedigreeOf({ name, version, sources }) {
  // "1:1.2.5-3.1~deb13u1" is revision 3.1~deb13u1 of 1.2.5.
  const upstream = version.replace(/^\d+:/, "").replace(/-[^-]*$/, "");
  const series = readFileSync(join(sources, "patches/series"), "utf8");
  const patches = series
    .split("\n")
    .map((line) => line.replace(/ *#.*/, "").trim())
    .filter(Boolean)
    .map((file) => patchOf(readFileSync(join(sources, "patches", file), "utf8"), `debian/patches/${file}`));
  return {
    ancestors: [
      {
        type: "library",
        name,
        version: upstream,
        purl: new PackageURL("generic", undefined, name, upstream).toString(),
      },
    ],
    patches: [...patches, patchOf(readFileSync(join(sources, "own.patch"), "utf8"))],
    notes: "The patches of Debian, in their order, and as the last one the changes of ib-sriov.",
  };
}

/** Returns a patch with the vulnerabilities that its file name, or its description, names. */
function patchOf(text, file = "") {
  const [description] = text.split(/^(?:---|diff) /m);
  const fixed = [...new Set(`${file}\n${description}`.match(/CVE-\d+-\d+/g) ?? [])];
  return {
    // Debian takes the fixes of vulnerabilities from newer versions.
    type: fixed.length > 0 ? "backport" : "unofficial",
    diff: { text: { contentType: "text/x-diff", content: text }, ...(file !== "" && { url: file }) },
    ...(fixed.length > 0 && { resolves: fixed.map((id) => ({ type: "security", id })) }),
  };
}
