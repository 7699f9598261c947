import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { buildOf } from "../../scripts/build-results.mjs";
import { executable } from "./harness.ts";

function run(env: Readonly<Record<string, string>>, args: readonly string[] = [], input = "") {
  return spawnSync(executable, args, { encoding: "utf8", env, input });
}

test.each([
  ["", "1.1.0"],
  ["garbage", "1.1.0"],
  ['{"cniVersion":"0.4.0"}', "0.4.0"],
])(
  "VERSION answers in one line, with the cniVersion of its stdin, and needs no stdin: %j",
  (input, cniVersion) => {
    const { status, stdout, stderr } = run({ CNI_COMMAND: "VERSION" }, [], input);
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toBe(
      `{"cniVersion":"${cniVersion}","supportedVersions":["0.1.0","0.2.0","0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"]}\n`,
    );
  },
);

test("VERSION answers if stdin is closed", () => {
  const command = `CNI_COMMAND=VERSION exec ${executable} <&-`;
  expect(spawnSync("sh", ["-c", command], { encoding: "utf8" })).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('"cniVersion":"1.1.0"'),
  });
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
  const { VERSION: version, COMMIT: commit, DATE: date } = buildOf("build/include/build.h");
  expect(version).toMatch(/^\d+\.\d+\.\d+/);
  expect(run({ CNI_COMMAND: "ADD" }, [option])).toMatchObject({
    status: 0,
    stdout: `ib-sriov ${version} (commit ${commit}, ${date})\n`,
    stderr: "",
  });
});
