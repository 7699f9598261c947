import { expect, test } from "vitest";
import { holderText, textOf } from "../../../src/cli/attachments/list.ts";
import type { InventoriedPf, InventoriedVf } from "../../../src/cli/inventory.ts";
import { guid } from "../../support/records.ts";

const attached = {
  path: "/var/lib/cni/ib-sriov/c1-net1",
  condition: "attached",
  name: { containerId: "c1", ifname: "net1" },
  pci: "0000:03:00.2",
  pod: "default/trainer",
  network: "mynet",
  netns: "/run/netns/a",
  since: Date.UTC(2026, 10, 24, 21, 46, 4),
  record: undefined,
  goCache: undefined,
} as const;

const vf: InventoriedVf = {
  pci: "0000:03:00.2",
  index: 0,
  driver: "mlx5_core",
  netdev: undefined,
  rdma: ["mlx5_1"],
  files: ["uverbs1", "umad1"],
  nodeGuid: undefined,
  portGuid: guid("02:00:00:00:00:00:00:77"),
  config: { linkState: "enable", nodeGuid: undefined, portGuid: undefined },
  ports: [],
  holder: attached,
};

const style = { isWide: false, hasHeadings: true };

const port = { number: 1, physicalState: "LinkUp", linkLayer: "InfiniBand", lid: 4, rate: "" };

const pf: InventoriedPf = {
  pci: "0000:03:00.0",
  driver: "mlx5_core",
  netdev: undefined,
  rdma: ["mlx5_0"],
  portGuid: undefined,
  ports: [{ ...port, device: "mlx5_0", state: "ACTIVE", subnetManager: 0 }],
  possibleVfs: 8,
  vfs: [vf, { ...vf, pci: "0000:03:00.3", index: 1, holder: undefined }],
};

test("PFs and VFs have a table each, an unknown value is a dash", () => {
  expect(textOf({ pfs: [pf], attached: [] }, style).split("\n")).toEqual([
    "PF            DRIVER     NETDEV  RDMA    GUID  PORTS                      VFS",
    "0000:03:00.0  mlx5_core  -       mlx5_0  -     ACTIVE, no subnet manager  2 of 8",
    "",
    "VF            #  DRIVER     NETDEV  RDMA    FILES          GUID                     LINK    PORT  HELD BY",
    "0000:03:00.2  0  mlx5_core  -       mlx5_1  uverbs1,umad1  02:00:00:00:00:00:00:77  enable  -     default/trainer (c1) net1, since 2026-11-24T21:46:04Z",
    "0000:03:00.3  1  mlx5_core  -       mlx5_1  uverbs1,umad1  02:00:00:00:00:00:00:77  enable  -     -",
  ]);
});

test("a PF without SR-IOV, and a node without PFs, are reported", () => {
  expect(textOf({ pfs: [{ ...pf, possibleVfs: undefined, vfs: [] }], attached: [] }, style)).toMatch(
    /SR-IOV is off$/,
  );
  expect(textOf({ pfs: [], attached: [] }, style)).toMatch(/no InfiniBand PF.*doctor/);
});

test("the holder is the pod, else the container, else the file, after its condition", () => {
  expect(holderText({ ...attached, pod: undefined, condition: "orphaned" })).toBe(
    "orphaned: c1 net1, since 2026-11-24T21:46:04Z",
  );
  expect(
    holderText({ ...attached, pod: undefined, name: undefined, since: undefined, condition: "unreadable" }),
  ).toBe(`unreadable: ${attached.path}`);
});
