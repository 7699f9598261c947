import { beforeEach, describe, expect, it, vi } from "vitest";
import { LinuxPciFunctions } from "../../../../src/linux/pci/pci-functions.ts";
import { PciFunctionError } from "../../../../src/node/pci-functions.ts";
import { machine, resetMachine } from "../machine.ts";

vi.mock("host", async (pure) => ({
  ...(await pure<typeof import("host")>()),
  ...(await import("../fake-host.ts")),
}));

const functions = new LinuxPciFunctions();
/** The bridge above all functions. */
const bridge = "devices/pci0000:00/0000:00:01.0";
const PF = "0000:01:00.0";

/** Makes a function, and its link among all others. @returns its directory. */
function device(pci: string): string {
  machine.links.set(`/sys/bus/pci/devices/${pci}`, `../../../${bridge}/${pci}`);
  machine.directories.set(directoryOf(pci), []);
  return directoryOf(pci);
}

const directoryOf = (pci: string) => `/sys/${bridge}/${pci}`;

/** Makes a function the VF with an index of another function. */
function virtual(vf: string, pf: string, index: number): void {
  machine.links.set(`${device(vf)}/physfn`, `../${pf}`);
  machine.links.set(`${directoryOf(pf)}/virtfn${index}`, `../${vf}`);
}

/** A PF with 8 VFs as QEMU's igb numbers them: offset 128, stride 2. */
function igb(): void {
  const directory = device(PF);
  machine.files.set(`${directory}/sriov_offset`, "128\n");
  machine.files.set(`${directory}/sriov_stride`, "2\n");
  for (let i = 0; i < 8; i++) {
    virtual(`0000:01:${(16 + (i >> 2)).toString(16)}.${(2 * i) % 8}`, PF, i);
  }
}

beforeEach(() => {
  resetMachine();
  igb();
});

/** Reads another attribute of a function, so that its directory is cached. */
function met(pci: string): void {
  functions.generation(pci);
  machine.calls.length = 0;
}

describe("a Virtual Function", () => {
  it("is found by reading one link, whatever its index", () => {
    const index = (pci: string) => {
      machine.calls.length = 0;
      const found = functions.virtualFunction(pci).index;
      expect(machine.calls.filter((call) => call.includes("virtfn"))).toHaveLength(1);
      return found;
    };
    expect([index("0000:01:10.0"), index("0000:01:10.4"), index("0000:01:11.6")]).toEqual([0, 2, 7]);
  });

  it("has its PF, and a generation that is not rounded", () => {
    expect(functions.virtualFunction("0000:01:10.2")).toEqual({
      pci: "0000:01:10.2",
      pf: PF,
      index: 1,
      generation: `9007199254740993${directoryOf("0000:01:10.2").length}`,
    });
  });

  it("is found if its PF is on another bus", () => {
    const pf = "0000:3b:00.1";
    const directory = device(pf);
    machine.files.set(`${directory}/sriov_offset`, "264\n");
    machine.files.set(`${directory}/sriov_stride`, "1\n");
    virtual("0000:3c:02.3", pf, 10);
    expect(functions.virtualFunction("0000:3c:02.3").index).toBe(10);
  });

  it.each([
    ["does not show how it numbers VFs (before 4.14)", (key: string) => machine.files.delete(key)],
    ["numbers VFs in another way than it shows", (key: string) => machine.files.set(key, "4\n")],
    ["shows a stride of 0", (key: string) => machine.files.set(key, "0\n")],
  ])("is searched for if the kernel %s", (_, spoil) => {
    spoil(`${directoryOf(PF)}/sriov_stride`);
    expect(functions.virtualFunction("0000:01:10.6").index).toBe(3);
    expect(functions.virtualFunction("0000:01:10.0").index).toBe(0);
  });

  it("is the same VF, or another VF has its address", () => {
    const [pci, other] = ["0000:01:10.0", "0000:01:10.2"];
    expect(functions.isVirtualOf({ pci, pf: PF, index: 0 })).toBe(true);
    expect(functions.isVirtualOf({ pci: other, pf: PF, index: 0 })).toBe(false);
    expect(functions.isVirtualOf({ pci, pf: PF, index: 8 })).toBe(false);
    expect(functions.isVirtualOf({ pci, pf: "0000:09:00.0", index: 0 })).toBe(false);
  });

  it("is found by its index at its PF", () => {
    expect(functions.virtualAt(PF, 1)).toBe("0000:01:10.2");
    expect(functions.virtualAt(PF, 8)).toBeUndefined();
  });

  it("is read in its directory, through its link once, and its PF through the VF's link", () => {
    const vf = "0000:01:10.6";
    met(vf);
    functions.virtualFunction(vf);
    functions.driver(vf);
    functions.isVirtualOf({ pci: vf, pf: PF, index: 3 });
    expect(machine.calls.length).toBeGreaterThan(5);
    expect(machine.calls.filter((call) => !call.includes(` /sys/${bridge}/`))).toEqual([]);
  });

  it("that was removed during the search does not exist", () => {
    machine.links.delete(`${directoryOf(PF)}/virtfn7`);
    expect(() => functions.virtualFunction("0000:01:11.6")).toThrow(
      expect.objectContaining({ name: "PciFunctionError", reason: "absent" }),
    );
  });

  it("that is not a VF is refused with its actual kind", () => {
    expect(() => functions.virtualFunction(PF)).toThrow(
      expect.objectContaining({ reason: "not-virtual", pci: PF, message: expect.stringContaining("physfn") }),
    );
    expect(() => functions.virtualFunction("0000:09:00.0")).toThrow(PciFunctionError);
    expect(() => functions.virtualFunction("0000:09:00.0")).toThrow(
      expect.objectContaining({ reason: "absent" }),
    );
    expect([functions.generation(PF), functions.generation("0000:09:00.0")]).toEqual([
      expect.any(String),
      undefined,
    ]);
  });

  it("is not reported as missing if sysfs cannot be read", () => {
    machine.faults.set("stat", "EACCES");
    expect(() => functions.virtualFunction("0000:01:10.0")).toThrow(
      expect.objectContaining({ code: "EACCES" }),
    );
    expect(() => functions.generation("0000:01:10.0")).toThrow(expect.objectContaining({ code: "EACCES" }));
  });

  it("with invalid numbers in sysfs is an error, not a wrong index", () => {
    machine.files.set(`${directoryOf(PF)}/sriov_offset`, "many\n");
    expect(() => functions.virtualFunction("0000:01:10.0")).toThrow(
      'sriov_offset contains "many" instead of a number',
    );
  });
});

