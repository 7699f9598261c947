// A container, or the file system, can choose names with characters that a terminal obeys, or that are not text.
import { spawnSync } from "node:child_process";
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { parse } from "yaml";
import { recordDocument } from "../../src/attachment/record/record-document.ts";
import { compile } from "../e2e/harness/compile.ts";
import { readMetrics } from "../support/prometheus.ts";
import { aRecord } from "../support/records.ts";
import { pf, removeTree, VirtualPciBus, vf } from "../support/virtual-pci-bus.ts";
import { executable } from "./harness.ts";

/** ESC and C1 sequences that clear a screen, a change of the direction of text, and halves of surrogate pairs. */
const hostile = "x\x1b[2J\u009b2J\u202e\ud800 \udc9b";
const escaped = "x\\u001b[2J\\u009b2J\\u202e\\ud800 \\udc9b";
/** A name that a network device can have: ESC and CSI (U+009B), without white space. */
const netdev = "n\x1b[8m\u009b2J";
const rdmaDevice = "mlx\x1b[2J\u009b";

const terminal = compile("test/e2e/guest/terminal.c");

let virtualBus: VirtualPciBus;
beforeAll(async () => {
  virtualBus = await VirtualPciBus.make();
  mkdirSync(join(virtualBus.directory, "class/infiniband"), { recursive: true });
  const mount = ["sh", "-c", `mount --bind ${virtualBus.directory}/class /sys/class`];
  await virtualBus.run("", {}, Buffer.from(""), mount);
});
afterAll(() => virtualBus.end());

/** Devices, a record, a file that is not a record, and networks, whose names are hostile. */
beforeEach(() => {
  virtualBus.tidy();
  mkdirSync(virtualBus.state, { mode: 0o700 });
  const stdin = JSON.stringify({ cniVersion: "1.0.0", name: hostile, type: "ib-sriov", deviceID: vf });
  const record = aRecord({
    state: "complete",
    ifname: "n\x1b[2J\u009b",
    netns: "/run/netns/\x1b[2J\udc9b",
    vf: { ...aRecord().vf, pci: vf },
    call: { stdin, args: `K8S_POD_NAMESPACE=default;K8S_POD_NAME=${hostile}`, path: "/opt/cni/bin" },
  });
  writeFileSync(join(virtualBus.state, `c1-${record.ifname}`), recordDocument(record, hostile));
  writeFileSync(join(virtualBus.state, "c2-\x1bc"), "{");
  const { directory } = virtualBus;
  for (const pci of [pf, vf])
    renameSync(
      join(directory, `pci/functions/${pci}/net/lo`),
      join(directory, `pci/functions/${pci}/net/${netdev}`),
    );
  const port = join(directory, `class/infiniband/${rdmaDevice}/ports/1`);
  mkdirSync(port, { recursive: true });
  writeFileSync(join(port, "link_layer"), "InfiniBand\n");
  removeTree(join(port, "../../device"));
  symlinkSync(`/sys/bus/pci/devices/${pf}`, join(port, "../../device"));
  mkdirSync(networks());
  writeFileSync(join(networks(), "1\x1b[2J\u009b.conf"), stdin.replace("deviceID", "guid"));
  writeFileSync(join(networks(), "2\x1b[2J\u009b.conf"), "{");
});

/** The directory of the networks, which every command can read. */
const networks = () => join(virtualBus.directory, "outside/networks");

/**
 * Runs a command in a network namespace whose netdev has a hostile name, and checks that its output is text of lines.
 * @param words a part of a shell's command line.
 */
async function output(words: string, variables: Readonly<Record<string, string>> = {}): Promise<string> {
  const script = `ip link set lo down; ip link set lo name "$NETDEV"; exec "$1" ${words}`;
  const under = ["sh", "-c", script, "sh"];
  const environment = { ...variables, NETDEV: netdev };
  const { stdout, stderr } = await virtualBus.run(executable, environment, Buffer.from("{}"), under);
  for (const text of [stdout, stderr]) expect(text).not.toMatch(UNSAFE);
  return stdout + stderr;
}

/** Characters that no output may contain: also the replacement of bytes that are not UTF-8. */
const UNSAFE = /(?!\n)[\p{Cc}\u202e\ufffd]/u;

