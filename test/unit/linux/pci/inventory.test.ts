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

describe("the processes in network namespaces", () => {
  const pod = "/run/netns/pod";
  const other = "/var/run/netns/pod";

  beforeEach(() => {
    machine.directories.set("/proc", ["self", "1", "7", "8", "9"]);
    const inodes = {
      [pod]: "2",
      [other]: "2",
      "/proc/1/ns/net": "1",
      "/proc/7/ns/net": "2",
      "/proc/8/ns/net": "2",
    };
    for (const [path, inode] of Object.entries(inodes)) machine.inodes.set(path, inode);
    machine.files.set("/proc/7/cgroup", "0::/system.slice/c1\n");
    machine.files.set("/proc/9/cgroup", "0::/\n");
  });

  test("are returned for each path; those that have ended, and paths that do not exist, are left out", () => {
    const processes = [{ pid: "7", cgroup: "0::/system.slice/c1\n" }];
    expect(inventory.processesIn([pod, "/run/netns/gone", other])).toEqual(
      new Map([
        [pod, processes],
        [other, processes],
      ]),
    );
  });

  test("are an error if a process may not be examined", () => {
    machine.faults.set("stat /proc/7/", "EACCES");
    expect(() => inventory.processesIn([pod])).toThrow(expect.objectContaining({ code: "EACCES" }));
  });
});