describe("a text that is not a PCI address", () => {
  it.each([
    "",
    "../../../etc",
    "0000:01:10",
    "01:10.0",
    "0000:01:10.0/..",
    "0000:01:10.0:1",
    "0000:01:10.0.1",
    "0000:0g:10.0",
    "0000:01:10.",
    "0000:01:10.00",
    "0000:001:10.0",
    "000:01:10.0",
    "0000:01:10.0\n",
  ])("%j never becomes a path", (text) => {
    const calls = [
      () => functions.virtualFunction(text),
      () => functions.generation(text),
      () => functions.driver(text),
      () => functions.isVirtualOf({ pci: "0000:01:10.0", pf: text, index: 0 }),
      () => functions.netdevs(text),
      () => functions.rdmaDevices(text),
      () => functions.rdmaDevicesAnywhere(text),
      () => functions.rdmaFiles(text),
      () => functions.hasRdmaNames(text, { devices: ["mlx5_0"], files: [] }),
      () => functions.nodeGuid(text, "mlx5_0"),
      () => functions.bind(text, "mlx5_core"),
      () => functions.unbind(text, "mlx5_core"),
    ];
    for (const call of calls) expect(call).toThrow(RangeError);
    expect(machine.calls).toEqual([]);
  });

  it.each(["", ".", "..", "a/b", "../x"])("nor a driver or device named %j", (name) => {
    const vf = "0000:01:10.0";
    met(vf);
    expect(() => functions.bind(vf, name)).toThrow(RangeError);
    expect(() => functions.unbind(vf, name)).toThrow(RangeError);
    expect(() => functions.nodeGuid(vf, name)).toThrow(RangeError);
    expect(() => functions.hasRdmaNames(vf, { devices: [name], files: [] })).toThrow(RangeError);
    expect(() => functions.hasRdmaNames(vf, { devices: [], files: [name] })).toThrow(RangeError);
    expect(machine.calls).toEqual([]);
  });

  it("a domain of more than four digits is valid (volume management devices)", () => {
    expect(functions.generation("10000:e1:00.0")).toBeUndefined();
  });
});

