// The executable writes its files for root only, and at their paths: no link leads out of the state directory.
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { recordDocument } from "../../src/attachment/record/record-document.ts";
import { configurations, goCacheText, variables } from "../fuzz/seeds.ts";
import { aRecord } from "../support/records.ts";
import { type Answer, pf, removeTree, VirtualPciBus, vf } from "../support/virtual-pci-bus.ts";
import { executables } from "./executables.ts";

const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();

describe.each(executables)("$variant executable", ({ path }) => {
  let virtualBus: VirtualPciBus;
  beforeAll(async () => {
    virtualBus = await VirtualPciBus.make();
  });
  afterAll(() => virtualBus.end());
  beforeEach(() => virtualBus.tidy());

  const call = (command: string, under: readonly string[] = []): Promise<Answer> => {
    const CNI_PATH = join(virtualBus.directory, "bin");
    const environment = { ...variables, CNI_COMMAND: command, CNI_NETNS: virtualBus.netns, CNI_PATH };
    return virtualBus.run(path, environment, Buffer.from(configurations[0] ?? ""), under);
  };

  /** A record of ib-sriov for the current VF. */
  const record = () =>
    recordDocument(
      aRecord({
        state: "complete",
        netns: virtualBus.netns,
        bootId,
        vf: { pci: vf, pf, index: 0, generation: virtualBus.generation },
        originals: { ...aRecord().originals, name: "lo", altnames: [] },
        desired: {},
      }),
      "lo",
    );

  /** Permissions of everything in the state directory, by path. */
  const modes = (directory: string): [path: string, mode: string][] =>
    readdirSync(directory, { recursive: true, encoding: "utf8" }).map((name) => {
      const status = lstatSync(join(directory, name));
      return [name, `${status.isDirectory() ? "directory" : "file"} ${(status.mode & 0o777).toString(8)}`];
    });

  test.each(["000", "022", "077"])("state files are root's alone under umask %s", async (umask) => {
    const under = ["sh", "-c", `umask ${umask}; exec "$@"`, "sh"];
    await call("ADD", under);
    expect(modes(join(virtualBus.directory, "lib/cni"))).toEqual([
      ["ib-sriov", "directory 700"],
      ["ib-sriov/.calls", "file 600"],
      ["ib-sriov/.vf", "directory 700"],
      [`ib-sriov/.vf/${vf}`, "file 600"],
    ]);
    // The Go plugin's cache becomes a record of ib-sriov, which stays because DEL fails.
    writeFileSync(join(virtualBus.state, "c1-net1"), goCacheText, { mode: 0o644 });
    removeTree(join(virtualBus.directory, "pci/devices", vf, "driver"));
    expect(await call("DEL", under)).toMatchObject({ status: 1 });
    expect(readFileSync(join(virtualBus.state, "c1-net1"), "utf8")).toContain('"attachment":');
    expect(new Map(modes(virtualBus.state)).get("c1-net1")).toBe("file 600");
  });

  test("a link in the place of the counters is not followed, and does not make a call fail", async () => {
    const precious = join(virtualBus.directory, "outside", "precious");
    writeFileSync(precious, "{}");
    const usual = await call("ADD");
    removeTree(join(virtualBus.state, ".calls"));
    symlinkSync(precious, join(virtualBus.state, ".calls"));
    expect(await call("ADD")).toEqual(usual);
    expect(readFileSync(precious, "utf8")).toBe("{}");
    expect(lstatSync(join(virtualBus.state, ".calls")).isSymbolicLink()).toBe(true);
  });

  test.each([
    ["ADD", ".vf"],
    ["ADD", `.vf/${vf}`],
    ["DEL", "c1-net1"],
    ["DEL", ".vf"],
    ["DEL", `.vf/${vf}`],
    ["DEL", ".node"],
    ["DEL", ".x"],
    ["DEL", ".x/c1"],
    ["DEL", ".x/c1/net1"],
  ])("%s follows no link in the place of %s", async (command, name) => {
    const outside = join(virtualBus.directory, "outside");
    const isAside = name.startsWith(".x");
    mkdirSync(join(virtualBus.state, ".vf"), { recursive: true });
    // Behind the link are files that look like the plugin's: a record, lock files.
    mkdirSync(join(outside, "c1"));
    const decoys = [
      join(outside, vf),
      join(outside, "c1/net1"),
      join(outside, "net1"),
      join(outside, "file"),
    ];
    for (const decoy of decoys) writeFileSync(decoy, record());
    if (command === "DEL" && !isAside) writeFileSync(join(virtualBus.state, "c1-net1"), record());
    const link = join(virtualBus.state, name);
    mkdirSync(dirname(link), { recursive: true });
    removeTree(link);
    const target =
      name === ".vf" || name === ".x"
        ? outside
        : name === ".x/c1"
          ? join(outside, "c1")
          : join(outside, "file");
    symlinkSync(target, link);

    // Without a driver, DEL must bind the VF, for which it takes the node's lock.
    if (command === "DEL") removeTree(join(virtualBus.directory, "pci/devices", vf, "driver"));
    const { status, stdout } = await call(command);
    if (command === "DEL" && (name === "c1-net1" || name === ".x/c1/net1")) {
      // The record's path is a link: DEL continues without a record, and removes only the link.
      expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
      expect(existsSync(link)).toBe(false);
    } else {
      expect(status).toBe(1);
      expect(JSON.parse(stdout)).toMatchObject({ msg: expect.stringContaining("ELOOP") });
      expect(JSON.parse(stdout)).toMatchObject({
        msg: expect.stringContaining(`/var/lib/cni/ib-sriov/${name}`),
      });
    }
    for (const decoy of decoys) expect(readFileSync(decoy, "utf8")).toBe(record());
    expect(readdirSync(outside).sort()).toEqual([vf, "c1", "file", "net1"].sort());
  });
});
