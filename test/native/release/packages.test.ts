/** The Debian and RPM packages of `make packages`: their content, and their life on a machine. */
import { spawnSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { gunzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import { buildOf } from "../../../scripts/build-results.mjs";
import { fileWith, freshPath } from "../harness.ts";
import { machines, native } from "./machines.ts";
import { filesIn, headerWith, packagesOf, rpm, rpmFields, run, staged, unpacked } from "./package-tools.ts";

const output = "build/packages";
const plugin = "opt/cni/bin/ib-sriov";
const names: Record<string, { readonly deb: string; readonly rpm: string }> = {
  amd64: { deb: "amd64", rpm: "x86_64" },
  arm64: { deb: "arm64", rpm: "aarch64" },
  ppc64le: { deb: "ppc64el", rpm: "ppc64le" },
};

let version = "";
beforeAll(() => {
  run("make", "--no-print-directory", "packages");
  ({ VERSION: version } = buildOf("build/include/build.h"));
}, 300_000);

/** The packages of `make packages` for an architecture. */
function made(architecture: string): { readonly deb: string; readonly rpm: string } {
  const { deb = "", rpm: other = "" } = names[architecture] ?? {};
  const find = (end: string) => readdirSync(output).find((name) => name.endsWith(end));
  return { deb: `${output}/${find(`_${deb}.deb`)}`, rpm: `${output}/${find(`-1.${other}.rpm`)}` };
}

test("make packages makes a Debian and an RPM package for each architecture, named after the version", () => {
  const text = run("dpkg-deb", "--field", made(native.architecture).deb, "Version").trim();
  expect(text.startsWith(version.split("-")[0] ?? "?")).toBe(true);
  const expected = Object.values(names).flatMap(({ deb, rpm: other }) => [
    `ib-sriov_${text}_${deb}.deb`,
    `ib-sriov-${text}-1.${other}.rpm`,
  ]);
  expect(readdirSync(output).sort()).toEqual([...expected, "SHA256SUMS"].sort());
  const checked = run("sh", "-c", `cd ${output} && sha256sum --check SHA256SUMS`);
  expect(checked.match(/: OK$/gm)).toHaveLength(expected.length);
});

test.each(machines)(
  "the packages for $architecture have its executable, and name it",
  ({ architecture, build }) => {
    const { deb, rpm: other } = made(architecture);
    const executable = readFileSync(`${build}/ib-sriov`);
    for (const file of [deb, other]) {
      const directory = unpacked(file);
      expect(readFileSync(`${directory}/${plugin}`).equals(executable)).toBe(true);
      expect(statSync(`${directory}/${plugin}`).mode & 0o7777).toBe(0o755);
    }
    const fields = ["Package", "Architecture", "Maintainer"].map((field) =>
      run("dpkg-deb", "--field", deb, field).trim(),
    );
    expect(fields).toEqual(["ib-sriov", names[architecture]?.deb, "The ib-sriov project"]);
    expect(rpmFields(other, "%{NAME} %{ARCH} %{PACKAGER}")).toBe(
      `ib-sriov ${names[architecture]?.rpm} The ib-sriov project`,
    );
    // A static executable depends on no package: RPM needs the shell for its scripts.
    expect(run("dpkg-deb", "--field", deb, "Depends").trim()).toBe("");
    const requires = rpmFields(other, "[%{REQUIRENAME}\\n]").split("\n");
    expect(new Set(requires.filter((name) => name !== "" && !name.startsWith("rpmlib(")))).toEqual(
      new Set(["/bin/sh"]),
    );
  },
);

test("the packages have the files of make install, and no others", () => {
  const root = freshPath("root");
  run("make", "--no-print-directory", "install", `DESTDIR=${root}`);
  const { deb, rpm: other } = made(native.architecture);
  const inRpm = (path: string) =>
    path
      .replace("usr/local/lib/systemd", "usr/lib/systemd")
      .replace("usr/local/share", "usr/share")
      .replace(/\.8$/, ".8.gz");
  const inDeb = (path: string) =>
    inRpm(path)
      .replace("zsh/site-functions", "zsh/vendor-completions")
      .replace(/\/LICENSE$/, "/copyright");
  const installed = filesIn(root).filter((path) => statSync(`${root}/${path}`).isFile());
  expect(installed).toEqual(
    expect.arrayContaining([plugin, "usr/local/share/doc/ib-sriov/docs/glossary.md"]),
  );
  for (const [file, nameOf] of [
    [deb, inDeb],
    [other, inRpm],
  ] as const) {
    const directory = unpacked(file);
    const files = filesIn(directory).filter((path) => statSync(`${directory}/${path}`).isFile());
    expect(files).toEqual(installed.map(nameOf).sort());
    for (const path of installed) {
      const content = readFileSync(`${directory}/${nameOf(path)}`);
      const plain = nameOf(path).endsWith(".gz") ? gunzipSync(content) : content;
      expect([path, plain.equals(readFileSync(`${root}/${path}`))]).toEqual([path, true]);
    }
  }
});

test("the same files give the same bytes, whatever the user's settings, the directory and the times of the files", () => {
  const { deb, rpm: other } = made(native.architecture);
  const root = freshPath("root");
  cpSync(staged, root, { recursive: true });
  const prefix = "umask 077 && TZ=Asia/Tokyo LANG=tr_TR.UTF-8";
  const again = packagesOf("build/ib-sriov", "build/include/build.h", { root, prefix });
  expect(readFileSync(again.deb).equals(readFileSync(deb))).toBe(true);
  expect(readFileSync(again.rpm).equals(readFileSync(other))).toBe(true);
});

test("the executable can be in the directory of a distribution's plugins", () => {
  const root = freshPath("root");
  const directories = [
    "CNI_BIN_DIR=/usr/libexec/cni",
    "UNIT_DIR=/usr/lib/systemd/system",
    "SHARE_DIR=/usr/share",
  ];
  run("make", "--no-print-directory", "install", `DESTDIR=${root}`, ...directories);
  const header = headerWith("1.0.0");
  const packages = packagesOf(fileWith("other"), header, { root, pluginDirectory: "/usr/libexec/cni" });
  for (const file of Object.values(packages)) {
    const directory = unpacked(file);
    expect(readFileSync(`${directory}/usr/libexec/cni/ib-sriov`, "utf8")).toBe("other");
    const unit = readFileSync(`${directory}/usr/lib/systemd/system/ib-sriov-gc.service`, "utf8");
    expect(unit).toContain("ExecStart=/usr/libexec/cni/ib-sriov gc");
    expect(readdirSync(directory)).toEqual(["usr"]);
  }
});

describe("versions", () => {
  /** From the oldest to the newest. */
  const versions = [
    ["0.1.0-rc.1-3-g0123456789ab", "0.1.0~rc.1+3.g0123456789ab"],
    ["0.1.0", "0.1.0"],
    ["0.1.0-5-g0123456789ab-dirty", "0.1.0+5.g0123456789ab+dirty"],
    ["0.1.0-10-g0123456789ab", "0.1.0+10.g0123456789ab"],
    ["0.1.1", "0.1.1"],
  ] as const;
  const small = fileWith("an executable");

  test("of the build become versions of packages, which sort in the same order", () => {
    const files = versions.map(([text]) => packagesOf(small, headerWith(text)));
    expect(files.map(({ deb }) => run("dpkg-deb", "--field", deb, "Version").trim())).toEqual(
      versions.map(([, expected]) => expected),
    );
    expect(files.map(({ rpm: file }) => rpmFields(file, "%{VERSION}"))).toEqual(
      versions.map(([, expected]) => expected),
    );
    // The date of the sources is the time of each file, also if the clock of this machine is behind.
    const [{ deb, rpm: other }] = files as [(typeof files)[0]];
    for (const line of run("dpkg-deb", "--contents", deb).trim().split("\n"))
      expect(line).toContain(" 2099-01-02 ");
    const times = rpmFields(other, "[%{FILEMTIMES}\\n]").trim().split("\n");
    expect(new Set(times)).toEqual(new Set([String(Date.parse("2099-01-02T03:04:05Z") / 1000)]));
    for (const [index, [, newer]] of versions.entries()) {
      const older = versions[index - 1]?.[1];
      if (older === undefined) continue;
      expect(spawnSync("dpkg", ["--compare-versions", older, "lt", newer]).status).toBe(0);
      expect(rpm("rpm", "--eval", `%{lua: print(rpm.vercmp("${older}", "${newer}"))}`).trim()).toBe("-1");
    }
  });

  test.each([
    ["0.1.0_beta", "2023-11-14T22:13:20Z", /version 0\.1\.0_beta has no form that packages can have/],
    ["0.1.0", "unknown", /the date of the sources is unknown; set SOURCE_DATE_EPOCH/],
  ])("of the build that packages cannot have are refused: %s of %s", (text, date, message) => {
    const header = fileWith(`#define IB_SRIOV_VERSION "${text}"\n#define IB_SRIOV_DATE "${date}"\n`);
    const directory = freshPath("packages");
    const { status, stderr } = spawnSync(
      "scripts/packages",
      [directory, staged, "/opt/cni/bin", header, `amd64=${small}`],
      {
        encoding: "utf8",
      },
    );
    expect(status).toBe(1);
    expect(stderr).toMatch(message);
  });
});

/** The files of other packages on the machine. A package manager removes a directory together with its last file. */
const others = [
  "dev/null",
  "opt/cni/bin/host-local",
  "usr/lib/systemd/system/other.service",
  "usr/share/doc/other/copyright",
  "usr/share/man/man8/other.8",
  "run/systemd/system/other.service",
  "var/lib/cni/ib-sriov/record",
  "var/tmp/other",
];

/** Makes the root directory of an installed system with a shell, other packages, and a systemctl that logs its arguments. */
function machine(): string {
  const root = freshPath("machine");
  for (const path of others) {
    mkdirSync(dirname(`${root}/${path}`), { recursive: true });
    writeFileSync(`${root}/${path}`, "");
  }
  mkdirSync(`${root}/bin`);
  copyFileSync(
    run("scripts/with", "busybox-static", "sh", "-c", "command -v busybox").trim(),
    `${root}/bin/sh`,
  );
  writeFileSync(`${root}/bin/systemctl`, '#!/bin/sh\necho "$*" >>/systemctl.log\n', { mode: 0o755 });
  writeFileSync(`${root}/systemctl.log`, "");
  for (const path of ["info", "updates"]) mkdirSync(`${root}/var/lib/dpkg/${path}`, { recursive: true });
  for (const path of ["status", "available"]) writeFileSync(`${root}/var/lib/dpkg/${path}`, "");
  mkdirSync(`${root}/var/lib/rpm`);
  return root;
}

const managers = [
  {
    name: "dpkg",
    format: "deb",
    change: (root: string, action: "install" | "remove", what: string) =>
      run("dpkg", `--root=${root}`, "--log=/dev/null", `--${action}`, what),
  },
  {
    name: "rpm",
    format: "rpm",
    // --nodeps: no package owns the shell of this root.
    change: (root: string, action: "install" | "remove", what: string) =>
      rpm("rpm", `--root=${root}`, "--nodeps", action === "install" ? "-U" : "-e", what),
  },
] as const;

test.for(managers)(
  "installed with $name, the executable runs; removed, it leaves nothing",
  ({ format, change }, context) => {
    if (process.getuid?.() !== 0) {
      console.warn(`${context.task.name}: not run: chroot needs root`);
      context.skip("chroot needs root");
    }
    const root = machine();
    const files = () => filesIn(root).filter((path) => !/^var\/lib\/(dpkg|rpm)\/|^systemctl\.log/.test(path));
    const systemctl = () => {
      const lines = readFileSync(`${root}/systemctl.log`, "utf8").split("\n").slice(0, -1);
      writeFileSync(`${root}/systemctl.log`, "");
      return lines;
    };
    const before = files();

    change(root, "install", made(native.architecture)[format]);
    expect(run("chroot", root, `/${plugin}`, "--version")).toContain(version);
    const { supportedVersions } = JSON.parse(
      run("chroot", root, "/bin/sh", "-c", `CNI_COMMAND=VERSION /${plugin}`),
    );
    expect(supportedVersions).toContain("1.0.0");
    expect(systemctl()).toEqual(["daemon-reload"]);

    // An update leaves the units as the administrator has set them.
    change(root, "install", packagesOf(fileWith("a later one"), headerWith("99.0.0"))[format]);
    expect(readFileSync(`${root}/${plugin}`, "utf8")).toBe("a later one");
    expect(systemctl()).toEqual(["daemon-reload"]);

    change(root, "remove", "ib-sriov");
    const units = "ib-sriov-gc.timer ib-sriov-metrics.timer ib-sriov-provision.service";
    expect(systemctl()).toEqual([`--quiet disable --now ${units}`]);
    expect(files()).toEqual(before);
  },
);
