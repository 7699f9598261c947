import { describe, expect, test } from "vitest";
import { attachmentDocument, attachmentText } from "../../../src/cli/attachments/attachment-text.ts";
import { listingOf } from "../../../src/cli/attachments/list.ts";
import type { InventoriedPf, InventoriedVf } from "../../../src/cli/inventory.ts";
import { type Format, listingText } from "../../../src/cli/output/listing.ts";
import type { NearGpu } from "../../../src/cli/topology/gpus.ts";
import { guid } from "../../support/records.ts";
import { schemaErrors } from "../../support/schemas.ts";
import { aLink } from "./doctor/doctor-context.ts";

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
  attachment: attached,
};

const port = { number: 1, physicalState: "LinkUp", linkLayer: "InfiniBand", lid: 4, rate: "" };

const pf: InventoriedPf = {
  pci: "0000:03:00.0",
  driver: "mlx5_core",
  netdev: undefined,
  rdma: ["mlx5_0"],
  portGuid: undefined,
  ports: [{ ...port, device: "mlx5_0", state: "ACTIVE", subnetManager: 0 }],
  possibleVfs: 8,
  numaNode: 1,
  vfs: [vf, { ...vf, pci: "0000:03:00.3", index: 1, attachment: undefined }],
};

const noGpus = new Map<string, readonly NearGpu[]>();

const textOf = (pfs: readonly InventoriedPf[], format: Format = "table") =>
  listingText(format, { hasHeadings: true }, listingOf(pfs, noGpus, { isTree: false }));

test("PFs and VFs have a table each, an unknown value is a dash", () => {
  expect(textOf([pf]).split("\n")).toEqual([
    "PF            DRIVER     NETDEV  RDMA    GUID  PORTS                      VFS",
    "0000:03:00.0  mlx5_core  -       mlx5_0  -     ACTIVE, no subnet manager  2 of 8",
    "",
    "VF            #  DRIVER     NETDEV  RDMA    FILES          GUID                     LINK    PORT  ATTACHED TO",
    "0000:03:00.2  0  mlx5_core  -       mlx5_1  uverbs1,umad1  02:00:00:00:00:00:00:77  enable  -     default/trainer (c1) net1, since 2026-11-24T21:46:04Z",
    "0000:03:00.3  1  mlx5_core  -       mlx5_1  uverbs1,umad1  02:00:00:00:00:00:00:77  enable  -     -",
  ]);
});

test("wide tables add columns on the right", () => {
  const administrative = { ...vf.config, portGuid: guid("02:00:00:00:00:00:00:78") };
  const wide = {
    ...pf,
    netdev: aLink("ib0", { mtu: 4092 }),
    vfs: [{ ...vf, nodeGuid: guid("02:00:00:00:00:00:00:76"), config: administrative }, pf.vfs[1] ?? vf],
  };
  const rows = textOf(
    [
      {
        ...wide,
        ports: [
          { ...port, rate: "100 Gb/sec (4X EDR)", device: "mlx5_0", state: "ACTIVE", subnetManager: 1 },
        ],
      },
    ],
    "wide",
  )
    .split("\n")
    .map((line) => line.split(/ {2,}/));
  const right = (row: readonly string[] | undefined, from: number) => row?.slice(from);
  expect([0, 1].map((i) => right(rows[i], 7))).toEqual([
    ["MTU", "RATE", "LID", "NUMA"],
    ["4092", "100 Gb/sec (4X EDR)", "4", "1"],
  ]);
  expect([3, 4, 5].map((i) => right(rows[i], 10))).toEqual([
    ["MTU", "NODE GUID", "ADMIN GUID", "NUMA", "NETWORK", "NETNS"],
    ["-", "02:00:00:00:00:00:00:76", "02:00:00:00:00:00:00:78", "1", "mynet", "/run/netns/a"],
    ["-", "-", "-", "1", "-", "-"],
  ]);
});

