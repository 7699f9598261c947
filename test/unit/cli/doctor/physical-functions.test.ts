import { describe, expect, test, vi } from "vitest";
import { physicalFunctions } from "../../../../src/cli/doctor/physical-functions.ts";
import type { InventoriedPf } from "../../../../src/cli/inventory.ts";
import type { Namespace } from "../../../../src/node/namespaces.ts";
import { aDoctorContext, aLink, aPf, aVf, port, summaries } from "./doctor-context.ts";

const devices = "/sys/bus/pci/devices";
const examine = (...pfs: InventoriedPf[]) => summaries(physicalFunctions(aDoctorContext({}, { pfs })));

test("a PF without problems is described", () => {
  expect(examine(aPf([aVf(0), aVf(1)]))).toEqual([
    [
      "ok pf-ok: 0000:03:00.0 (ib0, mlx5_0, mlx5_core): ACTIVE, 100 Gb/sec (4X EDR), subnet manager at LID 1; 2 of 8 VFs",
    ],
  ]);
});

test("PFs that cannot be read cause no finding", () => {
  expect(physicalFunctions(aDoctorContext({}, { pfs: undefined }))).toEqual([]);
});

describe("VFs", () => {
  const none = aPf([]);
  const off = aPf([], { possibleVfs: undefined });
  const made = "echo 8 >/sys/bus/pci/devices/0000:03:00.0/sriov_numvfs";

  test("a PF without VFs is an error if it is the only PF, else a warning", () => {
    expect(examine(none)).toEqual([
      [
        "error pf-no-vfs: 0000:03:00.0 has no VFs, and can have 8",
        made,
        "(to create them at every boot, use a udev rule or an operator)",
      ],
    ]);
    expect(examine(none, aPf([aVf(0)], { pci: "0000:04:00.0" }))[0]?.[0]).toMatch(
      /^warning pf-no-vfs: 0000:03:00\.0/,
    );
  });

  test("SR-IOV that is disabled in the firmware", () => {
    expect(examine(off)).toEqual([
      [
        "error pf-sriov-off: SR-IOV of 0000:03:00.0 is off in its firmware",
        "(enable SR-IOV in its firmware and in the BIOS)",
      ],
    ]);
    const nvidia = aDoctorContext({ [`${devices}/0000:03:00.0/vendor`]: "0x15b3\n" }, { pfs: [off] });
    expect(summaries(physicalFunctions(nvidia))[0]?.slice(1)).toEqual([
      "(if pods are to have VFs of it: mstconfig -d 0000:03:00.0 set SRIOV_EN=1 NUM_OF_VFS=8; then reboot. SR-IOV must be on in the BIOS, too)",
    ]);
  });
});

describe("a port", () => {
  const withPort = (changes: Partial<typeof port>, vfs = [aVf(0)]) =>
    examine(aPf(vfs, { ports: [{ ...port, ...changes }] }));

  test("that is down is an error for the pods with its VFs", () => {
    const down = { state: "DOWN", physicalState: "Polling", subnetManager: 0 };
    expect(withPort(down)).toEqual([
      [
        "error pf-port-down: port 1 of 0000:03:00.0 (mlx5_0) is DOWN (Polling)",
        "(check the cable and its other end)",
      ],
    ]);
    expect(withPort(down, [])[1]?.[0]).toMatch(/^warning pf-port-down: port 1/);
  });

  test.each([
    ["INIT", 0],
    ["ARMED", 1],
    ["ACTIVE", 0],
  ])("that is %s with subnet manager %i lacks a subnet manager", (state, subnetManager) => {
    expect(withPort({ state, subnetManager })).toEqual([
      [
        `error pf-no-sm: port 1 of 0000:03:00.0 (mlx5_0) is ${state}, without a subnet manager`,
        "(start a subnet manager in the subnet: UFM, that of a switch, or opensm)",
      ],
    ]);
  });

  test("of Ethernet is ignored", () => {
    expect(withPort({ linkLayer: "Ethernet", state: "DOWN" })[0]?.[0]).toMatch(/^ok/);
  });
});

