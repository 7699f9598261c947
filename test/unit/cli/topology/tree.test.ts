import { afterEach, describe, expect, test, vi } from "vitest";
import type { InventoriedPf } from "../../../../src/cli/inventory.ts";
import type { NearGpu } from "../../../../src/cli/topology/gpus.ts";
import { treeText } from "../../../../src/cli/topology/tree.ts";
import { aPf, aVf } from "../doctor/doctor-context.ts";

afterEach(() => void vi.unstubAllEnvs());

const attachment = {
  path: "/var/lib/cni/ib-sriov/c1-net1",
  condition: "attached",
  name: { containerId: "c1", ifname: "net1" },
  pci: "0000:03:00.2",
  pod: "default/trainer",
  network: "mynet",
  netns: "/run/netns/a",
  since: undefined,
  record: undefined,
  goCache: undefined,
} as const;

const pf = aPf([aVf(0, { attachment, netdev: undefined }), aVf(1)]);
const other = aPf([], { pci: "0000:83:00.0", netdev: undefined, rdma: [], numaNode: undefined });
const gpus = new Map<string, readonly NearGpu[]>([
  [
    pf.pci,
    [
      { pci: "0000:04:00.0", distance: "PIX", name: "NVIDIA H100 80GB HBM3" },
      { pci: "0000:84:00.0", distance: "SYS", name: undefined },
    ],
  ],
  [other.pci, []],
]);

const textOf = (pfs: readonly InventoriedPf[], near = gpus, hasLegend = false) =>
  treeText(pfs, near, { hasLegend }).split("\n");

describe.each([
  ["LC_ALL", "C.UTF-8"],
  ["LANG", "en_US.utf8"],
])("with %s=%s", (name, value) => {
  test("a tree is drawn with lines", () => {
    for (const each of ["LC_ALL", "LC_CTYPE", "LANG"]) vi.stubEnv(each, "");
    vi.stubEnv(name, value);
    expect(textOf([pf, other])).toEqual([
      "PF 0000:03:00.0  ib0  mlx5_0  NUMA node 0",
      "├─ GPU 0000:04:00.0  PIX   NVIDIA H100 80GB HBM3",
      "├─ GPU 0000:84:00.0  SYS",
      "├─ VF 0000:03:00.2  -    mlx5_1",
      "│  └─ default/trainer (c1) net1",
      "└─ VF 0000:03:00.3  ib2  mlx5_2",
      "",
      "PF 0000:83:00.0",
    ]);
  });
});

describe.each([
  { LC_ALL: "C", LANG: "en_US.UTF-8" },
  { LC_ALL: "", LC_CTYPE: "", LANG: "de_DE.ISO-8859-1" },
  {},
])("with %j", (environment) => {
  test("a tree is drawn in ASCII", () => {
    for (const each of ["LC_ALL", "LC_CTYPE", "LANG"]) vi.stubEnv(each, "");
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
    const last = aPf([aVf(0), aVf(1, { attachment: { ...attachment, condition: "orphaned" } })]);
    expect(textOf([last], new Map())).toEqual([
      "PF 0000:03:00.0  ib0  mlx5_0  NUMA node 0",
      "|- VF 0000:03:00.2  ib1  mlx5_1",
      "`- VF 0000:03:00.3  ib2  mlx5_2",
      "   `- orphaned: default/trainer (c1) net1",
    ]);
  });
});

test("the legend follows if there are GPUs", () => {
  const legend = textOf([other, pf], gpus, true).slice(-7);
  expect(legend[1]).toBe("Between PF and GPU:");
  expect(legend.slice(2).map((line) => line.split(" ")[0])).toEqual(["PIX", "PXB", "PHB", "NODE", "SYS"]);
  expect(textOf([pf], new Map(), true).join("\n")).not.toContain("GPU");
});
