/** Builds and reads Debian and RPM packages for tests. */
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { expect } from "vitest";
import { fileWith, freshPath } from "../harness.ts";
import { native } from "./machines.ts";

/** The input of scripts/packages: the files of `make install`, in the directories of a distribution. */
export const staged = "build/packaged";

function succeeded({ status, stdout, stderr }: SpawnSyncReturns<string>): string {
  expect({ status, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, stderr: "" });
  return stdout;
}
/** Runs a program that must succeed, and returns its output. */
export const run = (command: string, ...args: string[]) =>
  succeeded(spawnSync(command, args, { encoding: "utf8", env: { ...process.env, LC_ALL: "C" } }));
/** Runs a program of the package rpm, which is not installed. */
export const rpm = (...args: string[]) =>
  run("scripts/with", "rpm", "sh", "-c", 'RPM_CONFIGDIR=$UNPACKED/usr/lib/rpm exec "$@"', "sh", ...args);

/** Writes the header of a build of this version, which is later than this machine's clock. */
export function headerWith(version: string): string {
  return fileWith(
    `#define IB_SRIOV_VERSION "${version}"\n#define IB_SRIOV_COMMIT "x"\n#define IB_SRIOV_DATE "2099-01-02T03:04:05Z"\n`,
  );
}

/** Builds the packages of one executable for this machine, and returns their paths. */
export function packagesOf(
  executable: string,
  header: string,
  { root = staged, prefix = "", pluginDirectory = "/opt/cni/bin" } = {},
) {
  const directory = freshPath("packages");
  const command = `${prefix} scripts/packages ${directory} ${root} ${pluginDirectory} ${header} ${native.architecture}=${executable}`;
  run("sh", "-c", command);
  const [deb, rpmFile] = [".deb", ".rpm"].map((end) => {
    const [name = ""] = readdirSync(directory).filter((each) => each.endsWith(end));
    return `${directory}/${name}`;
  }) as [string, string];
  return { deb, rpm: rpmFile };
}

/** Returns all files and directories below a directory, sorted. */
export function filesIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" }).sort();
}

/** Unpacks a package without installing it. */
export function unpacked(file: string): string {
  const directory = freshPath("unpacked");
  mkdirSync(directory);
  if (file.endsWith(".deb")) run("dpkg-deb", "--extract", file, directory);
  else rpm("sh", "-c", `rpm2archive --nocompression <${file} | tar xf - -C ${directory}`);
  return directory;
}

/** Returns fields of an RPM package, in a format of `rpm -qp --qf`. */
export const rpmFields = (file: string, format: string) =>
  rpm("rpm", "--dbpath", freshPath("rpm"), "-qp", "--qf", format, file);
