import { describe, expect, test } from "vitest";
import { numaNodeOf } from "../../../../src/cli/topology/distance.ts";
import { gpusOf } from "../../../../src/cli/topology/gpus.ts";
import { inventoryOf } from "./machine-topology.ts";

const MELLANOX = "0x15b3";
const NVIDIA = "0x10de";
const AMD = "0x1002";

/**
 * A server with two sockets and, at each socket, two host bridges with a PCIe switch each, as GPU servers have. Switch 1
 * of socket 0 has a second switch below it.
 */
const twoSockets = inventoryOf(
  `
  pci0000:00/0000:00:1f.0                                                       0x060100 0x8086    0
  pci0000:00/0000:00:1c.0/0000:02:00.0/0000:03:00.0                             0x030000 0x1a03    0
  pci0000:15/0000:15:01.0/0000:16:00.0/0000:17:00.0/0000:18:00.0                0x020700 ${MELLANOX} 0
  pci0000:15/0000:15:01.0/0000:16:00.0/0000:17:01.0/0000:19:00.0                0x030200 ${NVIDIA} 0
  pci0000:15/0000:15:01.0/0000:16:00.0/0000:17:02.0/0000:1a:00.0/0000:1b:00.0/0000:1c:00.0 0x030200 ${NVIDIA} 0
  pci0000:15/0000:15:03.0/0000:1e:00.0                                          0x030200 ${NVIDIA} 0
  pci0000:37/0000:37:01.0/0000:38:00.0/0000:39:00.0/0000:3a:00.0                0x030200 ${NVIDIA} 0
  pci0000:97/0000:97:01.0/0000:98:00.0/0000:99:00.0/0000:9a:00.0                0x020700 ${MELLANOX} 1
  pci0000:97/0000:97:01.0/0000:98:00.0/0000:99:01.0/0000:9b:00.0                0x030200 ${NVIDIA} 1
  `,
  2,
  {
    "/proc/driver/nvidia/gpus/0000:19:00.0/information":
      "Model: \t\t NVIDIA H100 80GB HBM3\nIRQ:   \t\t 18\n",
  },
);

const distances = (inventory: ReturnType<typeof inventoryOf>, pf: string) =>
  gpusOf(inventory, [pf])
    .get(pf)
    ?.map(({ pci, distance }) => [pci, distance]);

test("two sockets: from the same switch to the other socket", () => {
  expect(distances(twoSockets, "0000:18:00.0")).toEqual([
    ["0000:19:00.0", "PIX"],
    ["0000:1c:00.0", "PXB"],
    ["0000:1e:00.0", "PHB"],
    ["0000:3a:00.0", "NODE"],
    ["0000:9b:00.0", "SYS"],
  ]);
  expect(distances(twoSockets, "0000:9a:00.0")).toEqual([
    ...["0000:19:00.0", "0000:1c:00.0", "0000:1e:00.0", "0000:3a:00.0"].map((pci) => [pci, "SYS"]),
    ["0000:9b:00.0", "PIX"],
  ]);
});

test("a GPU has the name that its driver reports", () => {
  const names = gpusOf(twoSockets, ["0000:18:00.0"])
    .get("0000:18:00.0")
    ?.map(({ name }) => name);
  expect(names).toEqual(["NVIDIA H100 80GB HBM3", undefined, undefined, undefined, undefined]);
  const amd = inventoryOf(`pci0000:00/0000:00:01.0/0000:01:00.0 0x120000 ${AMD} 0 product_name=MI300X`, 1);
  expect(gpusOf(amd, ["x"]).get("x")).toMatchObject([{ pci: "0000:01:00.0", name: "MI300X" }]);
});

/** A workstation: one socket, no switch; its firmware reports no NUMA nodes. */
const oneSocket = (nodes: number) =>
  inventoryOf(
    `
    pci0000:00/0000:00:01.0/0000:01:00.0 0x020700 ${MELLANOX} -1
    pci0000:00/0000:00:02.0              0x030000 0x8086      -1
    pci0000:00/0000:00:03.0/0000:02:00.0 0x030000 ${NVIDIA}   -1
    pci0000:40/0000:40:01.0/0000:41:00.0 0x038000 ${AMD}      -1
    `,
    nodes,
  );

describe("without NUMA nodes from the firmware", () => {
  test("a machine with one node, or a kernel without NUMA, has one node", () => {
    const expected = [
      ["0000:00:02.0", "PHB"],
      ["0000:02:00.0", "PHB"],
      ["0000:41:00.0", "NODE"],
    ];
    expect(distances(oneSocket(1), "0000:01:00.0")).toEqual(expected);
    expect(distances(oneSocket(0), "0000:01:00.0")).toEqual(expected);
  });

  test("another host bridge of a machine with two nodes may be at the other node", () => {
    expect(distances(oneSocket(2), "0000:01:00.0")?.at(-1)).toEqual(["0000:41:00.0", "SYS"]);
  });
});

describe("the same root port", () => {
  const inventory = inventoryOf(
    `
    pci0000:00/0000:00:01.0/0000:01:00.0 0x020700 ${MELLANOX} 0
    pci0000:00/0000:00:01.0/0000:01:00.1 0x030200 ${NVIDIA}   0
    `,
    1,
  );
  test("is the distance of two functions of one device", () => {
    expect(distances(inventory, "0000:01:00.0")).toEqual([["0000:01:00.1", "PIX"]]);
  });
});

test("domains below a Volume Management Device are separate host bridges", () => {
  const inventory = inventoryOf(
    `
    pci0000:00/0000:00:0e.0/pci10000:e0/10000:e0:06.0/10000:e1:00.0 0x030200 ${NVIDIA}   0
    pci0000:00/0000:00:0e.0/pci10000:e0/10000:e0:07.0/10000:e2:00.0 0x020700 ${MELLANOX} 0
    pci0000:00/0000:00:01.0/0000:01:00.0                            0x020700 ${MELLANOX} 0
    `,
    1,
  );
  expect(distances(inventory, "10000:e2:00.0")).toEqual([["10000:e1:00.0", "PHB"]]);
  expect(distances(inventory, "0000:01:00.0")).toEqual([["10000:e1:00.0", "NODE"]]);
});

test.each([
  ["a VGA controller of a management controller", `0x030000 0x1a03 0`, []],
  ["a VF of a GPU", `0x030200 ${NVIDIA} 0 physfn/class=0x030200`, []],
  ["a network controller", `0x020700 ${MELLANOX} 0`, []],
  ["an audio function of a GPU", `0x040300 ${NVIDIA} 0`, []],
  ["a VGA controller of NVIDIA", `0x030000 ${NVIDIA} 0`, ["0000:01:00.0"]],
  ["a processing accelerator of another vendor", `0x120000 0x1da3 0`, ["0000:01:00.0"]],
])("%s", (_, line, expected) => {
  const inventory = inventoryOf(`pci0000:00/0000:00:01.0/0000:01:00.0 ${line}`, 1);
  expect(
    gpusOf(inventory, ["x"])
      .get("x")
      ?.map(({ pci }) => pci),
  ).toEqual(expected);
});

test("the NUMA node of a function is not known if the firmware does not report it", () => {
  expect(numaNodeOf(twoSockets, "0000:9a:00.0")).toBe(1);
  expect(numaNodeOf(oneSocket(1), "0000:01:00.0")).toBeUndefined();
  expect(numaNodeOf(twoSockets, "0000:ff:00.0")).toBeUndefined();
});