describe("drivers and devices", () => {
  const vf = "0000:01:10.0";
  const directory = directoryOf(vf);
  beforeEach(() => met(vf));

  it("the driver is the last part of a link, and `undefined` without a link", () => {
    expect(functions.driver(vf)).toBeUndefined();
    machine.links.set(`${directory}/driver`, "../../../../bus/pci/drivers/mlx5_core");
    expect(functions.driver(vf)).toBe("mlx5_core");
    machine.faults.set("readLink", "EIO");
    expect(() => functions.driver(vf)).toThrow(expect.objectContaining({ code: "EIO" }));
  });

  it("bind and unbind write the address into the driver's file, and report the kernel's error", () => {
    functions.unbind(vf, "mlx5_core");
    functions.bind(vf, "vfio-pci");
    expect(machine.calls).toEqual([
      `writeFile /sys/bus/pci/drivers/mlx5_core/unbind "${vf}"`,
      `writeFile /sys/bus/pci/drivers/vfio-pci/bind "${vf}"`,
    ]);
    machine.faults.set("writeFile", "EBUSY");
    expect(() => functions.bind(vf, "mlx5_core")).toThrow(expect.objectContaining({ code: "EBUSY" }));
  });

  it("RDMA devices are found by their uverbs, in any namespace", () => {
    expect(functions.rdmaDevicesAnywhere(vf)).toEqual([]);
    machine.directories.set(`${directory}/infiniband_verbs`, ["uverbs1", "uverbs7"]);
    machine.files.set(`${directory}/infiniband_verbs/uverbs1/ibdev`, "mlx5_3\n");
    // The other device is being moved.
    expect(functions.rdmaDevicesAnywhere(vf)).toEqual(["mlx5_3"]);
  });

  it("device files are those of RDMA devices and of VFIO, with the numbers of sysfs", () => {
    expect(functions.deviceFiles(vf)).toEqual([]);
    const make = (path: string, number: string) => {
      const parent = path.slice(0, path.lastIndexOf("/"));
      const names = machine.directories.get(parent) ?? [];
      machine.directories.set(parent, [...names, path.slice(path.lastIndexOf("/") + 1)]);
      machine.files.set(`${path}/dev`, `${number}\n`);
    };
    make(`${directory}/infiniband_verbs/uverbs1`, "231:193");
    make(`${directory}/infiniband_mad/umad2`, "231:2");
    make(`${directory}/infiniband_mad/issm2`, "231:66");
    make(`${directory}/vfio-dev/vfio0`, "511:0");
    machine.links.set(`${directory}/iommu_group`, "../../../kernel/iommu_groups/12");
    make("/sys/class/vfio/12", "510:3");
    expect(functions.deviceFiles(vf).map(({ path, number }) => `${path} ${number}`)).toEqual([
      "/dev/infiniband/uverbs1 231:193",
      "/dev/infiniband/umad2 231:2",
      "/dev/infiniband/issm2 231:66",
      "/dev/vfio/devices/vfio0 511:0",
      "/dev/vfio/12 510:3",
    ]);
  });

  it("files of RDMA devices are uverbs and umad, if those modules are loaded", () => {
    expect(functions.rdmaFiles(vf)).toEqual([]);
    machine.directories.set(`${directory}/infiniband_verbs`, ["uverbs1"]);
    expect(functions.rdmaFiles(vf)).toEqual(["uverbs1"]);
    machine.directories.set(`${directory}/infiniband_mad`, ["issm2", "umad2"]);
    expect(functions.rdmaFiles(vf)).toEqual(["uverbs1", "umad2"]);
  });

  it("names of RDMA devices and files exist if each of them exists", () => {
    const names = { devices: ["mlx5_3"], files: ["uverbs1", "umad2"] };
    const there = ["infiniband/mlx5_3", "infiniband_verbs/uverbs1", "infiniband_mad/umad2"];
    for (const path of there) machine.directories.set(`${directory}/${path}`, []);
    expect(functions.hasRdmaNames(vf, names)).toBe(true);
    expect(machine.calls).toEqual(there.map((path) => `stat ${directory}/${path}`));
    for (const path of there) {
      machine.directories.delete(`${directory}/${path}`);
      expect(functions.hasRdmaNames(vf, names), path).toBe(false);
      machine.directories.set(`${directory}/${path}`, []);
    }
    machine.faults.set("stat", "EACCES");
    expect(() => functions.hasRdmaNames(vf, names)).toThrow(expect.objectContaining({ code: "EACCES" }));
  });

  it("netdevs and RDMA devices are those of the function; empty if elsewhere, or if the function vanishes", () => {
    expect([functions.netdevs(vf), functions.rdmaDevices(vf)]).toEqual([[], []]);
    expect(functions.hasNetdev(vf)).toBe(false);
    machine.directories.set(`${directory}/net`, ["ib0", "ib0.8001"]);
    machine.directories.set(`${directory}/infiniband`, ["mlx5_3"]);
    expect([functions.netdevs(vf), functions.rdmaDevices(vf)]).toEqual([["ib0", "ib0.8001"], ["mlx5_3"]]);
    machine.faults.set("readDirectory", "ENODEV");
    expect(functions.netdevs(vf)).toEqual([]);
    // The netdev is elsewhere.
    expect(functions.hasNetdev(vf)).toBe(true);
  });
});

describe("whether the node has a VF", () => {
  const infiniband = "/sys/class/infiniband";
  const has = (devices: Readonly<Record<string, { numvfs?: number; virtual?: boolean }>>) => {
    machine.directories.set(infiniband, Object.keys(devices));
    for (const [name, { numvfs, virtual }] of Object.entries(devices)) {
      if (numvfs !== undefined) machine.files.set(`${infiniband}/${name}/device/sriov_numvfs`, `${numvfs}\n`);
      if (virtual) machine.directories.set(`${infiniband}/${name}/device/physfn`, []);
    }
    return functions.anyVirtual();
  };

  it("is true for a PF, also if the VFs' devices are elsewhere", () => {
    expect(has({ mlx5_0: { numvfs: 4 } })).toBe(true);
  });

  it("is true for a VF whose PF is on another machine (in a virtual machine, for example)", () => {
    expect(has({ mlx5_0: { virtual: true } })).toBe(true);
  });

  it("is false for PFs without VFs, for devices without SR-IOV, and without InfiniBand", () => {
    expect(functions.anyVirtual()).toBe(false);
    expect(has({})).toBe(false);
    expect(has({ mlx5_0: { numvfs: 0 }, mlx5_1: {} })).toBe(false);
  });
});
