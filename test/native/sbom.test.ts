// The components that scripts/sbom.mjs lists for the executables.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { Spec, Validation } from "@cyclonedx/cyclonedx-library";
import { expect, test } from "vitest";
import { bundledPackages, linkedFiles } from "../../scripts/linked/parts.mjs";
import { sbomOf } from "../../scripts/sbom.mjs";
import { freshPath } from "./harness.ts";
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
