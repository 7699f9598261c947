// The container image of `make image`, and of `make release`, which make the same one.
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { beforeAll, expect, type TestContext, test } from "vitest";
import { readArchive } from "../../../scripts/release/oci-archive.mjs";
import { patience } from "../../support/patience.ts";
import { freshPath } from "../harness.ts";
import { directories, elsewhere, env, here, make, succeeded, temporary } from "./builds.ts";
import { machines, native } from "./machines.ts";

const isRoot = process.getuid?.() === 0;

/** Skips a test if buildah does not work, with the reason. */
export function requireImages(context: TestContext): void {
  const reason = "images are tested as root only";
  if (isRoot) return;
  console.warn(`${context.task.name}: not run: ${reason}`);
  context.skip(reason);
}

/** Makes the release of both builds, and defines the tests of its image. */
export function testImage(): void {
  const archive = (directory: string) => `${directory}/build/ib-sriov.tar`;
  beforeAll(() => {
    const settings = ["IMAGE=registry.example/fabric/ib-sriov", "SOURCE_URL=https://forge.example/ib-sriov"];
    for (const directory of isRoot ? directories : []) succeeded(make(directory, "release", ...settings));
    // buildah leaves nothing.
    expect(readdirSync(temporary)).toEqual([]);
    expect(readdirSync(`${here}/build`).filter((name) => name.includes("work"))).toEqual([]);
  }, 120_000);

  test("makes the same image and SBOM twice, with valid checksums", (context) => {
    requireImages(context);
    for (const directory of directories) {
      const check = spawnSync("sha256sum", ["--check", "SHA256SUMS"], {
        cwd: `${directory}/build`,
        encoding: "utf8",
      });
      const files = succeeded(check).trim().split("\n").sort();
      const executables = machines.map(({ build }) => `${build}/ib-sriov: OK`.slice("build/".length));
      expect(files).toEqual([...executables, "ib-sriov.cdx.json: OK", "ib-sriov.tar: OK"].sort());
    }
    const [first, second] = directories.map((directory) =>
      readFileSync(`${directory}/build/SHA256SUMS`, "utf8"),
    );
    expect(second).toBe(first);
    expect(readFileSync(archive(here)).equals(readFileSync(archive(elsewhere)))).toBe(true);
  });

  /** The parts of the image for an architecture: the root file system, the configuration, and its index entry. */
  function unpack(architecture: string) {
    const image = freshPath("image");
    const root = freshPath("root");
    mkdirSync(image);
    mkdirSync(root);
    succeeded(spawnSync("tar", ["xf", archive(here), "-C", image], { encoding: "utf8" }));
    const blob = (digest: string) => `${image}/blobs/${digest.replace(":", "/")}`;
    const json = (path: string) => JSON.parse(readFileSync(path, "utf8"));
    const { manifests } = json(blob(json(`${image}/index.json`).manifests[0].digest));
    const platforms = manifests.map(({ platform }: { platform: object }) => platform);
    const entry = manifests.find(
      ({ platform }: { platform: { architecture: string } }) => platform.architecture === architecture,
    );
    const manifest = json(blob(entry.digest));
    for (const { digest } of manifest.layers)
      succeeded(spawnSync("tar", ["xf", blob(digest), "-C", root], { encoding: "utf8" }));
    return { root, platforms, configuration: json(blob(manifest.config.digest)) };
  }

  test.for(machines)(
    "has one executable for $architecture, under the name of the Go plugin's installer",
    ({ architecture, build }, context) => {
      requireImages(context);
      const { root, platforms, configuration } = unpack(architecture);
      expect(platforms).toEqual(
        ["amd64", "arm64", "ppc64le"].map((each) => ({ architecture: each, os: "linux" })),
      );
      expect(readdirSync(root, { recursive: true }).sort()).toEqual([
        "licenses",
        "licenses/LICENSE",
        "licenses/NOTICE",
        "licenses/THIRD_PARTY_NOTICES",
        "usr",
        "usr/bin",
        "usr/bin/ib-sriov",
        "usr/bin/thin_entrypoint",
      ]);
      const executable = readFileSync(`${root}/usr/bin/ib-sriov`);
      expect(executable.equals(readFileSync(`${here}/${build}/ib-sriov`))).toBe(true);
      expect(configuration).toMatchObject({
        architecture,
        os: "linux",
        created: "2023-11-14T22:13:20Z",
        config: {
          Entrypoint: ["/usr/bin/thin_entrypoint"],
          Labels: { "org.opencontainers.image.source": "https://forge.example/ib-sriov" },
        },
      });
      expect(configuration.config.Cmd).toBeUndefined();
    },
  );

  test("without SOURCE_URL it has no label for the sources", (context) => {
    requireImages(context);
    const directory = freshPath("without-source");
    mkdirSync(directory);
    for (const name of ["NOTICE", "THIRD_PARTY_NOTICES"]) writeFileSync(`${directory}/${name}`, name);
    const words = [`${directory}/image.tar`, `${here}/build/include/build.h`, `amd64=${directory}/NOTICE`];
    succeeded(spawnSync("scripts/image", words, { cwd: here, env, encoding: "utf8" }));
    const [image] = readArchive(`${directory}/image.tar`).images;
    const labels = Object.keys(image?.config.config.Labels ?? {});
    expect(labels).toContain("org.opencontainers.image.version");
    expect(labels).not.toContain("org.opencontainers.image.source");
  });

  test("started as a container's first process it installs itself, and ends at once on SIGTERM", async (context) => {
    requireImages(context);
    const { root, configuration } = unpack(native.architecture);
    mkdirSync(`${root}/proc`);
    mkdirSync(`${root}/host/opt/cni/bin`, { recursive: true });
    const namespaces = ["--fork", "--pid", "--mount", "--kill-child", `--mount-proc=${root}/proc`];
    const child = spawn("unshare", [...namespaces, "chroot", root, ...configuration.config.Entrypoint], {
      env: { PATH: process.env.PATH },
    });
    context.onTestFinished(() => void child.kill("SIGKILL"));
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (text) => {
        output += text;
      });
    const ended = new Promise((done) => child.once("close", (...how) => done(how)));
    await expect.poll(() => output, { timeout: patience }).toContain("it runs");
    const installed = readFileSync(`${root}/host/opt/cni/bin/ib-sriov`);
    expect(installed.equals(readFileSync(`${here}/build/ib-sriov`))).toBe(true);
    const first = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim();
    process.kill(Number(first), "SIGTERM");
    expect(await ended).toEqual([0, null]);
    expect(output).toContain("SIGTERM received, ending");
  });
}