test.each(["attachments", "attachments -o wide", "gc --dry-run", "gc --dry-run -o wide"])(
  "%s escapes names",
  async (words) => {
    const stdout = await output(words);
    expect(stdout).toContain(`default/${escaped}`);
    expect(stdout).toContain("c2-\\u001bc");
    expect(stdout.trimEnd().split("\n").length).toBeLessThan(6);
  },
);

test.each([
  ["json", (text: string) => JSON.parse(text)],
  ["yaml", (text: string) => parse(text)],
])("attachments -o %s contains the names themselves", async (format, read) => {
  const { attachments } = read(await output(`attachments -o ${format}`));
  expect(attachments[0]).toMatchObject({ pod: `default/${hostile}`, ifname: "n\x1b[2J\u009b" });
});

test("a command accepts what -o name prints", async () => {
  const [name = ""] = (await output("attachments -o name")).split("\n");
  expect(name).toBe("c1/n\\u001b[2J\\u009b");
  expect(await output(`attachments show '${name}'`)).toContain(escaped);
});

test.each(["list", "list --topology", "list -o yaml", "list -o json", "list -o wide"])(
  "%s escapes the names of netdevs and pods",
  async (words) => {
    const text = await output(words);
    expect(text).toContain("n\\u001b[8m\\u009b2J");
    expect(text).toContain(escaped);
  },
);

test.each(["", "-o json", "-o yaml", '--pod "default/$NETDEV"', "--fix"])(
  "doctor %s escapes names",
  async (words) => {
    const text = await output(`doctor ${words} --cni-conf-dir ${networks()}`);
    expect(text).toContain("\\u001b");
  },
);

test.each(["provision", "gc", "metrics --textfile /nowhere/$NETDEV"])("%s escapes names", async (words) => {
  await output(words);
});

test("the metrics are valid, and have the escaped names as labels", async () => {
  const text = await output("metrics");
  readMetrics(text);
  expect(text).toContain(`pod="${escaped.replaceAll("\\", "\\\\")}"`);
});

test("errors about arguments escape them", async () => {
  const text = "\"$(printf 'a\\033[2J\\2332J')\"";
  for (const words of [`attachments show ${text}`, text, `install --no-sleep --cni-bin-dir /nowhere${text}`])
    expect(await output(words)).toContain("a\\u001b[2J");
});

test("warnings of calls escape names", async () => {
  const stdin = JSON.stringify({
    cniVersion: "1.1.0",
    name: "n",
    type: "ib-sriov",
    "cni.dev/valid-attachments": [],
  });
  const call = `<<'END'\n${stdin}\nEND\n`;
  const text = await output(call, { CNI_COMMAND: "GC", CNI_PATH: "/nowhere" });
  expect(text).toContain("c2-\\u001bc");
});

test("errors that only stderr can report escape names", async () => {
  const stdin = JSON.stringify({ cniVersion: "1.0.0", name: "n", type: "ib-sriov" });
  const text = await output(`>&- <<'END'\n${stdin}\nEND\n`, { CNI_COMMAND: netdev });
  expect(text).toContain("n\\u001b[8m\\u009b2J");
});

test("names in errors.txt and lists of a report are escaped", async () => {
  const directory = join(virtualBus.directory, "run/report");
  await output(`bugreport /run/report --timeout 20 --cni-conf-dir ${networks()}`);
  const file = (name: string) =>
    spawnSync("tar", ["-xOf", directory, "--wildcards", `*/${name}`], { encoding: "utf8" }).stdout;
  for (const name of ["errors.txt", "networks/files.txt", "doctor.txt", "list.txt", "metrics.txt"]) {
    expect(file(name)).toContain("\\u001b");
    expect(file(name)).not.toMatch(UNSAFE);
  }
});

test.each(["list", "list --topology", "attachments", "doctor", "gc --dry-run"])(
  "%s colors its output in a terminal, but obeys no name",
  async (words) => {
    const script = `ip link set lo down; ip link set lo name "$NETDEV"; exec ${terminal} "$1" ${words}`;
    const environment = { NETDEV: netdev, TERM: "xterm" };
    const under = ["sh", "-c", script, "sh"];
    const { stdout } = await virtualBus.run(executable, environment, Buffer.from(""), under);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the sequences of colors begin with one.
    const colors = /\x1b\[(?:0|1|2|31|32|33)m/g;
    expect(stdout).toMatch(colors);
    expect(stdout.replace(colors, "")).not.toMatch(UNSAFE);
  },
);
