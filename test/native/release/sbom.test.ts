// The components that scripts/sbom.mjs lists for the executables.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { Spec, Validation } from "@cyclonedx/cyclonedx-library";
import { expect, test } from "vitest";
import { sbomOf } from "../../../scripts/sbom.mjs";
import { bundledPackages, linkedFiles } from "../../../scripts/third-party/parts.mjs";
import { pedigreeOf } from "../../../scripts/third-party/pedigree.mjs";
import { freshPath } from "../harness.ts";
import { machines } from "./machines.ts";

const build = {
  VERSION: "1.2.3",
  COMMIT: "0123456789abcdef0123456789abcdef01234567",
  DATE: "2023-11-14T22:13:20Z",
};
const executables = machines.map(({ architecture, build }) => ({ architecture, path: `${build}/ib-sriov` }));
const text = sbomOf(build, executables, [
  resolve("node_modules/yaml"),
  resolve("node_modules/@biomejs/biome"),
]);
const sbom = JSON.parse(text);

interface Component {
  readonly "bom-ref": string;
  readonly name: string;
  readonly version: string;
  readonly purl?: string;
  readonly hashes?: readonly { readonly content: string }[];
  readonly scope?: string;
  readonly supplier?: { readonly name: string };
  readonly properties?: readonly { readonly name: string; readonly value: string }[];
}

/** The components that an executable depends on. */
function contentOf(architecture: string): Component[] {
  const { dependsOn } = sbom.dependencies.find(
    ({ ref }: { ref: string }) => ref === `ib-sriov@${architecture}`,
  );
  return sbom.components.filter((component: Component) => dependsOn.includes(component["bom-ref"]));
}

test("it is valid CycloneDX", async () => {
  const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
  expect(await validator.validate(text)).toBe(null);
  const wrong = { ...sbom, components: [{ ...sbom.components[0], type: "libary" }] };
  expect(await validator.validate(JSON.stringify(wrong))).not.toBe(null);
});

test("it names the program, its commit, and each executable with its checksum", () => {
  expect(sbom.metadata.component).toMatchObject({
    name: "ib-sriov",
    version: "1.2.3",
    licenses: [{ expression: "Apache-2.0" }],
    properties: [{ name: "ib-sriov:commit", value: build.COMMIT }],
  });
  const named = sbom.metadata.component.components.map(({ name, hashes }: Component) => [
    name,
    hashes?.[0]?.content,
  ]);
  expect(named).toEqual(
    executables.map(({ architecture, path }) => [
      `ib-sriov (${architecture})`,
      createHash("sha256").update(readFileSync(path)).digest("hex"),
    ]),
  );
});

test.each(machines)(
  "for $architecture it has the engine, libc and libgcc, each with a version and a license",
  ({ architecture }) => {
    const content = contentOf(architecture);
    const npm = content.filter(({ purl }) => purl?.startsWith("pkg:npm/"));
    expect(npm.map(({ purl }) => purl?.replace(/@[^@]*$/, ""))).toEqual([
      "pkg:npm/%40biomejs/biome",
      "pkg:npm/yaml",
    ]);
    const debian = content.filter((component) => !npm.includes(component));
    expect(debian.map(({ name }) => name.replace(/-(arm64|ppc64el)-cross$/, "").replace(/\d+/, "N"))).toEqual(
      ["libgcc-N-dev", "musl", "quickjs"],
    );
    for (const component of debian) {
      expect(component).toMatchObject({
        version: expect.stringMatching(/^\d/),
        licenses: [expect.anything()],
      });
      expect(component.purl).toMatch(/^pkg:deb\/debian\/.*\?arch=\w+&distro=debian-\d+$/);
    }
  },
);

