// The files of `make release`, and that `make verify-release` finds each kind of tampering.
import { spawnSync } from "node:child_process";
import { cpSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { expect, type TestContext, test } from "vitest";
import { checksumsOf, filesBelow } from "../../../scripts/release/layout.mjs";
import { readArchive } from "../../../scripts/release/oci-archive.mjs";
import { verify } from "../../../scripts/release/verify.mjs";
import { overlays } from "../../support/manifests.ts";
import { freshPath } from "../harness.ts";
import { machines } from "./machines.ts";

const executables = machines.map(({ architecture }) => `ib-sriov-linux-${architecture}`);
const licenses = ["LICENSE", "NOTICE", "THIRD_PARTY_NOTICES"];
const manifests = overlays.map((name) => `manifests/${name}.yaml`);
const all = [
  ...executables,
  ...licenses,
  ...manifests,
  "SHA256SUMS",
  "ib-sriov-image.tar",
  "ib-sriov.cdx.json",
];

/** Changes one byte of a file. */
function flip(path: string, at = Math.floor(statSync(path).size / 2)): void {
  const content = readFileSync(path);
  content[at] = (content[at] ?? 0) ^ 1;
  writeFileSync(path, content);
}

/** Replaces the first occurrence of a text in a file by a text of the same length. */
function replace(path: string, text: string, other: string): void {
  const content = readFileSync(path);
  const at = content.indexOf(text);
  expect([at >= 0, other.length]).toEqual([true, text.length]);
  content.write(other, at);
  writeFileSync(path, content);
}

/** Makes the checksums valid for changed files, as an attacker would. */
function repairChecksums(release: string): void {
  writeFileSync(`${release}/SHA256SUMS`, checksumsOf(release));
}

/** A tampering that no checksum shows. */
interface Tampering {
  readonly title: string;
  readonly change: (release: string) => void;
  /** The only problems. */
  readonly problems: readonly string[];
}

const [amd64 = "", arm64 = "", ppc64le = ""] = executables;

const tamperings: readonly Tampering[] = [
  {
    title: "a changed byte in an executable",
    change: (release) => flip(`${release}/${arm64}`),
    problems: [
      `${arm64}: does not have the checksum in ib-sriov.cdx.json`,
      `ib-sriov-image.tar: contains another usr/bin/ib-sriov than ${arm64} for arm64`,
    ],
  },
  {
    title: "the executable of another machine",
    change: (release) => cpSync(`${release}/${arm64}`, `${release}/${ppc64le}`),
    problems: [
      `${ppc64le}: is not an executable for ppc64le`,
      `${ppc64le}: does not have the checksum in ib-sriov.cdx.json`,
      `ib-sriov-image.tar: contains another usr/bin/ib-sriov than ${ppc64le} for ppc64le`,
    ],
  },
  {
    title: "another version in the SBOM",
    change: (release) => replace(`${release}/ib-sriov.cdx.json`, '"version": "0.1.0"', '"version": "0.1.7"'),
    problems: [
      ...executables.map((name) => `${name}: is not of version 0.1.7, which ib-sriov.cdx.json names`),
      ...machines.map(
        ({ architecture }) => `ib-sriov-image.tar: is not of version 0.1.7 for ${architecture}`,
      ),
    ],
  },
  {
    title: "another commit in the SBOM",
    change: (release) => replace(`${release}/ib-sriov.cdx.json`, '"value": "unknown"', '"value": "another"'),
    problems: [
      ...executables.map((name) => `${name}: is not of commit another, which ib-sriov.cdx.json names`),
      ...machines.map(
        ({ architecture }) => `ib-sriov-image.tar: is not of commit another for ${architecture}`,
      ),
    ],
  },
  {
    title: "another digest in a manifest",
    change: (release) => {
      const path = `${release}/manifests/rhel.yaml`;
      writeFileSync(path, readFileSync(path, "utf8").replace(/@sha256:.{4}/, "@sha256:0000"));
    },
    problems: [
      expect.stringMatching(/^manifests\/rhel\.yaml: names another image than ib-sriov-image\.tar: \S+$/),
    ],
  },
  {
    title: "a tag in a manifest",
    change: (release) => {
      const path = `${release}/manifests/base.yaml`;
      writeFileSync(path, readFileSync(path, "utf8").replace(/@sha256:.*/, ":0.1.0"));
    },
    problems: [
      "manifests/base.yaml: names another image than ib-sriov-image.tar: registry.example/fabric/ib-sriov:0.1.0",
    ],
  },
  {
    title: "a manifest without an image",
    change: (release) => writeFileSync(`${release}/manifests/k3s.yaml`, "kind: List\n"),
    problems: ["manifests/k3s.yaml: names no image"],
  },
  ...["LICENSE", "THIRD_PARTY_NOTICES"].map((name) => ({
    title: `a changed byte in ${name}`,
    change: (release: string) => flip(`${release}/${name}`),
    problems: machines.map(
      ({ architecture }) =>
        `ib-sriov-image.tar: contains another licenses/${name} than ${name} for ${architecture}`,
    ),
  })),
  {
    title: "a part that NOTICE does not name",
    change: (release) => replace(`${release}/NOTICE`, "  quickjs ", "  another "),
    problems: [
      ...machines.map(
        ({ architecture }) =>
          `ib-sriov-image.tar: contains another licenses/NOTICE than NOTICE for ${architecture}`,
      ),
      expect.stringMatching(/^NOTICE: does not name quickjs \S+, which ib-sriov\.cdx\.json lists$/),
    ],
  },
  {
    title: "a file that is missing",
    change: (release) => rmSync(`${release}/${amd64}`),
    problems: [`${amd64}: is missing`],
  },
];

/** Each part of the image: a changed byte in it is found. */
const imageParts: readonly [title: string, text: string][] = [
  ["the index", '"vnd.oci.image.index'.slice(1)],
  ["a manifest", "vnd.oci.image.layer"],
  ["a configuration", '"org.opencontainers.image.title"'],
  ["a layer", "\x1f\x8b"],
];

/** Defines the tests of a release that is made in two directories, "build/release" of each. */
export function testRelease(
  directories: readonly string[],
  requireImages: (context: TestContext) => void,
): void {
  const releases = directories.map((directory) => `${directory}/build/release`);
  const [first = "", second = ""] = releases;

  /** Returns a copy of the release, for tampering. */
  function copied(context: TestContext): string {
    const copy = freshPath("release");
    cpSync(first, copy, { recursive: true });
    context.onTestFinished(() => rmSync(copy, { recursive: true }));
    return copy;
  }

  test("make release makes the same files twice", (context) => {
    requireImages(context);
    expect(filesBelow(first)).toEqual([...all].sort());
    const sums = readFileSync(`${first}/SHA256SUMS`, "utf8");
    expect(readFileSync(`${second}/SHA256SUMS`, "utf8")).toBe(sums);
    const { status, stdout } = spawnSync("sha256sum", ["--check", "SHA256SUMS"], {
      cwd: first,
      encoding: "utf8",
    });
    expect(status).toBe(0);
    expect(stdout.match(/: OK$/gm)).toHaveLength(all.length - 1);
    for (const name of all)
      expect(statSync(`${first}/${name}`).mode & 0o777, name).toBe(
        executables.includes(name) ? 0o755 : 0o644,
      );
  });

  test("the manifests name the image by its digest, and nothing else differs from deploy/rendered", (context) => {
    requireImages(context);
    const { digest } = readArchive(`${first}/ib-sriov-image.tar`);
    for (const name of overlays) {
      const rest = (text: string) => text.split("\n").slice(1).join("\n");
      const rendered = readFileSync(`deploy/rendered/${name}.yaml`, "utf8");
      const expected = rendered.replace(
        "image: ib-sriov:0.1.0",
        `image: registry.example/fabric/ib-sriov@${digest}`,
      );
      expect(expected).not.toBe(rendered);
      expect(rest(readFileSync(`${first}/manifests/${name}.yaml`, "utf8"))).toBe(rest(expected));
    }
  });

  test("make release without IMAGE is refused in one line, before anything is built", (context) => {
    requireImages(context);
    const words = ["--no-print-directory", "release", "IMAGE="];
    const { status, stdout, stderr } = spawnSync("make", words, { cwd: directories[0], encoding: "utf8" });
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr.split("\n")[0]).toMatch(
      /^make release: set IMAGE to the name of the image in its registry/,
    );
  });

  test("make verify-release accepts it, also with a signature of the checksums", (context) => {
    requireImages(context);
    const copy = copied(context);
    writeFileSync(`${copy}/SHA256SUMS.sigstore.json`, "{}");
    const words = ["--no-print-directory", "verify-release", `DIR=${copy}`];
    const { digest } = readArchive(`${first}/ib-sriov-image.tar`);
    expect(spawnSync("make", words, { encoding: "utf8" })).toMatchObject({
      status: 0,
      stdout: `${copy}: ib-sriov 0.1.0 (commit unknown), image ${digest}: no problem\n`,
      stderr: "",
    });
    flip(`${copy}/NOTICE`);
    const { status, stdout, stderr } = spawnSync("make", words, { encoding: "utf8" });
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr.split("\n")[0]).toBe(`${copy}/NOTICE: does not have the checksum in SHA256SUMS`);
  });

  const oneOfEachKind = [
    arm64,
    "ib-sriov-image.tar",
    "ib-sriov.cdx.json",
    "manifests/agent.yaml",
    "SHA256SUMS",
    ...licenses,
  ];
  test.for(oneOfEachKind)("a changed byte in %s is found", (name, context) => {
    requireImages(context);
    const copy = copied(context);
    flip(`${copy}/${name}`);
    const { problems } = verify(copy);
    if (name === "SHA256SUMS") expect(problems).not.toEqual([]);
    else expect(problems).toContain(`${name}: does not have the checksum in SHA256SUMS`);
  });

  test.for(tamperings)("$title is found, with valid checksums", ({ change, problems }, context) => {
    requireImages(context);
    const copy = copied(context);
    change(copy);
    repairChecksums(copy);
    expect(verify(copy).problems).toEqual(problems);
  });

  test.for(imageParts)(
    "a changed byte in %s of the image is found, with valid checksums",
    ([, text], context) => {
      requireImages(context);
      const copy = copied(context);
      const image = `${copy}/ib-sriov-image.tar`;
      flip(image, readFileSync(image, "latin1").indexOf(text));
      repairChecksums(copy);
      expect(verify(copy).problems).toContainEqual(
        expect.stringMatching(/^ib-sriov-image\.tar: has another content in sha256:/),
      );
    },
  );

  test("a file that is not in the checksums is found, and a directory that does not exist", (context) => {
    requireImages(context);
    const copy = copied(context);
    writeFileSync(`${copy}/manifests/extra.yaml`, readFileSync(`${copy}/manifests/base.yaml`));
    expect(verify(copy).problems).toEqual(["manifests/extra.yaml: is not in SHA256SUMS"]);
    expect(verify(`${copy}/nothing`).problems).toEqual([".: is not a directory"]);
  });
}