test("a PF without SR-IOV, and a node without PFs, are reported", () => {
  expect(textOf([{ ...pf, possibleVfs: undefined, vfs: [] }])).toMatch(/SR-IOV is off$/);
  expect(textOf([])).toMatch(/no InfiniBand PF.*doctor/);
});

test("names are the addresses of PFs and VFs", () => {
  expect(textOf([pf], "name")).toBe("0000:03:00.0\n0000:03:00.2\n0000:03:00.3");
});

describe("the document", () => {
  const gpus = new Map([[pf.pci, [{ pci: "0000:04:00.0", distance: "PIX" as const, name: "A GPU" }]]]);
  const documentOf = (pfs: readonly InventoriedPf[], near = noGpus) =>
    JSON.parse(listingText("json", { hasHeadings: true }, listingOf(pfs, near, { isTree: false })));

  test("contains all that is known", () => {
    const full = {
      ...pf,
      netdev: aLink("ib0"),
      portGuid: vf.portGuid,
      vfs: [{ ...vf, netdev: aLink("ib1") }],
    };
    const document = documentOf([full], gpus);
    expect(schemaErrors("list", document)).toEqual([]);
    expect(document.pfs[0]).toMatchObject({
      numaNode: 1,
      mtu: 2044,
      gpus: [{ pci: "0000:04:00.0", distance: "PIX", name: "A GPU" }],
      vfs: [{ netdev: "ib1", administrative: {}, attachment: { pod: "default/trainer", ifname: "net1" } }],
    });
  });

  test("lacks what is not known", () => {
    const unknown = { driver: undefined, portGuid: undefined };
    const bare: InventoriedVf = {
      ...vf,
      ...unknown,
      config: { linkState: undefined, nodeGuid: undefined, portGuid: undefined },
      attachment: { ...attached, name: undefined, pod: undefined, since: undefined, pci: undefined },
    };
    const document = documentOf([
      { ...pf, ...unknown, possibleVfs: undefined, numaNode: undefined, vfs: [bare] },
    ]);
    expect(schemaErrors("list", document)).toEqual([]);
    expect(Object.keys(document.pfs[0]).sort()).toEqual(["gpus", "pci", "ports", "rdma", "vfs"]);
  });

  test("of an attachment alone is the same as in the list", () => {
    const document = { schemaVersion: 1, attachments: [attachmentDocument(attached)] };
    expect(schemaErrors("attachments show", JSON.parse(JSON.stringify(document)))).toEqual([]);
  });
});

test("the text of an attachment has the pod, else the container, else the file, after its condition", () => {
  expect(attachmentText({ ...attached, pod: undefined, condition: "orphaned" })).toBe(
    "orphaned: c1 net1, since 2026-11-24T21:46:04Z",
  );
  expect(
    attachmentText({
      ...attached,
      pod: undefined,
      name: undefined,
      since: undefined,
      condition: "unreadable",
    }),
  ).toBe(`unreadable: ${attached.path}`);
});

test("a PF that a virtual machine has is listed with its pod and the port GUID that was noted", () => {
  const pfGuid = guid("02:00:00:00:00:00:00:01");
  const whole: InventoriedPf = {
    ...pf,
    driver: "vfio-pci",
    rdma: [],
    portGuid: pfGuid,
    ports: [],
    possibleVfs: undefined,
    vfs: [],
    attachment: { ...attached, pci: pf.pci, pfGuid },
  };
  expect(textOf([whole]).split("\n")[1]).toMatch(
    /^0000:03:00.0 +vfio-pci +- +- +02:00:00:00:00:00:00:01 +- +attached to default\/trainer \(c1\) net1, since/,
  );
  const document = JSON.parse(textOf([whole], "json"));
  expect(schemaErrors("list", document)).toEqual([]);
  expect(document.pfs[0].attachment).toMatchObject({ pci: pf.pci, portGuid: pfGuid, pod: "default/trainer" });
});
