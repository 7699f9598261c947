// Collects the files of a release from a build with `make image`, into build/release/ (scripts/release/layout.mjs):
// executables, image, SBOM, licenses, manifests that name the image by its digest, and checksums.
//   node scripts/release/make.mjs BUILD IMAGE [ARCHITECTURE=EXECUTABLE…]
// Without executables, only reports what prevents a release. IMAGE is the image's name in its registry, without a tag.
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { buildOf, executablesOf } from "../build-results.mjs";
import { CHECKSUMS, checksumsOf, executableFor, IMAGE, LICENSES, MANIFESTS, SBOM } from "./layout.mjs";
import { readArchive } from "./oci-archive.mjs";

/** The directory of the manifests that are rendered. */
const rendered = "deploy/rendered";

/**
 * Returns what prevents a release; "" if nothing does.
 * @param {string} version of the executables
 * @param {string} image its name in its registry
 * @param {{ changelog: string, packageVersion: string }} repository
 */
export function obstacleTo(version, image, { changelog, packageVersion }) {
  if (!/^[\w.-]+(?::\d+)?(?:\/[a-z0-9._-]+)+$/.test(image))
    return "set IMAGE to the name of the image in its registry, without a tag: make release IMAGE=REGISTRY/ib-sriov";
  if (version.endsWith("-dirty")) return `the version is ${version}: commit the changes, or remove them`;
  // Between tags.
  if (/-\d+-g[0-9a-f]+$/.test(version)) return "";
  if (version !== packageVersion)
    return `the tag is v${version}, but the version in package.json is ${packageVersion}`;
  const heading = `## [${version}] - `;
  const [, section] = changelog.split(heading);
  if (!/^\d{4}-\d\d-\d\d\n/.test(section ?? "")) return `CHANGELOG.md has no section "${heading}YYYY-MM-DD"`;
  return /^- /m.test(section.split(/^## /m)[0]) ? "" : `the section "${heading}…" of CHANGELOG.md is empty`;
}

/** Returns a manifest with the image of a release. */
function manifestWith(image, text) {
  const [, ...lines] = text.split("\n");
  return [
    `# ib-sriov for \`kubectl apply -f\`, with the image of this release.`,
    ...lines.map((line) => line.replace(/(\bimage: )ib-sriov:\S+$/, `$1${image}`)),
  ].join("\n");
}

/**
 * Makes the release of a build.
 * @param {string} image its name in its registry
 * @param {readonly { architecture: string, path: string }[]} executables
 */
function release(build, image, executables) {
  const out = join(build, "release");
  rmSync(out, { recursive: true, force: true });
  mkdirSync(join(out, MANIFESTS), { recursive: true });
  const write = (name, content, mode = 0o644) => {
    writeFileSync(join(out, name), content);
    // The mode of a new file depends on the umask.
    chmodSync(join(out, name), mode);
  };
  for (const { architecture, path } of executables)
    write(executableFor(architecture), readFileSync(path), 0o755);
  const archive = join(build, "ib-sriov.tar");
  write(IMAGE, readFileSync(archive));
  write(SBOM, readFileSync(join(build, SBOM)));
  for (const name of LICENSES) write(name, readFileSync(name === "LICENSE" ? name : join(build, name)));
  const reference = `${image}@${readArchive(archive).digest}`;
  for (const name of readdirSync(rendered))
    write(`${MANIFESTS}/${name}`, manifestWith(reference, readFileSync(join(rendered, name), "utf8")));
  write(CHECKSUMS, checksumsOf(out));
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [build, image, ...named] = process.argv.slice(2);
  const { VERSION: version } = buildOf(join(build, "include/build.h"));
  const changelog = readFileSync("CHANGELOG.md", "utf8");
  const packageVersion = JSON.parse(readFileSync("package.json", "utf8")).version;
  const obstacle = obstacleTo(version, image, { changelog, packageVersion });
  if (obstacle !== "") {
    console.error(`make release: ${obstacle}`);
    process.exitCode = 1;
  } else if (named.length > 0) release(build, image, executablesOf(named));
}
