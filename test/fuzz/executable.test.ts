// The executable, as shipped and with sanitizers, in an environment whose files are all hostile.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { recordDocument } from "../../src/attachment/record/record-document.ts";
import { executables } from "../native/executables.ts";
import { aRecord, guid } from "../support/records.ts";
import { type Answer, bus, pf, removeTree, VirtualPciBus, vf } from "../support/virtual-pci-bus.ts";
import { fuzz } from "./fuzz.ts";
import { mutate, mutateText } from "./mutate.ts";
import type { Random } from "./random.ts";
import { configurations, goCacheText, ipamResults, notes, variables } from "./seeds.ts";

/** Calls at the same time: some wait until their deadline, and use no processor time. */
const together = 4;
const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();

/** The paths that the executable may write or create, without "..". */
const allowed = [
  /^\/var\/lib(\/cni(\/ib-sriov(\/[^/]+){0,3})?)?$/,
  /^\/var(\/run(\/cni(\/ib-sriov(\/cni\.lock)?)?)?)?$/,
  /^\/sys\/bus\/pci\/drivers\/[^/]+\/(un)?bind$/,
  /^\/proc\/sys\/net\/ipv[46]\/conf\//,
];

describe.each(executables)("$variant executable", ({ variant, path }) => {
  const virtualBuses: VirtualPciBus[] = [];
  beforeAll(async () => {
    for (let i = 0; i < together; i++) virtualBuses.push(await VirtualPciBus.make());
  });
  afterAll(async () => {
    for (const virtualBus of virtualBuses) await virtualBus.end();
  });

  const effort = { cases: variant === "released" ? 300 : 150, share: 0.2, together };
  fuzz(`the ${variant} executable`, effort, async (random, place) => {
    const virtualBus = virtualBuses[place];
    if (virtualBus === undefined) throw new Error("the environment cannot be created");
    virtualBus.tidy();
    const command = random.pick(["ADD", "DEL", "DEL", "DEL", "CHECK"]);
    const call = {
      ...variables,
      CNI_COMMAND: command,
      CNI_NETNS: virtualBus.netns,
      CNI_PATH: join(virtualBus.directory, "bin"),
    };
    let stdin: Uint8Array = Buffer.from(random.pick(configurations));
    writeRecords(virtualBus, random);
    // The hostile inputs of a case: one, or several.
    if (random.once(3))
      stdin = mutate(
        stdin,
        random,
        configurations.map((each) => Buffer.from(each)),
      );
    if (random.once(6)) mutateVariable(call, random);
    if (random.once(3)) mutateIpam(virtualBus, random);
    if (random.once(2)) mutateBus(virtualBus, random);
    if (random.once(2)) mutateState(virtualBus, random);

    const trace = join(virtualBus.directory, "trace");
    const isTraced = random.once(5);
    const under = isTraced
      ? ["strace", "-qq", "-s", "4096", "-o", trace, "-e", "trace=%file,fchmod,ftruncate"]
      : [];
    const outside = listing(virtualBus);
    requireAnswer(command, await virtualBus.run(path, call, stdin, under));
    expect(listing(virtualBus), "the files outside of the state directory").toEqual(outside);
    if (isTraced) expect(strayWrites(readFileSync(trace, "utf8"))).toEqual([]);
  });
});

/** Requires one error object, or success, and no output that only a bug could cause. */
function requireAnswer(command: string, answer: Answer): void {
  const { status, signal, stdout, stderr, hung } = answer;
  const told = JSON.stringify(answer);
  expect(hung, told).toBe(false);
  expect(signal, told).toBeNull();
  expect(stderr, told).not.toMatch(/Sanitizer|runtime error|Assertion|panic/);
  if (status === 0) {
    if (command === "ADD") JSON.parse(stdout);
    else expect(stdout, told).toBe("");
    return;
  }
  expect(status, told).toBe(1);
  const error = JSON.parse(stdout) as { cniVersion: string; code: number; msg: string; details?: string };
  expect(error, told).toMatchObject({ cniVersion: expect.any(String), code: expect.any(Number) });
  expect(error.msg, told).toMatch(/./s);
  // The stack of an unexpected error (src/cni/error-document.ts).
  expect(error.details ?? "", told).not.toMatch(/^ {4}at /m);
  expect(error.msg, told).not.toMatch(
    /not a function|cannot read property|is not defined|out of memory|stack overflow/,
  );
}

