/** The releases: built twice, installed, and as an image that is started. */
import { type SpawnSyncReturns, spawn, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, resolve } from "node:path";
import { beforeAll, describe, expect, type TestContext, test } from "vitest";
import { readArchive } from "../../scripts/release/oci-archive.mjs";
import { sbomOf } from "../../scripts/sbom.mjs";
import { patience } from "../support/patience.ts";
import { freshPath } from "./harness.ts";
import { machines, native } from "./machines.ts";
import { testRelease } from "./release.ts";

/**
 * Two directories with these sources, without a commit: the date is that of SOURCE_DATE_EPOCH. The path of the second has
 * spaces and characters that are special in shells and in make.
 */
const parent = freshPath("elsewhere");
const directories = [freshPath("sources"), `${parent}/the same; $sources: it's 100%#2 (*)`] as const;
const [here, elsewhere] = directories;
/** A command that splits the path at its spaces would remove this file. */
const sibling = `${parent}/the/file`;
/** The directory of temporary files of the builds. */
const temporary = freshPath("tmp");
const env = {
  ...process.env,
  SOURCE_DATE_EPOCH: "1700000000",
  MAKEFLAGS: "",
  MAKELEVEL: "0",
  TMPDIR: temporary,
};

function make(directory: string, ...args: string[]): SpawnSyncReturns<string> {
  return spawnSync("make", ["--no-print-directory", ...args], { cwd: directory, env, encoding: "utf8" });
}

/** Calls `make install` under an umask that forbids others to read. */
function install(...args: string[]): SpawnSyncReturns<string> {
  const command = 'umask 077 && exec make --no-print-directory install "$@"';
  return spawnSync("sh", ["-c", command, "sh", ...args], { cwd: here, env, encoding: "utf8" });
}

function succeeded({ status, stdout, stderr: all }: SpawnSyncReturns<string>): string {
  // The build fetches missing files, and reports that.
  const stderr = all.replaceAll(/^\[with\] .*\n/gm, "");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout;
}

beforeAll(() => {
  mkdirSync(temporary);
  mkdirSync(dirname(sibling), { recursive: true });
  writeFileSync(sibling, "");
  for (const directory of directories) {
    mkdirSync(directory);
    const omitted = ["build", "node_modules", ".git"].map((name) => `--exclude=./${name}`).join(" ");
    const copy = `tar cf - ${omitted} . | tar xf - -C "$1"`;
    succeeded(spawnSync("sh", ["-c", copy, "sh", directory], { encoding: "utf8" }));
    symlinkSync(resolve("node_modules"), `${directory}/node_modules`);
    succeeded(make(directory, "-j2", "build", "cross"));
  }
}, 600_000);

test.each(machines)(
  "two builds for $architecture in two directories are the same bit for bit",
  ({ build, run }) => {
    const [first, second] = directories.map((directory) => readFileSync(`${directory}/${build}/ib-sriov`));
    expect(first?.length).toBeGreaterThan(1e6);
    expect(second?.equals(first as Buffer)).toBe(true);
    const [program = "", ...rest] = [...run, `${here}/${build}/ib-sriov`, "--version"];
    expect(spawnSync(program, rest, { encoding: "utf8" }).stdout).toContain("2023-11-14T22:13:20Z");
  },
);

const units = ["ib-sriov-gc.service", "ib-sriov-gc.timer", "ib-sriov-provision.service"];

test("systemd accepts the units", () => {
  const root = freshPath("units");
  succeeded(install(`DESTDIR=${root}`));
  const paths = units.map((unit) => `${root}/usr/local/lib/systemd/system/${unit}`);
  // It also looks for the dependencies of a unit.
  cpSync("/usr/lib/systemd/system", `${root}/usr/lib/systemd/system`, {
    recursive: true,
    verbatimSymlinks: true,
  });
  // The order of the SR-IOV Network Operator's units in its systemd mode, and of kubelet: a unit that must start both
  // before and after another is an error.
  const operator = [
    [
      "sriov-config",
      "DefaultDependencies=no\nAfter=network-pre.target\nBefore=network.target systemd-networkd.service",
    ],
    [
      "sriov-config-post-network",
      "After=systemd-networkd-wait-online.service NetworkManager-wait-online.service\nBefore=kubelet.service",
    ],
    ["kubelet", "Wants=network-online.target\nAfter=network-online.target"],
  ].map(([name, order]) => {
    const path = `${root}/usr/local/lib/systemd/system/${name}.service`;
    writeFileSync(path, `[Unit]\n${order}\n[Service]\nType=oneshot\nExecStart=/opt/cni/bin/ib-sriov gc\n`);
    return path;
  });
  const provisioning = readFileSync(
    `${root}/usr/local/lib/systemd/system/ib-sriov-provision.service`,
    "utf8",
  );
  expect(provisioning).toMatch(/^After=.* sriov-config\.service sriov-config-post-network\.service$/m);
  const verify = (files: string[]) =>
    spawnSync("systemd-analyze", ["verify", "--man=no", `--root=${root}`, ...files], { encoding: "utf8" });
  succeeded(verify([...paths, ...operator]));
  // This shows that it would report an error.
  const [path = ""] = paths;
  writeFileSync(path, readFileSync(path, "utf8").replace("ExecStart=/opt", "ExecStrat=/opt"));
  expect(verify([path]).stderr).toMatch(/ExecStrat/);
});