test.each(machines)(
  "for $architecture it names the compiler of the executable, which is not in it",
  ({ architecture, cc }) => {
    const [, version = ""] = /^\S+ (\(.*)/.exec(execFileSync(cc, ["--version"], { encoding: "utf8" })) ?? [];
    const executable = sbom.metadata.component.components.find(
      ({ name }: Component) => name === `ib-sriov (${architecture})`,
    );
    expect(executable.properties).toEqual([{ name: "ib-sriov:compiler", value: `GCC: ${version}` }]);
    const compiler = sbom.components.find((each: Component) => each["bom-ref"] === `GCC: ${version}`);
    expect(compiler).toMatchObject({ type: "application", name: "gcc", scope: "excluded" });
    expect(compiler.purl).toMatch(/^pkg:deb\/debian\/gcc-\d+@\d.*\?arch=source&distro=debian-\d+$/);
    expect(contentOf(architecture)).not.toContain(compiler);
  },
);

test("every part has a supplier", () => {
  expect(sbom.metadata.supplier).toEqual({ name: "The ib-sriov project" });
  const { component } = sbom.metadata;
  for (const own of [component, ...component.components])
    expect(own.supplier).toEqual(sbom.metadata.supplier);
  for (const { name, purl = "", supplier } of sbom.components as Component[])
    expect(supplier?.name, name).toMatch(purl.startsWith("pkg:deb/") ? /^Debian$/ : /./);
});

test("musl and the engine have their upstream version, and the patches of Debian and of this project", () => {
  for (const name of ["musl", "quickjs"]) {
    const { version, pedigree } = sbom.components.find((each: Component) => each.name === name);
    const upstream = version.slice(0, version.lastIndexOf("-"));
    expect(pedigree.ancestors).toEqual([
      { type: "library", name, version: upstream, purl: `pkg:generic/${name}@${upstream}` },
    ]);
    const urls = pedigree.patches.map(({ diff }: { diff: { url?: string } }) => diff.url);
    expect(urls.length).toBeGreaterThan(1);
    expect(urls.slice(0, -1)).not.toContain(undefined);
    const own = pedigree.patches.at(-1).diff.text.content;
    if (name === "musl") expect(own).toMatch(/^--- musl\/src\/string\/x86_64\/memcpy\.s$/m);
    else expect(own).toMatch(/^\+ +REFERENCE\(ctx->header\.ref_count\);$/m);
    // Times would differ from build to build.
    expect(own).not.toMatch(/^(---|\+\+\+) .*\t/m);
  }
});

test("a patch that fixes vulnerabilities names them", () => {
  const sources = freshPath("sources");
  mkdirSync(`${sources}/patches`, { recursive: true });
  writeFileSync(`${sources}/patches/series`, "# comment\nCVE-2025-1.patch\nother.patch # why\n");
  writeFileSync(
    `${sources}/patches/CVE-2025-1.patch`,
    "From: a\nfixes CVE-2025-1 and CVE-2025-2\n--- a\n+++ b\n",
  );
  writeFileSync(`${sources}/patches/other.patch`, "--- a\n+++ CVE-2025-3\n");
  writeFileSync(`${sources}/own.patch`, "");
  const { ancestors, patches } = pedigreeOf({
    name: "a",
    version: "1:2.0-3-4+b1",
    architecture: "source",
    sources,
  });
  expect(ancestors).toMatchObject([{ version: "2.0-3" }]);
  expect(patches).toMatchObject([
    {
      type: "backport",
      diff: { url: "debian/patches/CVE-2025-1.patch" },
      resolves: [
        { type: "security", id: "CVE-2025-1" },
        { type: "security", id: "CVE-2025-2" },
      ],
    },
    { type: "unofficial", diff: { url: "debian/patches/other.patch" } },
    { type: "unofficial" },
  ]);
  expect(patches[1]).not.toHaveProperty("resolves");
});

test("the engine has the same version for all machines", () => {
  const engines = machines.flatMap(({ architecture }) =>
    contentOf(architecture).filter(({ name }) => name === "quickjs"),
  );
  expect(new Set(engines.map(({ version }) => version)).size).toBe(1);
});

test("a library that belongs to no package is named with its checksum", () => {
  const executable = freshPath("executable");
  const library = freshPath("libhandmade.a");
  writeFileSync(executable, "");
  writeFileSync(library, "!<arch>\n");
  writeFileSync(`${executable}.d`, `build/x: \\\n  build/y.o \\\n  ${library}\n\nbuild/y.o:\n`);
  expect(linkedFiles(executable)).toEqual([library]);
  const { components } = JSON.parse(sbomOf(build, [{ architecture: "amd64", path: executable }], []));
  const content = createHash("sha256").update("!<arch>\n").digest("hex");
  expect(components).toMatchObject([{ type: "file", hashes: [{ alg: "SHA-256", content }] }]);
});

test("npm's packages in a bundle are found in its source map", () => {
  const directory = freshPath("bundle");
  mkdirSync(directory);
  const sources = ["../src/main.ts", "host:host", "../node_modules/a/x.js", "../node_modules/a/lib/y.js"];
  sources.push("../node_modules/@b/c/z.js", "../node_modules/a/node_modules/d/index.js");
  writeFileSync(`${directory}/program.js.map`, JSON.stringify({ sources }));
  const modules = resolve(directory, "../node_modules");
  expect(bundledPackages(`${directory}/program.js.map`)).toEqual([
    `${modules}/@b/c`,
    `${modules}/a`,
    `${modules}/a/node_modules/d`,
  ]);
  // This project has no npm packages in its bundle.
  expect(bundledPackages("build/program.js.map")).toEqual([]);
});
