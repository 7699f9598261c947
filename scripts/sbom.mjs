// Writes the SBOM of the release as CycloneDX JSON: the executables, and the libraries and packages in them, as the
// linker and esbuild list them. The same executables give the same bytes.
//   node scripts/sbom.mjs OUT BUILD_HEADER ARCHITECTURE=EXECUTABLE…
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { pathToFileURL } from "node:url";
import { Enums, Models, Serialize, Spec } from "@cyclonedx/cyclonedx-library";
import { PackageURL } from "packageurl-js";
import { licenseOf, linkedFiles, packagesOf } from "./linked/parts.mjs";
import { debianRelease, originOf } from "./origins.mjs";

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
  return component(name, new PackageURL("deb", "debian", name, version, qualifiers), licenseOf(name));
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
  const build = Object.fromEntries(Array.from(lines, ([, key, value]) => [key, value]));
  writeFileSync(out, sbomOf(build, executables, packagesOf(dirname(out))));
}
