// The licenses of what is linked: in the executables, and as files of a release.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { sbomOf } from "../../../scripts/sbom.mjs";
import { noticesOf } from "../../../scripts/third-party/notices.mjs";
import { freshPath } from "../harness.ts";
import { type Machine, machines, native } from "./machines.ts";

const executables = machines.map(({ architecture, build }) => ({ architecture, path: `${build}/ib-sriov` }));
const { notice, thirdParty } = noticesOf(executables, []);

/** The output of `ib-sriov licenses`. */
function printed({ build, run }: Machine): string {
  const [program = "", ...words] = [...run, `${build}/ib-sriov`, "licenses"];
  const { status, stdout, stderr } = spawnSync(program, words, { encoding: "utf8", env: {} });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout;
}

test.each(machines)("the executable for $architecture prints both texts", (machine) => {
  const { architecture, build } = machine;
  const own = noticesOf([{ architecture, path: `${build}/ib-sriov` }], []);
  expect(printed(machine)).toBe(`${own.notice}\n${own.thirdParty}`);
  // A notice names an architecture only beside a part that other executables do not have; this is one executable's notice.
  expect(own.notice).not.toContain(`(${architecture})`);
});

test("NOTICE names each part in the SBOM with its license, and where it is", () => {
  const { components } = JSON.parse(sbomOf({ VERSION: "1", COMMIT: "2", DATE: "unknown" }, executables, []));
  const linked = components.filter(({ scope }: { scope?: string }) => scope !== "excluded");
  const lines = linked.map(
    ({ name, version, licenses }: Record<string, string & { expression: string }[]>) => {
      const [, architecture = native.architecture] = /(amd64|arm64|ppc64el)/.exec(name ?? "") ?? [];
      const where = name?.startsWith("libgcc") ? ` (${architecture.replace("el", "le")})` : "";
      return `  ${name} ${version}${where}: ${licenses?.[0]?.expression}`;
    },
  );
  // musl, the engine, and the libgcc of each machine.
  expect(lines.length).toBe(2 + machines.length);
  // The SBOM has another order: a name comes after the longer names that begin with it, such as that of libgcc.
  expect(notice.split("\n").filter((line) => line.startsWith("  "))).toEqual(lines.sort());
});

test("THIRD_PARTY_NOTICES has the copyright holders, and each license once", () => {
  for (const holder of [
    "Rich Felker",
    "Fabrice Bellard",
    "Sun Microsystems",
    "Arm Limited",
    "Free Software Foundation",
  ])
    expect(thirdParty).toContain(holder);
  // Debian's packaging is not linked.
  expect(thirdParty).not.toContain("Files: debian/");
  expect(thirdParty.match(/Permission is hereby granted, free of charge/g)).toHaveLength(1);
  expect(thirdParty).toContain("\nLicense MIT of musl and quickjs\n");
  expect(thirdParty).toContain("GCC Runtime Library\nException");
  expect(thirdParty.split("\n").filter((line) => line.length > 104)).toEqual([]);
});

test("the executable with them stays below 2,000,000 bytes", () => {
  expect(statSync("build/ib-sriov").size).toBeLessThan(2_000_000);
});

/** Creates an executable that a file was linked into. */
function executableWith(library: string): { architecture: string; path: string } {
  const path = freshPath("executable");
  writeFileSync(library, "!<arch>\n");
  writeFileSync(path, "");
  writeFileSync(`${path}.d`, `${path}: \\\n  ${library}\n`);
  return { architecture: "amd64", path };
}

test("a library whose license is unknown is refused", () => {
  const library = freshPath("libhandmade.a");
  expect(() => noticesOf([executableWith(library)], [])).toThrow(
    `${library} is linked, and its license is unknown`,
  );
});

test("the libgcc of a compiler without a package is known", () => {
  const directory = freshPath("compiler");
  mkdirSync(directory);
  const { notice } = noticesOf([executableWith(`${directory}/libgcc.a`)], []);
  expect(notice).toContain("\n  libgcc: GPL-3.0-or-later WITH GCC-exception-3.1\n");
});

test("an npm package has its license file, and is refused without one", () => {
  const { notice, thirdParty } = noticesOf(executables.slice(0, 1), [resolve("node_modules/yaml")]);
  expect(notice).toMatch(/^ {2}yaml \d.*: ISC$/m);
  expect(thirdParty).toContain(readFileSync("node_modules/yaml/LICENSE", "utf8").trim());
  const directory = freshPath("package");
  mkdirSync(directory);
  writeFileSync(`${directory}/package.json`, '{"name": "bare", "version": "1.0.0", "license": "MIT"}');
  expect(() => noticesOf(executables.slice(0, 1), [directory])).toThrow("bare is in the bundle");
});
