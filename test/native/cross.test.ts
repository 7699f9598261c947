// The executables for other machines, under emulation: their answers equal those of this machine's executable. Features
// that an emulator does not have are tested on a real kernel.
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { patience } from "../support/patience.ts";
import { freshPath } from "./harness.ts";
import { foreign, type Machine, machines, native } from "./machines.ts";

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

// The program headers of a 64-bit little-endian ELF (elf.h).
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const PT_GNU_STACK = 0x6474e551;
const PF_X = 1;

describe.each(machines)("the ELF file for $architecture", ({ architecture, build, elf, page }) => {
  const file = readFileSync(`${build}/ib-sriov`);
  const offset = Number(file.readBigUInt64LE(32));
  const headers = Array.from({ length: file.readUInt16LE(56) }, (_, i) => {
    const at = offset + i * file.readUInt16LE(54);
    const word = (place: number) => Number(file.readBigUInt64LE(at + place));
    return {
      type: file.readUInt32LE(at),
      flags: file.readUInt32LE(at + 4),
      offset: word(8),
      address: word(16),
      memory: word(40),
      align: word(48),
    };
  });
  const ofType = (type: number) => headers.filter((header) => header.type === type);

  test("is for that machine, 64 bits, little-endian, at fixed addresses, and static", () => {
    expect(file.subarray(0, 6)).toEqual(Buffer.from("\x7fELF\x02\x01", "latin1"));
    const ET_EXEC = 2;
    expect([file.readUInt16LE(16), file.readUInt16LE(18)]).toEqual([ET_EXEC, elf]);
    expect([ofType(PT_DYNAMIC), ofType(PT_INTERP)]).toEqual([[], []]);
  });

  test("can be mapped by kernels with the largest pages", () => {
    const loaded = ofType(PT_LOAD);
    expect(loaded.length).toBeGreaterThan(1);
    const writable = loaded.filter(({ flags }) => (flags & 2) !== 0);
    expect(writable).toHaveLength(1);
    for (const { offset, address, align } of loaded) {
      expect(align).toBeGreaterThanOrEqual(page);
      expect(address % page).toBe(offset % page);
    }
  });

  test("has no executable stack, no writable code, and no writable constants", () => {
    expect(ofType(PT_GNU_STACK).map(({ flags }) => flags & PF_X)).toEqual([0]);
    expect(ofType(PT_LOAD).filter(({ flags }) => (flags & 3) === 3)).toEqual([]);
    // Nothing is relocated at a start, so constants are in the read-only segment. POWER's compiler puts some jump tables
    // elsewhere.
    const sections = execFileSync("readelf", ["--sections", "--wide", `${build}/ib-sriov`], {
      encoding: "utf8",
    });
    const relocated = /\.data\.rel\.ro\s+PROGBITS\s+\w+\s+\w+\s+(\w+)/.exec(sections)?.[1] ?? "0";
    expect(Number.parseInt(relocated, 16)).toBeLessThan(0x600);
  });

  test("is compiled with guards of the stack and, if processors support it, of the targets of jumps", () => {
    const object = readFileSync(`${build}/obj/host/netlink.o`);
    expect(object.includes("__stack_chk_fail")).toBe(true);
    // endbr64 and paciasp, at the beginning of functions. POWER has the same only from POWER10 on.
    const guards = { amd64: [0xf3, 0x0f, 0x1e, 0xfa], arm64: [0x3f, 0x23, 0x03, 0xd5], ppc64le: [] }[
      architecture
    ];
    expect(object.includes(Buffer.from(guards ?? []))).toBe(true);
    expect(guards).toBeDefined();
  });

  test("contains no path of the machine that it was built on, and is small", () => {
    expect(file.includes(process.cwd())).toBe(false);
    expect(file.includes("/.cache/")).toBe(false);
    expect(file.length).toBeLessThan(2.9e6);
  });
});
