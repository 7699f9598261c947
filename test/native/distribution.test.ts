/** What is handed out: built twice, installed, and as an image that is started. */
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
import { resolve } from "node:path";
import { beforeAll, describe, expect, type TestContext, test } from "vitest";
import { freshPath } from "./harness.ts";

/** Two directories with these sources, and no commit: the date is that of SOURCE_DATE_EPOCH. */
const directories = [freshPath("sources"), freshPath("the-same-sources-elsewhere")] as const;
const [here, elsewhere] = directories;
const env = { ...process.env, SOURCE_DATE_EPOCH: "1700000000", MAKEFLAGS: "" };

function make(directory: string, ...args: string[]): SpawnSyncReturns<string> {
  return spawnSync("make", ["--no-print-directory", ...args], { cwd: directory, env, encoding: "utf8" });
}

function succeeded({ status, stdout, stderr }: SpawnSyncReturns<string>): string {
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout;
}

beforeAll(() => {
  for (const directory of directories) {
    mkdirSync(directory);
    const omitted = ["build", "node_modules", ".git"].map((name) => `--exclude=./${name}`).join(" ");
    succeeded(
      spawnSync("sh", ["-c", `tar cf - ${omitted} . | tar xf - -C ${directory}`], { encoding: "utf8" }),
    );
    symlinkSync(resolve("node_modules"), `${directory}/node_modules`);
    succeeded(make(directory, "build"));
  }
}, 600_000);

test("two builds in two directories are the same bit for bit", () => {
  const [first, second] = directories.map((directory) => readFileSync(`${directory}/build/ib-sriov`));
  expect(first?.length).toBeGreaterThan(1e6);
  expect(second?.equals(first as Buffer)).toBe(true);
  const { stdout } = spawnSync(`${here}/build/ib-sriov`, ["--version"], { encoding: "utf8" });
  expect(stdout).toContain("2023-11-14T22:13:20Z");
});

const units = ["ib-sriov-gc.service", "ib-sriov-gc.timer", "ib-sriov-provision.service"];

test("systemd finds nothing wrong with the units", () => {
  const root = freshPath("units");
  succeeded(make(here, "install", `DESTDIR=${root}`));
  const paths = units.map((unit) => `${root}/usr/local/lib/systemd/system/${unit}`);
  // It looks for what a unit depends on, too.
  cpSync("/usr/lib/systemd/system", `${root}/usr/lib/systemd/system`, {
    recursive: true,
    verbatimSymlinks: true,
  });
  const verify = (files: string[]) =>
    spawnSync("systemd-analyze", ["verify", "--man=no", `--root=${root}`, ...files], { encoding: "utf8" });
  succeeded(verify(paths));
  // It would find something.
  const [path = ""] = paths;
  writeFileSync(path, readFileSync(path, "utf8").replace("ExecStart=/opt", "ExecStrat=/opt"));
  expect(verify([path]).stderr).toMatch(/ExecStrat/);
});

test("make install copies it below DESTDIR, also over what is there", () => {
  const root = freshPath("root");
  for (const [setting, directory] of [
    [[], "/opt/cni/bin"],
    [[], "/opt/cni/bin"],
    [["CNI_BIN_DIR=/usr/libexec/cni"], "/usr/libexec/cni"],
  ] as const) {
    succeeded(make(here, "install", `DESTDIR=${root}`, ...setting));
    const copy = `${root}${directory}/ib-sriov`;
    expect(readFileSync(copy).equals(readFileSync(`${here}/build/ib-sriov`))).toBe(true);
    for (const unit of units) {
      expect(readFileSync(`${root}/usr/local/lib/systemd/system/${unit}`, "utf8")).not.toContain("@");
    }
    expect([statSync(copy).mode & 0o7777, readdirSync(`${root}${directory}`)]).toEqual([0o755, ["ib-sriov"]]);
  }
  expect(readdirSync(root).sort()).toEqual(["opt", "usr"]);
});

describe("make image", () => {
  /** Of OCI, for this machine. */
  const architecture = { x64: "amd64", arm64: "arm64", ppc64: "ppc64le" }[process.arch as string] ?? "";
  const archive = (directory: string) => `${directory}/build/ib-sriov-${architecture}.tar`;
  const reason = whyNoImage();

  /** Skips a test where there is no buildah that works, and says why. */
  function requireImages(context: TestContext): void {
    if (reason === "") return;
    console.warn(`${context.task.name}: not run: ${reason}`);
    context.skip(reason);
  }

  function whyNoImage(): string {
    if (process.getuid?.() !== 0) return "it is tested as root only";
    const { error } = spawnSync("buildah", ["--version"]);
    if (error !== undefined) return "buildah is not here: apt-get install buildah netavark";
    return existsSync("/usr/lib/podman/netavark") ? "" : "netavark is not here, which buildah wants";
  }

  test("makes the same image twice, with checksums that hold", (context) => {
    requireImages(context);
    for (const directory of directories) {
      succeeded(make(directory, "image"));
      const check = spawnSync("sha256sum", ["--check", "SHA256SUMS"], {
        cwd: `${directory}/build`,
        encoding: "utf8",
      });
      expect(succeeded(check)).toBe(`ib-sriov: OK\nib-sriov-${architecture}.tar: OK\n`);
    }
    expect(readFileSync(archive(here)).equals(readFileSync(archive(elsewhere)))).toBe(true);
  }, 120_000);

  /** Its root file system, and its configuration. */
  function unpack() {
    const image = freshPath("image");
    const root = freshPath("root");
    mkdirSync(image);
    mkdirSync(root);
    succeeded(spawnSync("tar", ["xf", archive(here), "-C", image], { encoding: "utf8" }));
    const blob = (digest: string) => `${image}/blobs/${digest.replace(":", "/")}`;
    const json = (path: string) => JSON.parse(readFileSync(path, "utf8"));
    const manifest = json(blob(json(`${image}/index.json`).manifests[0].digest));
    for (const { digest } of manifest.layers)
      succeeded(spawnSync("tar", ["xf", blob(digest), "-C", root], { encoding: "utf8" }));
    return { root, configuration: json(blob(manifest.config.digest)) };
  }

  test("has one executable in it, and the name of the reference's installer for it", (context) => {
    requireImages(context);
    succeeded(make(here, "image"));
    const { root, configuration } = unpack();
    expect(readdirSync(root, { recursive: true }).sort()).toEqual([
      "usr",
      "usr/bin",
      "usr/bin/ib-sriov",
      "usr/bin/thin_entrypoint",
    ]);
    expect(readFileSync(`${root}/usr/bin/ib-sriov`).equals(readFileSync(`${here}/build/ib-sriov`))).toBe(
      true,
    );
    expect(configuration).toMatchObject({
      architecture,
      os: "linux",
      created: "2023-11-14T22:13:20Z",
      config: { Entrypoint: ["/usr/bin/thin_entrypoint"] },
    });
    expect(configuration.config.Cmd).toBeUndefined();
  }, 120_000);

  test("started as a container's first process it installs itself, and ends at once on SIGTERM", async (context) => {
    requireImages(context);
    succeeded(make(here, "image"));
    const { root, configuration } = unpack();
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
    await expect.poll(() => output, { timeout: 20_000 }).toContain("it runs");
    const installed = readFileSync(`${root}/host/opt/cni/bin/ib-sriov`);
    expect(installed.equals(readFileSync(`${here}/build/ib-sriov`))).toBe(true);
    const first = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim();
    process.kill(Number(first), "SIGTERM");
    expect(await ended).toEqual([0, null]);
    expect(output).toContain("SIGTERM received, ending");
  }, 120_000);
});