describe("a PF without its netdev", () => {
  const pfs = [aPf([aVf(0)], { netdev: undefined })];
  const examineIn = (texts: Record<string, string>, parts: Parameters<typeof aDoctorContext>[2]) =>
    summaries(physicalFunctions(aDoctorContext(texts, { pfs }, parts)));
  const functions = { hasNetdev: () => true };
  const namespace = { "/run/netns/a": "" };
  const links = { ofFunction: (where: Namespace) => (where.path === "" ? [] : [aLink("ib0")]) };
  const open = (path: string) => ({ path, cookie: "2" });
  const inPod = "(it returns when the container ends; to list its processes: ip netns pids a)";

  test("whose ib_ipoib failed", () => {
    expect(examineIn({}, {})).toEqual([
      [
        "error pf-no-netdev: 0000:03:00.0 has no netdev: its VFs cannot be configured",
        "(see dmesg for the error of ib_ipoib)",
      ],
    ]);
  });

  test.each([
    ["without a process", {}, "ip -n a link set ib0 netns 1"],
    ["with a process", { inhabited: true }, inPod],
    ["and up", { up: true }, inPod],
    ["with an address", { cidr: "10.1.0.2/24" }, inPod],
    ["with an address that is link-local", { cidr: "fe80::1/64" }, "ip -n a link set ib0 netns 1"],
  ])("which is in a namespace with a name, %s", (_, state, remedy) => {
    const {
      inhabited = false,
      up = false,
      cidr,
    }: { inhabited?: boolean; up?: boolean; cidr?: string } = state;
    const close = vi.fn();
    const links = {
      ofFunction: (where: Namespace) => (where.path === "" ? [] : [aLink("ib0", { up })]),
      addresses: () => (cidr === undefined ? [] : [{ cidr, tentative: false, dadFailed: false }]),
    };
    const namespaces = { host: { path: "", cookie: "1" }, open, close, inhabited: () => inhabited };
    expect(examineIn(namespace, { functions, links, namespaces })).toEqual([
      [
        "error pf-netdev-away: the netdev of 0000:03:00.0 is in network namespace a: its VFs cannot be configured",
        remedy,
      ],
    ]);
    // Otherwise, a node with many pods would use up the descriptors.
    expect(close).toHaveBeenCalledOnce();
  });

  test("which is in a namespace without a name, beside a file that is not a namespace", () => {
    const refuse = () => {
      throw new Error("not a namespace");
    };
    const namespaces = { host: { path: "", cookie: "1" }, open: refuse };
    expect(examineIn(namespace, { functions, links, namespaces })).toEqual([
      [
        "error pf-netdev-away: the netdev of 0000:03:00.0 is in a network namespace without a name: its VFs cannot be configured",
        "('lsns -t net' lists namespaces and their processes; the netdev returns when they end)",
      ],
    ]);
  });

  test("is not ok without ib_ipoib, which is a finding of the kernel", () => {
    const context = aDoctorContext({}, { pfs });
    const inventory = { ...context.inventory, names: () => [] };
    expect(physicalFunctions({ ...context, inventory })).toEqual([]);
  });
});

