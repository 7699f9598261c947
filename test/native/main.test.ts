import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { executable, isSanitized } from "./harness.ts";

function run(env: Readonly<Record<string, string>>, args: readonly string[] = [], input = "") {
  return spawnSync(executable, args, { encoding: "utf8", env, input });
}

test("VERSION answers in one line, and needs no stdin", () => {
  for (const input of ["", "garbage", '{"cniVersion":"0.4.0"}']) {
    const { status, stdout, stderr } = run({ CNI_COMMAND: "VERSION" }, [], input);
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toBe(
      '{"cniVersion":"1.1.0","supportedVersions":["0.1.0","0.2.0","0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"]}\n',
    );
  }
});

test.each([[{ CNI_COMMAND: "" }], [{ CNI_CONTAINERID: "c1" }], [{ CNI_PATH: "/opt/cni/bin" }]])(
  "a missing command of a runtime is reported as a missing variable: %j",
  (env: Record<string, string>) => {
    const { status, stdout, stderr } = run(env);
    expect([status, stderr]).toEqual([1, ""]);
    const document = { cniVersion: "1.1.0", code: 4, msg: "required env variables [CNI_COMMAND] missing" };
    expect(stdout).toBe(JSON.stringify(document, undefined, 4));
  },
);

test.each(["--version", "-v"])("%s prints version, commit and date, whatever the environment", (option) => {
  const header = readFileSync("build/include/build.h", "utf8");
  const [version, commit, date] = Array.from(header.matchAll(/"(.*)"/g), ([, value]) => value);
  expect(version).toMatch(/^\d+\.\d+\.\d+/);
  expect(run({ CNI_COMMAND: "ADD" }, [option])).toMatchObject({
    status: 0,
    stdout: `ib-sriov ${version} (commit ${commit}, ${date})\n`,
    stderr: "",
  });
});

// As shipped: with the sanitizers it is large, and dynamic.
describe.each(isSanitized ? [] : [executable])("the executable %s", () => {
  const elf = readFileSync(executable);

  test("is small", () => {
    expect(elf.length).toBeLessThanOrEqual(2.5e6);
  });

  test("needs no other file: no interpreter, no shared library", () => {
    // Program headers of a 64-bit little-endian ELF (elf.h): PT_DYNAMIC 2, PT_INTERP 3.
    const offset = Number(elf.readBigUInt64LE(32));
    const types = Array.from({ length: elf.readUInt16LE(56) }, (_, i) =>
      elf.readUInt32LE(offset + i * elf.readUInt16LE(54)),
    );
    expect(types).toContain(1);
    expect(types).not.toContain(2);
    expect(types).not.toContain(3);
  });

  test("contains no path of the machine that it was built on", () => {
    expect(elf.includes(process.cwd())).toBe(false);
  });
});
