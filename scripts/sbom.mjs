// Writes the SBOM of the release as CycloneDX JSON: the executables, and the libraries and packages in them, as the
// linker and esbuild list them. The same executables give the same bytes.
//   node scripts/sbom.mjs OUT BUILD_HEADER ARCHITECTURE=EXECUTABLE…
import { readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { pathToFileURL } from "node:url";
import { Enums, Models, Serialize, Spec } from "@cyclonedx/cyclonedx-library";
import { PackageURL } from "packageurl-js";
import { buildOf, executablesOf } from "./build-results.mjs";
import { debianRelease, originOf } from "./origins.mjs";
import { sha256 } from "./release/oci-archive.mjs";
import { compilersOf, licenseOf, linkedFiles, packagesOf } from "./third-party/parts.mjs";
import { pedigreeOf } from "./third-party/pedigree.mjs";

const suppliers = {
  own: new Models.OrganizationalEntity({ name: "The ib-sriov project" }),
  debian: new Models.OrganizationalEntity({ name: "Debian", url: new Set(["https://www.debian.org/"]) }),
};

/** Makes a component that is identified by its package URL. */
function component(name, purl, license, supplier) {
  return new Models.Component(Enums.ComponentType.Library, name, {
    bomRef: purl.toString(),
    purl: purl.toString(),
    version: purl.version,
    supplier,
    licenses: new Models.LicenseRepository(
      license === undefined ? [] : [new Models.LicenseExpression(license)],
    ),
  });
}

function debianComponent({ name, version, architecture }) {
  const qualifiers = { arch: architecture, distro: debianRelease() };
  const purl = new PackageURL("deb", "debian", name, version, qualifiers);
  return component(name, purl, licenseOf(name), suppliers.debian);
}

/** Makes a component for a library without a package, which is identified by its content. */
function fileComponent(path) {
  const hash = sha256(readFileSync(path));
  return new Models.Component(Enums.ComponentType.File, path.slice(path.lastIndexOf("/") + 1), {
    bomRef: hash,
    hashes: new Models.HashDictionary([[Enums.HashAlgorithm["SHA-256"], hash]]),
  });
}

function npmComponent(directory) {
  const { name, version, license, author } = JSON.parse(readFileSync(`${directory}/package.json`, "utf8"));
  const [scope, bare] = name.includes("/") ? name.split("/") : [undefined, name];
  const supplier = new Models.OrganizationalEntity({
    name: author?.name ?? author ?? `The authors of ${name}`,
  });
  return component(name, new PackageURL("npm", scope, bare, version), license, supplier);
}

/** Makes a component for a compiler, which is not in the executables. */
function compilerComponent(compiler) {
  const [, version] = /\) (.*)/.exec(compiler);
  const [, debianVersion] = /\(Debian (\S+)\)/.exec(compiler) ?? [];
  const qualifiers = { arch: "source", distro: debianRelease() };
  const purl =
    debianVersion === undefined
      ? new PackageURL("generic", undefined, "gcc", version)
      : new PackageURL("deb", "debian", `gcc-${Number.parseInt(version, 10)}`, debianVersion, qualifiers);
  return new Models.Component(Enums.ComponentType.Application, "gcc", {
    bomRef: compiler,
    description: compiler,
    purl: purl.toString(),
    version,
    scope: Enums.ComponentScope.Excluded,
    supplier: debianVersion === undefined ? undefined : suppliers.debian,
  });
}

/**
 * Returns the SBOM.
 * @param {Record<"VERSION" | "COMMIT" | "DATE", string>} build
 * @param {readonly { architecture: string, path: string }[]} executables
 * @param {readonly string[]} packages directories of the npm packages in them
 */
export function sbomOf(build, executables, packages) {
  const bom = new Models.Bom();
  bom.metadata.supplier = suppliers.own;
  if (build.DATE !== "unknown") bom.metadata.timestamp = new Date(build.DATE);
  const program = new Models.Component(Enums.ComponentType.Application, "ib-sriov", {
    bomRef: "ib-sriov",
    supplier: suppliers.own,
    version: build.VERSION,
    licenses: new Models.LicenseRepository([new Models.LicenseExpression("Apache-2.0")]),
    properties: new Models.PropertyRepository([new Models.Property("ib-sriov:commit", build.COMMIT)]),
  });
  bom.metadata.component = program;

  const components = new Map();
  const pedigrees = new Map();
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
      supplier: suppliers.own,
      hashes: new Models.HashDictionary([[Enums.HashAlgorithm["SHA-256"], sha256(readFileSync(path))]]),
    });
    program.components.add(executable);
    program.dependencies.add(executable.bomRef);
    for (const compiler of compilersOf(path)) {
      add(compilerComponent(compiler));
      executable.properties.add(new Models.Property("ib-sriov:compiler", compiler));
    }
    for (const file of linkedFiles(path)) {
      const origin = originOf(file);
      const part = add(origin === undefined ? fileComponent(file) : debianComponent(origin));
      executable.dependencies.add(part.bomRef);
      // All executables have the same changes.
      if (origin?.sources !== undefined && !pedigrees.has(part.bomRef.value))
        pedigrees.set(part.bomRef.value, pedigreeOf(origin));
    }
    for (const directory of packages) executable.dependencies.add(add(npmComponent(directory)).bomRef);
  }
  const serializer = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6));
  const document = JSON.parse(serializer.serialize(bom, { sortLists: true }));
  for (const part of document.components) {
    const pedigree = pedigrees.get(part["bom-ref"]);
    if (pedigree !== undefined) part.pedigree = pedigree;
  }
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [out, header, ...named] = process.argv.slice(2);
  writeFileSync(out, sbomOf(buildOf(header), executablesOf(named), packagesOf(dirname(out))));
}