/** A record of ib-sriov that fits the node, a cache of the Go plugin, or any text. */
function writeRecords(virtualBus: VirtualPciBus, random: Random): void {
  const record = aRecord({
    state: random.pick(["preparing", "complete", "undo-failed"]),
    netns: virtualBus.netns,
    bootId,
    vf: { pci: vf, pf, index: 0, generation: virtualBus.generation },
    originals: { ...aRecord().originals, name: random.pick(["lo", "ib1"]), mtu: 65_536, altnames: [] },
    desired: random.pick([{}, { linkState: "enable" as const }, { guid: guid("02:00:00:00:00:00:00:01") }]),
    call: { stdin: random.pick(configurations), args: "", path: join(virtualBus.directory, "bin") },
  });
  const text = random.pick([
    recordDocument(record, "lo"),
    recordDocument(record, "lo"),
    goCacheText,
    undefined,
  ]);
  mkdirSync(join(virtualBus.state, ".vf"), { recursive: true, mode: 0o700 });
  if (text !== undefined) writeFileSync(join(virtualBus.state, "c1-net1"), text);
  if (random.once(2)) writeFileSync(join(virtualBus.state, ".vf", vf), random.pick(notes).padEnd(1024));
}

function mutateVariable(call: Record<string, string>, random: Random): void {
  const name = random.pick(Object.keys(variables).filter((each) => each !== "CNI_COMMAND"));
  // The system accepts no NUL in a variable, and at most 128 KiB.
  call[name] = mutateText(call[name] ?? "", random)
    .replaceAll("\0", "")
    .slice(0, 30_000);
}

function mutateIpam(virtualBus: VirtualPciBus, random: Random): void {
  const seeds = ipamResults.map((each) => Buffer.from(each));
  virtualBus.setIpam(mutate(random.pick(seeds), random, seeds), random.pick(["0", "1", "7"]));
}

/** Changes a file of the PCI bus. */
function mutateBus(virtualBus: VirtualPciBus, random: Random): void {
  for (let times = 1 + random.below(3); times > 0; times--) {
    const name = random.pick(Object.keys(bus));
    const file = join(virtualBus.directory, "pci", name);
    removeTree(file);
    // Its directory may be missing, or be a file already.
    const change = random.pick(changes);
    try {
      mkdirSync(dirname(file), { recursive: true });
      change(file, bus[name] ?? "", random);
    } catch {
      removeTree(file);
    }
  }
}

type Change = (path: string, content: string, random: Random) => void;

/** Replacements of a file. */
const changes: readonly Change[] = [
  () => {},
  (path, content, random) => writeFileSync(path, mutate(Buffer.from(content), random)),
  (path, content, random) => writeFileSync(path, mutate(Buffer.from(content), random)),
  (path) => mkdirSync(path),
  (path) => symlinkSync(path, path),
  (path, _, random) =>
    symlinkSync(
      random.pick(["..", ".", "/", "../../..", "/nowhere", `../../drivers/${"x".repeat(200)}`]),
      path,
    ),
  (path) => symlinkSync("/dev/zero", path),
  (path) => writeFileSync(path, "x".repeat(2 << 20)),
  (path) => {
    mkdirSync(path);
    for (let i = 0; i < 100; i++) symlinkSync("..", join(path, `virtfn${i}`));
  },
];

/** Changes a file of the state directory. */
function mutateState(virtualBus: VirtualPciBus, random: Random): void {
  const outside = join(virtualBus.directory, "outside");
  const name = random.pick(["c1-net1", `.vf/${vf}`, ".node", ".calls", ".x/c1/net1", ".vf", ".x", ".leases"]);
  const path = join(virtualBus.state, name);
  const text = name.startsWith(".vf/") ? random.pick(notes) : recordDocument(aRecord(), "lo");
  const before = random.once(2) ? text : safely(path, text);
  removeTree(path);
  const change = random.pick([
    ...changes,
    (at: string) => execFileSync("mkfifo", [at]),
    (at: string) => symlinkSync(join(outside, "victim"), at),
    (at: string) => symlinkSync(outside, at),
  ]);
  try {
    mkdirSync(dirname(path), { recursive: true });
    change(path, before, random);
  } catch {
    removeTree(path);
  }
  writeFileSync(join(outside, "victim"), random.pick([text, "precious"]));
}

function safely(path: string, otherwise: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return otherwise;
  }
}

/** Returns the content of the directory that hostile links lead to. */
function listing(virtualBus: VirtualPciBus): string[] {
  const outside = join(virtualBus.directory, "outside");
  return readdirSync(outside).map((name) => `${name}: ${readFileSync(join(outside, name), "utf8")}`);
}

/** Returns the system calls that write or create a path outside of the plugin's directories. */
function strayWrites(trace: string): string[] {
  return trace.split("\n").filter((line) => {
    const [, call = "", rest = ""] = /^(\w+)\((.*)$/.exec(line) ?? [];
    const writes = call.startsWith("open") ? /O_(WRONLY|RDWR|CREAT|TRUNC)/.test(rest) : changing.test(call);
    if (!writes) return false;
    const paths = [...rest.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((match) => match[1] ?? "");
    return paths.some(
      (path) => path.split("/").includes("..") || !allowed.some((pattern) => pattern.test(path)),
    );
  });
}

const changing = /^(mkdir|rmdir|rename|unlink|link|symlink|mknod|chmod|chown|truncate|utime|setxattr|mount)/;
