import { beforeEach, describe, expect, test, vi } from "vitest";
import { LinuxInventory } from "../../../../src/linux/pci/inventory.ts";
import { machine, resetMachine } from "../machine.ts";

vi.mock("host", async (pure) => ({
  ...(await pure<typeof import("host")>()),
  ...(await import("../fake-host.ts")),
}));

const classes = "/sys/class/infiniband";
const devices = "/sys/bus/pci/devices";
const inventory = new LinuxInventory();

beforeEach(() => {
  resetMachine();
  machine.directories.set(classes, []);
});

/** Adds a function with an RDMA device. */
function add(rdma: string, pci: string, files: Readonly<Record<string, number>>, linkLayer = "InfiniBand") {
  const device = `${classes}/${rdma}`;
  machine.directories.get(classes)?.push(rdma);
  machine.links.set(`${device}/device`, `../../../${pci}`);
  machine.directories.set(`${device}/ports`, ["1"]);
  machine.files.set(`${device}/ports/1/link_layer`, linkLayer);
  for (const [name, value] of Object.entries(files))
    machine.files.set(`${devices}/${pci}/${name}`, String(value));
}

const sriov = { sriov_totalvfs: 16, sriov_offset: 2, sriov_stride: 1 };

describe("PFs", () => {
  test("are the functions with an InfiniBand port that are not VFs", () => {
    add("mlx5_1", "0000:03:00.1", { ...sriov, sriov_offset: 17 });
    add("mlx5_0", "0000:03:00.0", sriov);
    add("mlx5_2", "0000:03:00.2", {});
    machine.directories.set(`${classes}/mlx5_2/device/physfn`, []);
    add("mlx5_3", "0000:83:00.0", {}, "Ethernet");
    expect(inventory.physicalFunctions()).toEqual(["0000:03:00.0", "0000:03:00.1"]);
  });

  test("are not VFs whose link to the PF is removed already, while their driver stops", () => {
    add("mlx5_0", "0000:03:00.0", sriov);
    add("mlx5_2", "0000:03:00.2", {});
    add("mlx5_17", "0000:03:02.1", {});
    expect(inventory.physicalFunctions()).toEqual(["0000:03:00.0"]);
  });

  test("can be functions without SR-IOV: behind the last VF, before the first, and in another domain", () => {
    add("mlx5_0", "0000:03:00.0", sriov);
    const others = ["0000:03:00.1", "0000:03:02.2", "0001:03:00.2"];
    for (const [i, pci] of others.entries()) add(`mlx5_${i + 1}`, pci, {});
    expect(inventory.physicalFunctions()).toEqual(["0000:03:00.0", ...others]);
  });
});
