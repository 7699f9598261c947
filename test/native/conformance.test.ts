// The rules of CNI that can be tested with the executable and without a VF. test/unit/cni/conformance.txt lists the
// tests of all rules for plugins.
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { patience } from "../support/patience.ts";
import { executable } from "./harness.ts";

const state = "/var/lib/cni/ib-sriov";
const config = { cniVersion: "1.1.0", name: "a-network", type: "ib-sriov", deviceID: "0000:fe:1f.7" };
const text = JSON.stringify(config);
let directory = "";
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "ib-sriov-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

type Environment = Readonly<Record<string, string>>;

/** A call with all variables, of an unknown container; CNI_NETNS does not exist. */
function call(changes: Environment, stdin = text, args: readonly string[] = []) {
  const stateWasThere = existsSync(state);
  const environment = {
    CNI_COMMAND: "ADD",
    CNI_CONTAINERID: "c1",
    CNI_NETNS: "/nowhere/net",
    CNI_IFNAME: "net1",
    CNI_PATH: directory,
    ...changes,
  };
  const { status, stdout, stderr } = spawnSync(executable, args, {
    env: environment,
    input: stdin,
    encoding: "utf8",
    timeout: patience,
  });
  expect(existsSync(state)).toBe(stateWasThere);
  return { status, stdout, stderr };
}

function refusal(changes: Environment, stdin = text) {
  const { status, stdout } = call(changes, stdin);
  expect(status).toBe(1);
  return JSON.parse(stdout) as { cniVersion: string; code: number; msg: string; details?: string };
}

/** An IPAM plugin that stores its environment and stdin, and then runs a script. */
function spy(script = "exit 0"): void {
  writeFileSync(
    join(directory, "spy"),
    `#!/bin/sh\nenv >${directory}/environment\ncat >${directory}/stdin\n${script}\n`,
  );
  chmodSync(join(directory, "spy"), 0o755);
}
const spied = { ...config, ipam: { type: "spy" } };
const kept = (name: string) => readFileSync(join(directory, name), "utf8");

describe("of several errors, the plugin reports the same as Go's libraries:", () => {
  test("missing variables before an unreadable stdin", () => {
    expect(refusal({ CNI_NETNS: "" }, "{")).toMatchObject({
      code: 4,
      msg: "required env variables [CNI_NETNS] missing",
    });
  });

  test("invalid JSON before an unknown command", () => {
    expect(refusal({ CNI_COMMAND: "add" }, "{")).toMatchObject({ code: 6 });
  });

  test("a network without a name before an unknown command", () => {
    expect(refusal({ CNI_COMMAND: "add" }, "{}")).toMatchObject({ code: 7, msg: "missing network name" });
  });

  test("an unknown command before an unsupported version", () => {
    expect(refusal({ CNI_COMMAND: "add" }, JSON.stringify({ ...config, cniVersion: "9" }))).toMatchObject({
      code: 4,
      msg: "unknown CNI_COMMAND: add",
    });
  });
});

test.each(["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"])(
  "an error is one JSON object on stdout, indented by four, without a newline, with the cniVersion %s; exit status 1",
  (cniVersion) => {
    const ipam = { type: "spy" };
    const { status, stdout, stderr } = call({}, JSON.stringify({ ...config, cniVersion, ipam }));
    const answer = JSON.parse(stdout) as object;
    expect({ status, stdout, stderr }).toEqual({
      status: 1,
      stdout: JSON.stringify(answer, null, 4),
      stderr: "",
    });
    expect(answer).toMatchObject({ cniVersion, code: expect.any(Number), msg: expect.any(String) });
  },
);

test("arguments on the command line are ignored", () => {
  expect(call({}, text, ["--help", "ADD"])).toEqual(call({}));
});

test("VERSION is answered as libcni calls it: with dummies for variables that it does not need", () => {
  const dummies = { CNI_COMMAND: "VERSION", CNI_NETNS: "dummy", CNI_IFNAME: "dummy", CNI_PATH: "dummy" };
  const { status, stdout } = call(dummies, '{"cniVersion":"1.1.0"}');
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ cniVersion: "1.1.0", supportedVersions: expect.any(Array) });
});

test.each([
  ["CHECK", "0.3.1"],
  ["GC", "1.0.0"],
  ["STATUS", "1.0.0"],
])("%s is not allowed by a configuration of %s: code 1", (command, cniVersion) => {
  const answer = refusal({ CNI_COMMAND: command }, JSON.stringify({ ...config, cniVersion }));
  expect(answer).toMatchObject({ code: 1, msg: `config version does not allow ${command}` });
});

test("CHECK of an unknown container is code 3", () => {
  const prevResult = { cniVersion: "1.1.0", interfaces: [{ name: "net1", sandbox: "/nowhere/net" }] };
  expect(refusal({ CNI_COMMAND: "CHECK" }, JSON.stringify({ ...config, prevResult }))).toMatchObject({
    code: 3,
    msg: expect.stringContaining("c1"),
  });
});

