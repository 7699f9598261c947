// STATUS and GC, which are not about one attachment, with the executable.
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { patience } from "../support/patience.ts";
import { executable } from "./harness.ts";

const state = "/var/lib/cni/ib-sriov";
const network = { cniVersion: "1.1.0", name: "a-network-of-no-attachment", type: "ib-sriov" };
let directory = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "ib-sriov-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

/** Creates an IPAM plugin from a shell script. */
function plugin(name: string, script: string): void {
  writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(directory, name), 0o755);
}

/** Makes the call, which changes nothing on this machine. */
function call(command: "STATUS" | "GC", more: object = {}) {
  const stateWasThere = existsSync(state);
  const { status, stdout, stderr } = spawnSync(executable, [], {
    env: { CNI_COMMAND: command, CNI_PATH: directory },
    input: JSON.stringify({ ...network, ...more }),
    encoding: "utf8",
    timeout: patience,
  });
  expect(existsSync(state)).toBe(stateWasThere);
  return { status, stdout, stderr };
}

/** Returns the error in the call's answer. */
function refusal(command: "STATUS" | "GC", more: object) {
  const { status, stdout } = call(command, more);
  expect(status).toBe(1);
  const answer = JSON.parse(stdout) as { cniVersion: string; code: number; msg: string; details?: string };
  expect(answer.cniVersion).toBe("1.1.0");
  return answer;
}

describe.each(["STATUS", "GC"] as const)("%s", (command) => {
  test("succeeds without deviceID, CNI_CONTAINERID, CNI_NETNS and CNI_IFNAME, and prints nothing", () => {
    const more = { "cni.dev/valid-attachments": [] };
    expect(call(command, more)).toMatchObject({ status: 0, stdout: "" });
  });

  test("calls the IPAM plugin with the whole configuration, and relays its stderr", () => {
    plugin("spy", `echo "asked for $CNI_COMMAND by [$CNI_CONTAINERID]" >&2; cat >${directory}/stdin`);
    const more = { ipam: { type: "spy", x: 1 }, "cni.dev/valid-attachments": null };
    expect(call(command, more)).toMatchObject({ status: 0, stdout: "" });
    expect(call(command, more).stderr).toContain(`asked for ${command} by []`);
    expect(JSON.parse(readFileSync(join(directory, "stdin"), "utf8"))).toEqual({ ...network, ...more });
  });

  test("fails if the IPAM plugin fails, with its message", () => {
    plugin("broken", `echo '{"code":77,"msg":"no more addresses"}'; exit 1`);
    const answer = refusal(command, { ipam: { type: "broken" }, "cni.dev/valid-attachments": [] });
    expect(answer).toMatchObject({
      code: command === "STATUS" ? 50 : 77,
      msg: expect.stringContaining("no more addresses"),
    });
  });

  test("ends an IPAM plugin that hangs after timeoutSeconds", () => {
    plugin("hangs", "exec sleep 600");
    const more = { ipam: { type: "hangs" }, timeoutSeconds: 1, "cni.dev/valid-attachments": [] };
    expect(refusal(command, more)).toMatchObject({ code: command === "STATUS" ? 50 : 11 });
  });
});

test("STATUS is 50 if the IPAM plugin is missing", () => {
  const answer = refusal("STATUS", { ipam: { type: "nowhere" } });
  expect(answer).toMatchObject({ code: 50, msg: expect.stringContaining("nowhere") });
});

test("STATUS returns the IPAM plugin's 51", () => {
  plugin("limited", `echo '{"code":51,"msg":"half of it"}'; exit 1`);
  expect(refusal("STATUS", { ipam: { type: "limited" } })).toMatchObject({ code: 51 });
});

test.each(["rdmaOnly", "vfioPciMode"])(
  "STATUS with %s does not ask the IPAM plugin, which ADD does not call",
  (key) => {
    expect(call("STATUS", { ipam: { type: "nowhere" }, [key]: true })).toMatchObject({
      status: 0,
      stdout: "",
    });
  },
);

test("STATUS is 50, and GC succeeds, if the IPAM plugin is from before CNI 1.1", () => {
  plugin(
    "old",
    `[ $CNI_COMMAND != VERSION ] || { echo '{"cniVersion":"1.0.0","supportedVersions":["0.4.0","1.0.0"]}'; exit 0; }
    echo '{"code":3,"msg":"missing containerID"}'; exit 1`,
  );
  const more = { ipam: { type: "old" }, "cni.dev/valid-attachments": [] };
  expect(refusal("STATUS", more)).toMatchObject({
    code: 50,
    msg: expect.stringMatching(/old does not speak CNI 1\.1\.0/),
  });
  const { status, stdout, stderr } = call("GC", more);
  expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
  expect(stderr).toContain("older than GC");
});

test("GC without a list removes nothing, reports that, and does not call the IPAM plugin", () => {
  plugin("spy", `touch ${directory}/asked`);
  const { status, stdout, stderr } = call("GC", { ipam: { type: "spy" } });
  expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
  expect(stderr).toMatch(/no list of valid attachments.*nothing is removed/);
  expect(existsSync(join(directory, "asked"))).toBe(false);
});

test("GC with an unreadable list fails with code 7, and does not call the IPAM plugin", () => {
  plugin("spy", `touch ${directory}/asked`);
  const more = { ipam: { type: "spy" }, "cni.dev/valid-attachments": [{ containerID: "c1" }] };
  expect(refusal("GC", more)).toMatchObject({ code: 7, msg: expect.stringContaining("valid-attachments") });
  expect(existsSync(join(directory, "asked"))).toBe(false);
});

describe("a pipe that no process reads", () => {
  /** Makes a call with pipes, the first of them full, that are open, and never read. */
  function unread(more: object, streams: string) {
    const pipe = join(directory, "pipe");
    const fill = `rm -f ${pipe}; mkfifo ${pipe}; exec 4<>${pipe}; timeout 1 cat /dev/zero >&4; exec "$0" ${streams}`;
    const begin = Date.now();
    const { status, stdout, stderr, error } = spawnSync("sh", ["-c", fill, executable], {
      env: { CNI_COMMAND: "STATUS", CNI_PATH: directory, PATH: process.env.PATH },
      input: JSON.stringify({ ...network, ...more }),
      encoding: "utf8",
      timeout: patience,
    });
    expect([error, Date.now() - begin < patience / 2]).toEqual([undefined, true]);
    return { status, stdout, stderr };
  }

  test("as stderr does not keep a call from its work, which succeeds", () => {
    plugin("talkative", "cat >/dev/null; head -c 200000 /dev/zero | tr '\\0' x >&2");
    const more = { logLevel: "wrong", ipam: { type: "talkative" } };
    expect(unread(more, "2>&4")).toEqual({ status: 0, stdout: "", stderr: "" });
  });

  test("as stdout ends a call that fails in time, and stderr has the reason", () => {
    expect(unread({ cniVersion: "9.9.9" }, ">&4")).toEqual({
      status: 1,
      stdout: "",
      stderr: expect.stringMatching(/STATUS .*write stdout: .*\(ETIMEDOUT\)/),
    });
  });

  test("as stdout and stderr ends it, too", () => {
    expect(unread({ cniVersion: "9.9.9" }, ">&4 2>&4")).toEqual({ status: 1, stdout: "", stderr: "" });
  });
});
