import { expect, test } from "vitest";
import { kernel } from "../../../../src/cli/doctor/kernel.ts";
import { aPatient, told } from "./patient.ts";

test("a kernel that has all is good", () => {
  expect(told(kernel(aPatient()))).toEqual([["ok: Linux 6.12.117"]]);
});

test("one without cookies of namespaces is warning, whatever its number", () => {
  const namespaces = { host: { path: "", cookie: "4:4026531840" } };
  const old = aPatient({ "/proc/sys/kernel/osrelease": "4.18.0-513.el8" }, {}, { namespaces });
  expect(told(kernel(old))).toEqual([
    [
      "warning: Linux 4.18.0-513.el8 does not tell which netdev in a container is whose VF's: DEL, CHECK and GC can fail",
      "(Linux 5.14 or newer does)",
    ],
  ]);
});

test("without ib_ipoib nothing is attached, without ib_uverbs no RDMA is", () => {
  const patient = aPatient();
  const { inventory } = patient;
  const bare = { ...patient, inventory: { ...inventory, names: () => [] } };
  expect(told(kernel(bare)).slice(1)).toEqual([
    [
      "error: module ib_ipoib is not loaded: no PF has the netdev through which VFs are configured",
      "modprobe ib_ipoib",
      "(at every boot: echo ib_ipoib >/etc/modules-load.d/ib_ipoib.conf)",
    ],
    [
      "warning: module ib_uverbs is not loaded: pods have no RDMA, IPoIB only",
      "modprobe ib_uverbs",
      "(at every boot: echo ib_uverbs >/etc/modules-load.d/ib_uverbs.conf)",
    ],
  ]);
});