test.each(["DEL", "STATUS"])("%s without CNI_PATH, which is optional, succeeds without IPAM", (command) => {
  expect(call({ CNI_COMMAND: command, CNI_PATH: "" })).toMatchObject({ status: 0, stdout: "" });
});

test("a verb without CNI_PATH, which the IPAM plugin needs, names the variable", () => {
  const answer = refusal({ CNI_COMMAND: "STATUS", CNI_PATH: "" }, JSON.stringify(spied));
  expect(answer).toMatchObject({ code: 50, msg: expect.stringContaining("[CNI_PATH] missing") });
});

describe("DEL of a container that is not attached", () => {
  test.each([
    ["a path that does not exist", "/nowhere/net"],
    ["none", ""],
    ["another file", "/etc/passwd"],
  ])("succeeds, prints nothing and asks the IPAM plugin to release, CNI_NETNS being %s", (_, netns) => {
    spy();
    const odd = ` { "type" : "ib-sriov", "ipam":{"type":"spy","\u00fc":[1.50, null]},\n "name":"a-network",
      "deviceID":"0000:fe:1f.7","cniVersion":"1.0.0","prevResult":null } `;
    const del = { CNI_COMMAND: "DEL", CNI_NETNS: netns, CNI_ARGS: "IgnoreUnknown=1;A=b", OTHER: "kept" };
    expect(call(del, odd)).toMatchObject({ status: 0, stdout: "" });
    // Byte for byte, and with the plugin's own environment.
    expect(kept("stdin")).toBe(odd);
    const environment = kept("environment").split("\n");
    for (const [name, value] of Object.entries({ ...del, CNI_CONTAINERID: "c1", CNI_IFNAME: "net1" })) {
      if (value !== "") expect(environment).toContain(`${name}=${value}`);
    }
  });

  test("only warns of a failure of the IPAM plugin without a record of a lease, and relays its stderr", () => {
    spy(`echo "a hint" >&2; echo '{"code":110,"msg":"cannot release","details":"at all"}'; exit 1`);
    const { status, stdout, stderr } = call({ CNI_COMMAND: "DEL" }, JSON.stringify(spied));
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
    expect(stderr).toContain("a hint");
    expect(stderr).toContain('IPAM plugin "spy": cannot release');
  });

  test.each(["0.1.0", "0.3.1", "1.1.0"])("needs no prevResult, in version %s", (cniVersion) => {
    for (const prevResult of [undefined, null, {}, { cniVersion: "9.9.9", ips: 5 }]) {
      const { status, stdout } = call(
        { CNI_COMMAND: "DEL" },
        JSON.stringify({ ...config, cniVersion, prevResult }),
      );
      expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
    }
  });
});

describe("an ipam.type that is ib-sriov itself", () => {
  const itself = { "cni.dev/valid-attachments": [], ipam: { type: "ib-sriov" } };
  const prevResult = { cniVersion: "1.1.0", interfaces: [{ name: "net1", sandbox: "/nowhere/net" }] };
  const stdin = (more: object) => JSON.stringify({ ...config, prevResult, ...itself, ...more });
  const problem = /ipam\.type.*ib-sriov/;

  test.each(["ADD", "CHECK", "STATUS"])("is refused by %s: code 2", (CNI_COMMAND) => {
    expect(refusal({ CNI_COMMAND }, stdin({}))).toMatchObject({
      code: 2,
      msg: expect.stringMatching(problem),
    });
  });

  test.each(["DEL", "GC"])("is only a warning of %s", (CNI_COMMAND) => {
    const { status, stdout, stderr } = call({ CNI_COMMAND }, stdin({}));
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
    expect(stderr).toMatch(problem);
  });

  // The copy ends the recursion of a plugin that does not: at the fourth call it is another program.
  const copied = () => {
    rmSync(join(directory, "calls"), { force: true });
    spy(`echo call >>${directory}/calls; [ $(wc -l <${directory}/calls) -lt 4 ] || exit 9
      exec ${executable} <${directory}/stdin`);
    return stdin({ ipam: { type: "spy" } });
  };

  test("also under another name: STATUS is refused, with one call", () => {
    const { code, msg } = refusal({ CNI_COMMAND: "STATUS" }, copied());
    // The other call asks for the copy's versions.
    expect(kept("calls")).toBe("call\ncall\n");
    expect({ code, msg }).toEqual({ code: 50, msg: expect.stringMatching(problem) });
  });

  test.each(["DEL", "GC"])(
    "also under another name: %s succeeds with a warning, and one call",
    (CNI_COMMAND) => {
      const { status, stdout, stderr } = call({ CNI_COMMAND }, copied());
      expect(kept("calls")).toBe("call\n");
      expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
      expect(stderr).toMatch(problem);
    },
  );

  test.each(["ADD", "CHECK", "STATUS"])(
    "as an IPAM plugin it refuses %s without a configuration",
    (CNI_COMMAND) => {
      expect(refusal({ CNI_COMMAND, IB_SRIOV_IPAM: "1" }, "")).toMatchObject({ code: 2 });
    },
  );
});
