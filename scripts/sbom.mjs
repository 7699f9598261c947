// Writes the SBOM of the release as CycloneDX JSON: the executables, and the libraries and packages in them, as the
// linker and esbuild list them. The same executables give the same bytes.
//   node scripts/sbom.mjs OUT BUILD_HEADER ARCHITECTURE=EXECUTABLE…
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Enums, Models, Serialize, Spec } from "@cyclonedx/cyclonedx-library";
import { PackageURL } from "packageurl-js";
import { debianRelease, originOf } from "./origins.mjs";

/**
 * SPDX licenses of linked libraries (/usr/share/doc/PACKAGE/copyright), by the beginning of the Debian package's name.
 */
const debianLicenses = [
  ["musl", "MIT"],
  ["libgcc-", "GPL-3.0-or-later WITH GCC-exception-3.1"],
  ["quickjs", "MIT"],
];

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

/** Makes a component that is identified by its package URL. */
function component(name, purl, license) {
  return new Models.Component(Enums.ComponentType.Library, name, {
    bomRef: purl.toString(),
    purl: purl.toString(),
    version: purl.version,
    licenses: new Models.LicenseRepository(
      license === undefined ? [] : [new Models.LicenseExpression(license)],
    ),
  });
}

function debianComponent({ name, version, architecture }) {
  const qualifiers = { arch: architecture, distro: debianRelease() };
  const license = debianLicenses.find(([prefix]) => name.startsWith(prefix))?.[1];
  return component(name, new PackageURL("deb", "debian", name, version, qualifiers), license);
}

/** Makes a component for a library without a package, which is identified by its content. */
function fileComponent(path) {
  const hash = sha256(path);
  return new Models.Component(Enums.ComponentType.File, path.slice(path.lastIndexOf("/") + 1), {
    bomRef: hash,
    hashes: new Models.HashDictionary([[Enums.HashAlgorithm["SHA-256"], hash]]),
  });
}

function npmComponent(directory) {
  const { name, version, license } = JSON.parse(readFileSync(`${directory}/package.json`, "utf8"));
  const [scope, bare] = name.includes("/") ? name.split("/") : [undefined, name];
  return component(name, new PackageURL("npm", scope, bare, version), license);
}

function sha256(path) {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

/**
 * Returns the SBOM.
 * @param {Record<"VERSION" | "COMMIT" | "DATE", string>} build
 * @param {readonly { architecture: string, path: string }[]} executables
 * @param {readonly string[]} packages directories of the npm packages in them
 */
export function sbomOf(build, executables, packages) {
  const bom = new Models.Bom();
  if (build.DATE !== "unknown") bom.metadata.timestamp = new Date(build.DATE);
  const program = new Models.Component(Enums.ComponentType.Application, "ib-sriov", {
    bomRef: "ib-sriov",
    version: build.VERSION,
    licenses: new Models.LicenseRepository([new Models.LicenseExpression("Apache-2.0")]),
    properties: new Models.PropertyRepository([new Models.Property("ib-sriov:commit", build.COMMIT)]),
  });
  bom.metadata.component = program;

  const components = new Map();
  /** Adds each component only once, also if several executables contain it. */
  const add = (part) => {
    const known = components.get(part.bomRef.value) ?? part;
    components.set(part.bomRef.value, known);
    bom.components.add(known);
    return known;
  };
  for (const { architecture, path } of executables) {
    const executable = new Models.Component(Enums.ComponentType.File, `ib-sriov (${architecture})`, {
      bomRef: `ib-sriov@${architecture}`,
      hashes: new Models.HashDictionary([[Enums.HashAlgorithm["SHA-256"], sha256(path)]]),
    });
    program.components.add(executable);
    program.dependencies.add(executable.bomRef);
    for (const file of linkedFiles(path)) {
      const origin = originOf(file);
      const part = add(origin === undefined ? fileComponent(file) : debianComponent(origin));
      executable.dependencies.add(part.bomRef);
    }
    for (const directory of packages) executable.dependencies.add(add(npmComponent(directory)).bomRef);
  }
  const serializer = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6));
  return `${serializer.serialize(bom, { sortLists: true, space: 2 })}\n`;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [out, header, ...named] = process.argv.slice(2);
  const lines = readFileSync(header, "utf8").matchAll(/^#define IB_SRIOV_(\w+) "(.*)"$/gm);
  const executables = named.map((each) => {
    const [architecture, path] = each.split("=");
    return { architecture, path };
  });
  const bundles = dirname(out);
  const packages = [bundles, join(bundles, "commands")].flatMap((directory) =>
    readdirSync(directory)
      .filter((name) => name.endsWith(".js.map"))
      .flatMap((name) => bundledPackages(join(directory, name))),
  );
  const build = Object.fromEntries(Array.from(lines, ([, key, value]) => [key, value]));
  writeFileSync(out, sbomOf(build, executables, [...new Set(packages)].sort()));
}
