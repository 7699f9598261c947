import { expect, test } from "vitest";
import { kernel } from "../../../../src/cli/doctor/kernel.ts";
import { aDoctorContext, summaries } from "./doctor-context.ts";

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
  const bare = { ...context, inventory: { ...inventory, names: () => [] } };
  expect(summaries(kernel(bare)).slice(1)).toEqual([
    [
      "error pf-no-ipoib: module ib_ipoib is not loaded: PFs have no netdevs, through which VFs are configured",
      "modprobe ib_ipoib",
      "(at every boot: echo ib_ipoib >/etc/modules-load.d/ib_ipoib.conf)",
    ],
    [
      "warning kernel-no-uverbs: module ib_uverbs is not loaded: pods have only IPoIB, without RDMA",
      "modprobe ib_uverbs",
      "(at every boot: echo ib_uverbs >/etc/modules-load.d/ib_uverbs.conf)",
    ],
  ]);
});
