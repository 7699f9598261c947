/** The releases: built twice, installed, and as an image that is started. */
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { cpSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { sbomOf } from "../../../scripts/sbom.mjs";
import { freshPath } from "../harness.ts";
import { buildTwice, directories, env, here, make, sibling, succeeded } from "./builds.ts";
import { requireImages, testImage } from "./container-image.ts";
import { machines } from "./machines.ts";
import { testRelease } from "./release.ts";

beforeAll(buildTwice, 600_000);

/** Calls `make install` under an umask that forbids others to read. */
function install(...args: string[]): SpawnSyncReturns<string> {
  const command = 'umask 077 && exec make --no-print-directory install "$@"';
  return spawnSync("sh", ["-c", command, "sh", ...args], { cwd: here, env, encoding: "utf8" });
}

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
  testImage();
  testRelease(directories, requireImages);
});
