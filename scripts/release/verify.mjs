// Checks the files of a release, and prints one line for each problem. It executes none of them.
//   node scripts/release/verify.mjs DIRECTORY
// Signatures are not checked: docs/releasing.md.
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { CHECKSUMS, executableFor, filesBelow, IMAGE, LICENSES, MANIFESTS, SBOM } from "./layout.mjs";
import { readArchive, sha256 } from "./oci-archive.mjs";

/** e_machine of ELF files (elf.h), by OCI's names. */
const machines = { amd64: 62, arm64: 183, ppc64le: 21 };

/** The files of a release, and the problems that were found in them. */
class Release {
  /** Each with the name of its file. @type {Set<string>} */
  problems = new Set();

  constructor(directory) {
    this.directory = directory;
  }

  /** Adds a problem of a file unless a condition holds. */
  check(name, condition, problem) {
    if (!condition) this.problems.add(`${name}: ${problem}`);
  }

  /**
   * Returns the result of a function of a file's content. If the file is missing, or if the function throws, this is a
   * problem, and the result is `undefined`.
   */
  read(name, examine) {
    try {
      return examine(readFileSync(join(this.directory, name)));
    } catch (error) {
      this.check(name, false, error.code === "ENOENT" ? "is missing" : error.message);
      return undefined;
    }
  }

  /** Compares a file with the SHA-256 in another file. */
  checkSum(name, expected, source) {
    this.read(name, (content) =>
      this.check(name, sha256(content) === expected, `does not have the checksum in ${source}`),
    );
  }
}

/**
 * Checks a release.
 * @param {string} directory
 * @returns {{ problems: string[], summary: string }} `problems` begin with the name of a file in the directory.
 */
export function verify(directory) {
  const release = new Release(directory);
  const isDirectory = statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true;
  if (!isDirectory) return { problems: [".: is not a directory"], summary: "" };
  checkSums(release);
  const sbom = release.read(SBOM, readSbom) ?? { executables: [], parts: [] };
  for (const executable of sbom.executables) checkExecutable(release, sbom, executable);
  const archive = release.read(IMAGE, () => readArchive(join(directory, IMAGE)));
  if (archive !== undefined) checkImage(release, sbom, archive);
  checkManifests(release, archive?.digest);
  checkNotice(release, sbom);
  return {
    problems: [...release.problems],
    summary: `ib-sriov ${sbom.version} (commit ${sbom.commit}), image ${archive?.digest}`,
  };
}

function readSbom(content) {
  const { metadata, components } = JSON.parse(content);
  const { version, properties, components: executables } = metadata.component;
  return {
    version,
    commit: properties.find(({ name }) => name === "ib-sriov:commit").value,
    executables: executables.map(({ name, hashes }) => ({
      architecture: /\((\w+)\)$/.exec(name)[1],
      sum: hashes[0].content,
    })),
    // Compilers are not in the executables.
    parts: components.filter(({ scope }) => scope !== "excluded"),
  };
}

function checkSums(release) {
  const names = release.read(CHECKSUMS, (content) => {
    const lines = content.toString().split("\n").filter(Boolean);
    for (const line of lines) release.checkSum(line.slice(66), line.slice(0, 64), CHECKSUMS);
    return lines.map((line) => line.slice(66));
  });
  // A signature is made after the checksums.
  for (const name of filesBelow(release.directory).filter((each) => !each.startsWith(CHECKSUMS)))
    release.check(name, names === undefined || names.includes(name), `is not in ${CHECKSUMS}`);
}

function checkExecutable(release, { version, commit }, { architecture, sum }) {
  const name = executableFor(architecture);
  release.read(name, (content) => {
    release.check(
      name,
      content.readUInt16LE(18) === machines[architecture],
      `is not an executable for ${architecture}`,
    );
    const contains = (value) => content.includes(`\0${value}\0`);
    release.check(name, contains(version), `is not of version ${version}, which ${SBOM} names`);
    release.check(name, contains(commit), `is not of commit ${commit}, which ${SBOM} names`);
  });
  release.checkSum(name, sum, SBOM);
}

function checkImage(release, { version, commit, executables }, { images }) {
  const listed = (all) =>
    all
      .map(({ architecture }) => architecture)
      .sort()
      .join(", ");
  release.check(IMAGE, listed(images) === listed(executables), `is for ${listed(images)}`);
  for (const { architecture, config, files } of images) {
    const label = (name) => config.config.Labels?.[`org.opencontainers.image.${name}`];
    release.check(IMAGE, label("version") === version, `is not of version ${version} for ${architecture}`);
    release.check(IMAGE, label("revision") === commit, `is not of commit ${commit} for ${architecture}`);
    const copies = LICENSES.map((name) => [`licenses/${name}`, name]);
    for (const [path, name] of [["usr/bin/ib-sriov", executableFor(architecture)], ...copies]) {
      const isEqual = release.read(name, (content) => files.get(path)?.equals(content) === true);
      // A file that is missing is another problem.
      const problem = `contains another ${path} than ${name} for ${architecture}`;
      release.check(IMAGE, isEqual !== false, problem);
    }
  }
}

function checkManifests(release, digest) {
  const names = filesBelow(release.directory).filter((name) => name.startsWith(`${MANIFESTS}/`));
  release.check(MANIFESTS, names.length > 0, "contains no manifests");
  for (const name of names) {
    const images = release.read(name, (content) => content.toString().match(/(?<=\bimage: ).*/g)) ?? [];
    release.check(name, images.length > 0, "names no image");
    for (const image of images)
      release.check(name, image.endsWith(`@${digest}`), `names another image than ${IMAGE}: ${image}`);
  }
}

function checkNotice(release, { parts }) {
  const [, notice] = LICENSES;
  release.read(notice, (content) => {
    for (const { name, version } of parts)
      release.check(
        notice,
        content.includes(`  ${name} ${version}`),
        `does not name ${name} ${version}, which ${SBOM} lists`,
      );
  });
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [directory] = process.argv.slice(2);
  const { problems, summary } = verify(directory);
  for (const problem of problems) console.error(`${directory}/${problem}`);
  if (problems.length === 0) console.log(`${directory}: ${summary}: no problem`);
  else process.exitCode = 1;
}
