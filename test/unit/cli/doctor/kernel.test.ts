import { expect, test } from "vitest";
import { kernel } from "../../../../src/cli/doctor/kernel.ts";
import { aDoctorContext, aPf, summaries } from "./doctor-context.ts";

test("a kernel with all features is ok", () => {
  expect(summaries(kernel(aDoctorContext()))).toEqual([["ok kernel-ok: Linux 6.12.117"]]);
});

test("a kernel without netns cookies is a warning, whatever its version", () => {
  const namespaces = { host: { path: "", cookie: "4:4026531840" } };
  const old = aDoctorContext({ "/proc/sys/kernel/osrelease": "4.18.0-513.el8" }, {}, { namespaces });
  expect(summaries(kernel(old))).toEqual([
    [
      "warning kernel-too-old: Linux 4.18.0-513.el8 does not report which VF a netdev in a container belongs to: DEL, CHECK and GC can fail",
      "(use Linux 5.14 or later)",
    ],
  ]);
});

test("without ib_ipoib nothing can be attached, without ib_uverbs pods have no RDMA", () => {
  const context = aDoctorContext();
  const { inventory } = context;
  const bare = { ...context, pfs: [aPf([])], inventory: { ...inventory, names: () => [] } };
  expect(summaries(kernel(bare)).slice(1)).toEqual([
    [
      "error pf-no-ipoib: module ib_ipoib is not loaded: PFs (0000:03:00.0) have no netdevs, through which VFs are configured",
      "modprobe ib_ipoib",
      "(at every boot: echo ib_ipoib >>/etc/modules-load.d/ib-sriov.conf)",
    ],
    [
      "warning kernel-no-uverbs: module ib_uverbs is not loaded: pods have only IPoIB, without RDMA",
      "modprobe ib_uverbs",
      "(at every boot: echo ib_uverbs >>/etc/modules-load.d/ib-sriov.conf)",
    ],
  ]);
});

test.each([
  ["without an HCA, and without sysfs", {}, "mlx5_core", 0],
  ["with an HCA that has no VF yet", { class: "0x020700" }, "mlx5_core", 2],
  ["whose only HCA is bound to vfio-pci", { class: "0x020700" }, "vfio-pci", 0],
  ["with an Ethernet adapter", { class: "0x020000" }, "mlx5_core", 0],
])("a node %s needs the modules of InfiniBand, or not", (_, files, driver, findings) => {
  const device = "/sys/bus/pci/devices/0000:03:00.0";
  const texts = Object.fromEntries(Object.entries(files).map(([name, text]) => [`${device}/${name}`, text]));
  const context = aDoctorContext(texts, {}, { functions: { driver: () => driver } });
  const names = (path: string) => (path.startsWith("/sys/module") ? [] : context.inventory.names(path));
  const all = kernel({ ...context, inventory: { ...context.inventory, names } });
  expect(all.filter(({ fix }) => fix !== undefined)).toHaveLength(findings);
});
