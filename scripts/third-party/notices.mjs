// Writes NOTICE and THIRD_PARTY_NOTICES: the licenses of what is in executables besides this repository's sources, as the
// linker and esbuild list it.
//   node scripts/third-party/notices.mjs DIRECTORY ARCHITECTURE=EXECUTABLE…
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { executablesOf } from "../build-results.mjs";
import { originOf } from "../origins.mjs";
import { parseCopyright } from "./copyright.mjs";
import { licenseOf, linkedFiles, packagesOf } from "./parts.mjs";

/**
 * @typedef {{ name: string, version: string, license: string, copyright: import("./copyright.mjs").Copyright }} Part
 * a library or a package in an executable
 */

/** The exception permits executables without the text of the GPL, so that it is only named here. */
const libgcc = `Copyright (C) 1989-2025 Free Software Foundation, Inc.

libgcc is the part of GCC with functions that compiled programs call. It is free software
under the GNU General Public License, version 3 or later, with the GCC Runtime Library
Exception, version 3.1. This exception permits everyone to distribute an executable that
contains parts of libgcc under any license, if it was compiled with GCC:
https://www.gnu.org/licenses/gcc-exception-3.1.html`;

/** @returns {Part} the part that a linked file belongs to */
function partOfFile(file) {
  const origin = originOf(file);
  const isLibgcc = basename(file) === "libgcc.a";
  // A compiler without a package has a libgcc without a package.
  const { name, version, sources } = origin ?? { name: isLibgcc ? "libgcc" : file, version: "" };
  const license = licenseOf(name);
  if (license === undefined || (sources === undefined && !isLibgcc))
    throw new Error(`${name} is linked, and its license is unknown; add it to scripts/third-party/`);
  const copyright = isLibgcc
    ? { stanzas: [{ files: "*", copyright: "", license: `\n${libgcc}` }], texts: new Map() }
    : parseCopyright(readFileSync(join(sources, "copyright"), "utf8"));
  return { name, version, license, copyright };
}

/** @returns {Part} an npm package in the bundle */
function partOfPackage(directory) {
  const { name, version, license } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
  const file = readdirSync(directory).find((each) => /^(license|copying)/i.test(each));
  if (file === undefined) throw new Error(`${name} is in the bundle, and its package has no license file`);
  const text = readFileSync(join(directory, file), "utf8").trim();
  return {
    name,
    version,
    license,
    copyright: { stanzas: [{ files: "*", copyright: "", license: `\n${text}` }], texts: new Map() },
  };
}

/**
 * Returns the texts of both files.
 * @param {readonly { architecture: string, path: string }[]} executables
 * @param {readonly string[]} packages directories of the npm packages in them
 */
export function noticesOf(executables, packages) {
  /** The parts of all executables by name and version, with the architectures that contain each. @type {Map<string, Part & { architectures: Set<string> }>} */
  const parts = new Map();
  for (const { architecture, path } of executables) {
    for (const part of [...linkedFiles(path).map(partOfFile), ...packages.map(partOfPackage)]) {
      const key = `${part.name} ${part.version}`;
      if (!parts.has(key)) parts.set(key, { ...part, architectures: new Set() });
      parts.get(key).architectures.add(architecture);
    }
  }
  const sorted = [...parts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, part]) => part);
  // If a part is in all executables, the architectures need no mention.
  const titles = new Map(
    sorted.map((part) => {
      const { name, version, architectures } = part;
      const where =
        architectures.size === executables.length ? "" : ` (${[...architectures].sort().join(", ")})`;
      return [part, `${name} ${version}`.trim() + where];
    }),
  );
  return { notice: noticeOf(titles), thirdParty: thirdPartyOf(titles) };
}

function noticeOf(titles) {
  return `ib-sriov
Copyright the authors of ib-sriov

Licensed under the Apache License, Version 2.0: http://www.apache.org/licenses/LICENSE-2.0

The executables contain parts of the following software. Their licenses are in THIRD_PARTY_NOTICES.

${[...titles].map(([{ license }, title]) => `  ${title}: ${license}\n`).join("")}`;
}

const heading = (text, line) => `${text}\n${line.repeat(text.length)}\n`;

function thirdPartyOf(titles) {
  const sections = [];
  /** Licenses with the same words, which are in the file only once: the parts that name it, and its text. */
  const shared = new Map();
  for (const [{ name, copyright }, title] of titles) {
    const stanzas = copyright.stanzas.map(({ files, copyright: holders, license }) => {
      const [short, ...text] = license.split("\n");
      const fields = [
        files !== "*" &&
          `Files: ${files
            .split(/\s+/)
            .join(", ")
            .replaceAll(/(.{60}\S*) /g, "$1\n       ")}`,
        holders !== "" && `Copyright: ${holders.split("\n").join("\n           ")}`,
        short !== "" && `License: ${short}`,
      ];
      return [...fields.filter(Boolean), ...text].join("\n");
    });
    sections.push(`${heading(title, "=")}\n${stanzas.join("\n\n")}\n`);
    const used = new Set(copyright.stanzas.map(({ license }) => license));
    for (const [short, text] of copyright.texts) {
      if (!used.has(short)) continue;
      const words = `${short} ${text.replaceAll(/\s+/g, " ")}`;
      const known = shared.get(words) ?? { short, text, names: [] };
      known.names.push(name);
      shared.set(words, known);
    }
  }
  const texts = [...shared.values()].map(
    ({ short, text, names }) =>
      `${heading(`License ${short} of ${[...new Set(names)].join(" and ")}`, "=")}\n${text}\n`,
  );
  return `\n${[...sections, ...texts].join("\n\n")}`.trimStart();
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [out, ...named] = process.argv.slice(2);
  const executables = executablesOf(named);
  const { notice, thirdParty } = noticesOf(executables, packagesOf(dirname(executables[0].path)));
  writeFileSync(join(out, "NOTICE"), notice);
  writeFileSync(join(out, "THIRD_PARTY_NOTICES"), thirdParty);
}