describe("without a PF", () => {
  const of = (texts: Record<string, string>, functions = {}) =>
    summaries(physicalFunctions(aDoctorContext(texts, {}, { functions })));
  const infiniband = { [`${devices}/0000:03:00.0/class`]: "0x020700\n" };

  test("and without any function that could be a PF", () => {
    expect(of({ [`${devices}/0000:00:1f.0/class`]: "0x060100\n" })).toEqual([
      ["error pf-none: no PF of this node has a driver and an InfiniBand port"],
    ]);
  });

  test("and without sysfs", () => {
    expect(of({})).toEqual([
      [
        "error pf-none: no PCI device can be seen in /sys/bus/pci/devices",
        "(run the doctor on the host, not in a container; sysfs must be mounted at /sys)",
      ],
    ]);
  });

  test("a function has no driver", () => {
    const functions = { driver: () => undefined, driverOverride: () => undefined };
    const found = "error pf-no-driver: 0000:03:00.0 has no driver";
    const nvidia = { ...infiniband, [`${devices}/0000:03:00.0/vendor`]: "0x15b3\n" };
    expect(of(nvidia, functions)).toEqual([
      [found, "modprobe mlx5_core; echo 0000:03:00.0 >/sys/bus/pci/drivers_probe"],
    ]);
    expect(of(infiniband, functions)).toEqual([
      [found, "(load the driver that 'lspci -k -s 0000:03:00.0' names)"],
    ]);
    expect(of(nvidia, { ...functions, driverOverride: () => "vfio-pci" })).toEqual([
      [found, "(driver_override reserves it for vfio-pci)"],
    ]);
  });

  test("a PF has no RDMA device, unless a container has it", () => {
    const driver = () => "mlx5_core";
    expect(of(infiniband, { driver, rdmaDevicesAnywhere: () => [] })).toEqual([
      ["error pf-no-rdma: 0000:03:00.0 (mlx5_core) has no RDMA device", "modprobe mlx5_ib"],
    ]);
    expect(of(infiniband, { driver: () => "hfi1" })[0]?.slice(1)).toEqual(["(load the RDMA module of hfi1)"]);
    expect(of(infiniband, { driver, rdmaDevicesAnywhere: () => ["mlx5_0"] })).toEqual([
      ["error pf-none: no PF of this node has a driver and an InfiniBand port"],
    ]);
  });

  test("a PF is assigned as a whole", () => {
    expect(of(infiniband, { driver: () => "vfio-pci" })).toEqual([
      ["ok pf-vfio: 0000:03:00.0 is bound to vfio-pci, and can be attached as a whole"],
    ]);
  });

  test("a VF is not a PF", () => {
    const vf = { ...infiniband, [`${devices}/0000:03:00.0/physfn/class`]: "0x020700\n" };
    expect(of(vf, { driver: () => undefined, driverOverride: () => undefined })[0]?.[0]).toMatch(
      /^error pf-none: no PF/,
    );
  });

  describe("a port of Ethernet", () => {
    const pci = "0000:03:00.1";
    const found =
      "error pf-none: no PF of this node has a driver and an InfiniBand port; the ports of mlx5_0 are Ethernet ports";
    const examinePort = (state: string, texts: Record<string, string>, linkLayer = "Ethernet") => {
      const context = aDoctorContext({
        "/sys/class/infiniband/mlx5_0/ports/1/link_layer": "Ethernet\n",
        [`${devices}/${pci}/class`]: "0x020000\n",
        ...texts,
      });
      const ports = () => [{ ...port, linkLayer, state }];
      return summaries(physicalFunctions({ ...context, inventory: { ...context.inventory, ports } }));
    };
    const nvidia = { [`${devices}/${pci}/vendor`]: "0x15b3\n" };

    test("of an NVIDIA card without a link may be set to Ethernet by mistake", () => {
      expect(examinePort("DOWN", nvidia)).toEqual([
        [
          found,
          `(if the card is a VPI card, and its port has the cable of an InfiniBand network: mstconfig -d ${pci} set LINK_TYPE_P2=1; then reboot. That ends Ethernet on the port)`,
        ],
      ]);
    });

    test.each<[string, string, Record<string, string>]>([
      ["that has a link", "ACTIVE", nvidia],
      ["of another vendor", "DOWN", { [`${devices}/${pci}/vendor`]: "0x14e4\n" }],
      ["of a VF", "DOWN", { ...nvidia, [`${devices}/${pci}/physfn/class`]: "0x020000\n" }],
    ])("%s stays one", (_, state, texts) => {
      expect(examinePort(state, texts)).toEqual([[found]]);
    });
  });

  test("beside a PF in use, a PF without driver is only a warning", () => {
    const functions = { driver: () => undefined, driverOverride: () => undefined, hasNetdev: () => true };
    const context = aDoctorContext(
      infiniband,
      { pfs: [aPf([aVf(0)], { pci: "0000:04:00.0" })] },
      { functions },
    );
    expect(summaries(physicalFunctions(context))[0]?.[0]).toBe(
      "warning pf-no-driver: 0000:03:00.0 has no driver",
    );
  });
});