test("make install installs man pages without faults, and completion scripts", () => {
  const root = freshPath("share");
  succeeded(install(`DESTDIR=${root}`));
  const share = `${root}/usr/local/share`;
  const pages = readdirSync(`${share}/man/man8`);
  expect(pages).toEqual(
    expect.arrayContaining(["ib-sriov.8", "ib-sriov-list.8", "ib-sriov-attachments-show.8"]),
  );
  const lint = (files: readonly string[]) =>
    spawnSync("scripts/with", ["mandoc", "mandoc", "-T", "lint", "-W", "warning", ...files], {
      cwd: here,
      encoding: "utf8",
    });
  expect(lint(pages.map((page) => `${share}/man/man8/${page}`)).stdout).toBe("");
  // This shows that it would report a fault.
  writeFileSync(`${share}/wrong.8`, ".SH NAME\n.XX\n");
  expect(lint([`${share}/wrong.8`]).stdout).toMatch(/unknown macro|missing/);
  for (const script of [
    "bash-completion/completions/ib-sriov",
    "zsh/site-functions/_ib-sriov",
    "fish/vendor_completions.d/ib-sriov.fish",
  ])
    expect(readFileSync(`${share}/${script}`, "utf8")).toContain("attachments");
});

test("a build in a path with spaces leaves other directories alone", () => {
  expect(existsSync(sibling)).toBe(true);
});

test("make install copies the executable below DESTDIR, also over an existing file, with modes for all users", () => {
  const root = freshPath("a root");
  for (const [setting, directory] of [
    [[], "/opt/cni/bin"],
    [[], "/opt/cni/bin"],
    [["CNI_BIN_DIR=/usr/libexec/cni"], "/usr/libexec/cni"],
  ] as const) {
    succeeded(install(`DESTDIR=${root}`, ...setting));
    const copy = `${root}${directory}/ib-sriov`;
    expect(readFileSync(copy).equals(readFileSync(`${here}/build/ib-sriov`))).toBe(true);
    for (const unit of units) {
      const text = readFileSync(`${root}/usr/local/lib/systemd/system/${unit}`, "utf8");
      expect(text).not.toContain("@");
      if (unit.endsWith(".service")) expect(text).toContain(`ExecStart=${directory}/ib-sriov`);
    }
    expect(readdirSync(`${root}${directory}`)).toEqual(["ib-sriov"]);
  }
  expect(readdirSync(root).sort()).toEqual(["opt", "usr"]);
  for (const path of readdirSync(root, { recursive: true, encoding: "utf8" })) {
    const { mode } = statSync(`${root}/${path}`);
    const isExecutable = /cni\/(?:bin\/)?ib-sriov$/.test(path) || statSync(`${root}/${path}`).isDirectory();
    expect([path, (mode & 0o7777).toString(8)]).toEqual([path, isExecutable ? "755" : "644"]);
  }
});

test("make install builds nothing: it copies what was built before a change, and otherwise refuses", () => {
  const before = readFileSync(`${here}/build/ib-sriov`);
  const source = `${here}/src/main.ts`;
  const text = readFileSync(source, "utf8");
  writeFileSync(source, "not TypeScript");
  const root = freshPath("root");
  const { stdout } = spawnSync("make", ["install", `DESTDIR=${root}`], {
    cwd: here,
    env: { ...env, SOURCE_DATE_EPOCH: "1800000000" },
    encoding: "utf8",
  });
  writeFileSync(source, text);
  expect(stdout).toBe(`ib-sriov is installed in ${root}/opt/cni/bin\n`);
  expect(readFileSync(`${root}/opt/cni/bin/ib-sriov`).equals(before)).toBe(true);
  const refused = make(here, "install", `DESTDIR=${root}`, "B=build/nothing");
  expect(refused.status).not.toBe(0);
  expect(refused.stderr.split("\n")[0]).toBe(
    "install build/nothing/ib-sriov: it is not built; run 'make' first",
  );
  expect(existsSync(`${here}/build/nothing`)).toBe(false);
});

test("make versions prints what the SBOM lists", () => {
  const printed = Array.from(
    succeeded(make(here, "versions")).matchAll(/^ {2}(?!compiler)(\S+) +(\S+)$/gm),
    ([, name, version]) => `${name} ${version}`,
  );
  const executables = machines.map(({ architecture, build }) => ({
    architecture,
    path: `${here}/${build}/ib-sriov`,
  }));
  const build = { VERSION: "0.0.0", COMMIT: "unknown", DATE: "unknown" };
  const { components, metadata } = JSON.parse(sbomOf(build, executables, []));
  // The compilers have another name there.
  const linked = components.filter(({ scope }: { scope?: string }) => scope !== "excluded");
  const listed = linked.map(({ name, version }: { name: string; version: string }) => `${name} ${version}`);
  expect(printed.length).toBe(9);
  expect([...new Set(printed)].sort()).toEqual(listed.sort());
  expect(metadata.timestamp).toBeUndefined();
});

describe("make image and make release", () => {
  const archive = (directory: string) => `${directory}/build/ib-sriov.tar`;
  const isRoot = process.getuid?.() === 0;

  /** Skips a test if buildah does not work, with the reason. */
  function requireImages(context: TestContext): void {
    const reason = "images are tested as root only";
    if (isRoot) return;
    console.warn(`${context.task.name}: not run: ${reason}`);
    context.skip(reason);
  }

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

  testRelease(directories, requireImages);

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
});
