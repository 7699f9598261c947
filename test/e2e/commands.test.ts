// The commands for operators: list, provision; administration.test.ts has others.
import { describe, expect, test } from "vitest";
import { hostLocal, network } from "./cni.ts";
import { plugin, testNode, vfs } from "./node.ts";
import { withoutProgress } from "./progress.ts";

const node = testNode({ iommu: true });
const [vf, second, , fresh] = vfs;
const guid = "02:00:00:00:00:00:00:77";
const config = network(vf, { guid, link_state: "enable", ipam: hostLocal(["10.1.0.0/24"]) });
const args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=trainer";

const operate = async (words: string) => withoutProgress(await node.guest.execute(`${plugin} ${words}`));
const operated = async (words: string) => {
  const { status, stdout, stderr } = await operate(words);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout;
};
const json = async (words: string) => JSON.parse(await operated(`${words} -o json`));
/** Returns the inode of a VF's RDMA devices in sysfs, which changes with each probe of the driver. */
const probe = (pci: string) => node.shell(`stat -c %i /sys/bus/pci/devices/${pci}/infiniband`);

test("list shows PFs and VFs, and the owners of VFs", () =>
  node.unchanged(async () => {
    await node.add("a", config, { args });
    const rows = (await operated("list")).split("\n").map((line) => line.split(/ {2,}/));
    expect(rows.slice(0, 2)).toEqual([
      ["PF", "DRIVER", "NETDEV", "RDMA", "GUID", "PORTS", "VFS"],
      [
        "0000:01:00.0",
        "mlx5_core",
        "ib0",
        "mlx5_0",
        expect.stringMatching(/^[0-9a-f:]{23}$/),
        "ACTIVE",
        "4 of 8",
      ],
    ]);
    const row = (pci: string) => rows.find(([first]) => first === pci) ?? [];
    expect(row(vf).slice(1)).toEqual([
      ...["0", "mlx5_core", "-", "mlx5_1", "uverbs1,umad1", guid, "enable", "ACTIVE"],
      expect.stringMatching(/^default\/trainer \(c1\) net1, since 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    ]);
    expect(row(second).slice(2)).toEqual([
      ...[
        "mlx5_core",
        "ibp1s0f0v1",
        "mlx5_2",
        "uverbs2,umad2",
        "0a:00:00:00:00:00:01:02",
        "enable",
        "ACTIVE",
        "-",
      ],
    ]);
    const { pfs } = await json("list");
    expect(pfs[0].vfs[0]).toMatchObject({
      pci: vf,
      portGuid: guid,
      holder: { containerId: "c1", pod: "default/trainer" },
    });
    expect(pfs[0].vfs[1]).toMatchObject({ netdev: "ibp1s0f0v1", mtu: 1800, linkState: "enable" });
    await node.del("a", config);
  }));

describe("provision", () => {
  test("assigns GUIDs to free VFs once; other VFs keep theirs, and containers keep their VFs", async () => {
    const before = await node.snapshot();
    await node.add("a", config);
    const kept = await probe(second);
    const lines = await json("provision");
    expect(lines).toEqual([
      { pci: vf, outcome: "in use" },
      { pci: second, outcome: "kept", guid: "0a:00:00:00:00:00:01:02" },
      { pci: vfs[2], outcome: "kept", guid: "0a:00:00:00:00:00:02:02" },
      { pci: fresh, outcome: "given", guid: expect.stringMatching(/^[0-9a-f:]{23}$/) },
    ]);
    const assigned = lines[3].guid;
    const made = await probe(fresh);
    expect(await operated("provision")).toContain(`${fresh}: kept ${assigned}\n`);
    expect([await probe(second), await probe(fresh)]).toEqual([kept, made]);
    // The first pod makes no rebind.
    const auto = network(fresh, { guid: "auto" });
    const { interfaces } = await node.add("b", auto, { container: "c2" });
    expect(interfaces?.at(-1)?.mac).toMatch(new RegExp(`${assigned}$`));
    expect(await probe(fresh)).toBe(made);
    await node.del("b", auto, { container: "c2" });
    await node.del("a", config);
    // Except for this GUID, in any spelling, everything is as before.
    const inSysfs = assigned.replaceAll(":", "").replaceAll(/(.{4})(?=.)/g, "$1:");
    const changed = (await node.snapshot()).filter((line) => !before.includes(line));
    expect(changed.filter((line) => !line.includes(assigned) && !line.includes(inSysfs))).toEqual([]);
    await node.reset();
  });

  test("a VF whose probe fails once gets its GUID nevertheless", async () => {
    await node.shell("echo 1 >/sys/module/vhca/parameters/fail_probe");
    const { status, stdout } = await operate("provision");
    await node.shell("echo 0 >/sys/module/vhca/parameters/fail_probe");
    // `provision` tries once more if a probe fails.
    expect({ status, stdout }).toMatchObject({
      status: 0,
      stdout: expect.stringContaining(`${fresh}: given`),
    });
    await node.reset();
  });
});
