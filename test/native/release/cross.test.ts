// The executables for other machines, under emulation: their answers equal those of this machine's executable. Features
// that an emulator does not have are tested on a real kernel.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { patience } from "../../support/patience.ts";
import { freshPath } from "../harness.ts";
import { foreign, type Machine, native } from "./machines.ts";

/** A directory with an IPAM plugin, which reports its input and refuses. */
const plugins = freshPath("plugins");
mkdirSync(plugins);
const refusing = `#!/bin/sh
echo "called for $CNI_COMMAND of $CNI_IFNAME" >&2
input=$(cat)
printf '{"cniVersion":"1.1.0","code":11,"msg":"got %s bytes"}' "\${#input}"
exit 1
`;
writeFileSync(join(plugins, "refusing"), refusing);
chmodSync(join(plugins, "refusing"), 0o755);

interface Call {
  readonly env: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  readonly stdin?: string | Uint8Array;
}

/** The outcome of a call. */
function outcome(machine: Machine, { env, args = [], stdin = "" }: Call) {
  const [program = "", ...rest] = [...machine.run, `${machine.build}/ib-sriov`, ...args];
  const { status, signal, stdout, stderr } = spawnSync(program, rest, {
    env,
    input: stdin,
    timeout: patience,
    maxBuffer: 1 << 24,
  });
  return { status, signal, stdout: stdout.toString("latin1"), stderr: stderr.toString("latin1") };
}

const network = { cniVersion: "1.1.0", name: "a-network", type: "ib-sriov", deviceID: "0000:fe:1f.7" };

/** A call of an unknown container, in this process's namespace, for a VF that does not exist. */
const call = (command: string, stdin: string | Uint8Array = JSON.stringify(network)): Call => ({
  env: {
    CNI_COMMAND: command,
    CNI_CONTAINERID: "c1",
    CNI_NETNS: "/proc/self/ns/net",
    CNI_NETNS_OVERRIDE: "1",
    CNI_IFNAME: "net1",
    CNI_PATH: plugins,
  },
  stdin,
});
const withText = (text: string) => call("ADD", JSON.stringify({ ...network, guid: text }));

describe.each(foreign)("the executable for $architecture", (machine) => {
  test("answers VERSION", () => {
    expect(outcome(machine, { env: { CNI_COMMAND: "VERSION" } })).toEqual({
      status: 0,
      signal: null,
      stdout:
        '{"cniVersion":"1.1.0","supportedVersions":["0.1.0","0.2.0","0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"]}\n',
      stderr: "",
    });
  });

  test("refuses to attach a VF in a namespace that does not exist", () => {
    const add = call("ADD");
    const { status, stdout, stderr } = outcome(machine, {
      ...add,
      env: { ...add.env, CNI_NETNS: "/nowhere/net" },
    });
    expect([status, stderr]).toEqual([1, ""]);
    expect(JSON.parse(stdout)).toEqual({
      cniVersion: "1.1.0",
      code: 999,
      msg: expect.stringMatching(/"\/nowhere\/net".*No such file or directory \(ENOENT\)$/),
    });
  });

  // Emulators do not have ioctl NS_GET_NSTYPE: in an existing namespace, ADD stops here.
  test("examines the namespace before the VF", () => {
    const { status, stdout } = outcome(machine, call("ADD"));
    expect(status).toBe(1);
    expect(JSON.parse(stdout).msg).toMatch(/is a file of the kernel, but not a network namespace$/);
    expect(JSON.parse(outcome(native, call("ADD")).stdout).msg).toContain("0000:fe:1f.7 does not exist");
  });

  test("starts an IPAM plugin, and relays its output", () => {
    const del = call("DEL", JSON.stringify({ ...network, ipam: { type: "refusing" } }));
    const { status, stdout, stderr } = outcome(machine, del);
    // Without a record of a lease, the plugin's refusal is only a warning.
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
    expect(stderr).toContain("called for DEL of net1");
    expect(stderr).toContain(`got ${del.stdin?.length} bytes`);
  });

  test.each<[string, Call]>([
    ["its version", { env: {}, args: ["--version"] }],
    ["a missing command", { env: {} }],
    ["an unknown command", call("add")],
    ["a missing variable", { env: { CNI_COMMAND: "ADD" } }],
    ["a wrong option", { env: {}, args: ["install", "--no-such-option"] }],
    ["DEL", call("DEL")],
    ["DEL with an IPAM plugin", call("DEL", JSON.stringify({ ...network, ipam: { type: "refusing" } }))],
    ["CHECK", call("CHECK", JSON.stringify({ ...network, prevResult: { cniVersion: "1.1.0" } }))],
    ["STATUS", call("STATUS")],
    ["GC", call("GC")],
    [
      "ADD in a namespace that does not exist",
      { ...call("ADD"), env: { ...call("ADD").env, CNI_NETNS: "/nowhere" } },
    ],
    ["an old version", call("ADD", JSON.stringify({ ...network, cniVersion: "0.1.0" }))],
    ["an unknown version", call("ADD", JSON.stringify({ ...network, cniVersion: "9.9.9" }))],
    ["an empty stdin", call("ADD", "")],
    ["a document that is cut off", call("ADD", JSON.stringify(network).slice(0, 40))],
    ["invalid UTF-8", call("ADD", Uint8Array.of(0x7b, 0x22, 0xff, 0xfe, 0x80, 0x22, 0x7d))],
    ["a NUL", withText("a\0b")],
    ["half a surrogate pair", call("ADD", '{"cniVersion":"1.1.0","name":"\\ud800","type":"ib-sriov"}')],
    ["text in many scripts", withText("ｶﾅ — Ĳ ﬃ 𝔘")],
    ["a megabyte", withText("x".repeat(1 << 20))],
    ["numbers at the limits", call("ADD", '{"cniVersion":"1.1.0","name":"n","mtu":1e400,"a":5e-324}')],
    ["a number with a fraction", call("ADD", JSON.stringify({ ...network, mtu: 1500.1 }))],
    ["endlessly nested lists", call("ADD", "[".repeat(100_000))],
    ["nested maps", call("ADD", `${'{"a":'.repeat(50_000)}1${"}".repeat(50_000)}`)],
    ["another object's prototype", call("ADD", '{"__proto__":{"name":"n"},"cniVersion":"1.1.0"}')],
  ])("answers byte for byte the same: %s", (_, given) => {
    const expected = outcome(native, given);
    expect(expected.signal).toBe(null);
    expect(outcome(machine, given)).toEqual(expected);
  });
});
