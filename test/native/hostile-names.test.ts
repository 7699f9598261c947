// A container, or the file system, can choose names with characters that a terminal obeys, or that are not text.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { recordDocument } from "../../src/attachment/record/record-file.ts";
import { readMetrics } from "../support/prometheus.ts";
import { aRecord } from "../support/records.ts";
import { VirtualPciBus, vf } from "../support/virtual-pci-bus.ts";
import { executable } from "./harness.ts";

/** ESC and C1 sequences that clear a screen, a change of the direction of text, and halves of surrogate pairs. */
const hostile = "x\x1b[2J\u009b2J\u202e\ud800 \udc9b";
const escaped = "x\\u001b[2J\\u009b2J\\u202e\\ud800 \\udc9b";

let virtualBus: VirtualPciBus;
beforeAll(async () => {
  virtualBus = await VirtualPciBus.make();
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
});
afterAll(() => virtualBus.end());

/** Runs a command, and checks that its output is text of lines. */
async function output(words: string): Promise<string> {
  const under = ["sh", "-c", `exec "$1" ${words}`, "sh"];
  const { stdout, stderr } = await virtualBus.run(executable, {}, Buffer.from(""), under);
  for (const text of [stdout, stderr]) expect(text).not.toMatch(/(?!\n)[\p{Cc}\u202e\ufffd]/u);
  return stdout;
}

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

test.each(["list", "list --topology", "list -o yaml"])("%s escapes names", async (words) => {
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
    await output(words);
});
