import { expect, test } from "vitest";
import { recordDocument } from "../../../../src/attachment/record/record-file.ts";
import { examine } from "../../../../src/cli/doctor/doctor.ts";
import { aRecord } from "../../../support/records.ts";
import { aDoctorContext } from "./doctor-context.ts";

const { cniPath, confDirs, program, ...machine } = aDoctorContext();
const given = { cniPath, confDirs, program };
const failing = (errno: string) => () => {
  throw new Error(`it failed (${errno})`);
};

test("all subjects are examined, in order", () => {
  const subjects = examine(machine, given).map(({ subject }) => subject);
  expect([...new Set(subjects)]).toEqual([
    "kernel",
    "PF",
    "RDMA",
    "udev",
    "plugin",
    "network",
    "state",
    "records",
  ]);
});

test("a subject that cannot be examined is reported, and the others are examined", () => {
  const inventory = { ...machine.inventory, physicalFunctions: failing("EIO") };
  const files = Object.assign(Object.create(machine.node.files) as typeof machine.node.files, {
    list: failing("EACCES"),
  });
  const rdma = { ...machine.node.rdma, isExclusive: failing("EPERM") };
  const examined = examine({ inventory, node: { ...machine.node, files, rdma } }, given);
  expect(examined.filter(({ found }) => found.includes("it failed"))).toEqual([
    {
      subject: "records",
      id: "records-unreadable",
      level: "error",
      found: "the records of attachments cannot be read: it failed (EACCES)",
    },
    {
      subject: "devices",
      id: "devices-unreadable",
      level: "error",
      found: "the PFs and VFs cannot be read: it failed (EIO)",
    },
    {
      subject: "RDMA",
      id: "check-failed",
      level: "skipped",
      found: "the check of RDMA failed: it failed (EPERM)",
    },
  ]);
  expect(examined.some(({ subject }) => ["PF", "VF", "GUID"].includes(subject))).toBe(false);
  expect(examined.map(({ subject }) => subject)).toEqual(expect.arrayContaining(["kernel", "udev", "state"]));
});

test("the record of an interrupted bind is neither a network nor a pod", () => {
  const pci = "0000:03:00.2";
  const call = { stdin: "{}", args: "", path: "" };
  const record = aRecord({ state: "broken", containerId: "bind", ifname: pci, mode: "rdma", call });
  const { inventory, node } = aDoctorContext(
    { [`/var/lib/cni/ib-sriov/bind-${pci}`]: recordDocument(record, "ib0") },
    {},
    {
      functions: {
        driver: (each) => (each === pci ? undefined : "mlx5_core"),
        rdmaFiles: () => [],
        hasNetdev: () => true,
        portGuid: () => undefined,
        driverOverride: () => undefined,
      },
      links: { ofFunction: () => [], physical: () => undefined },
    },
  );
  const pfs = { physicalFunctions: () => ["0000:03:00.0"], virtualFunctions: () => [pci], ports: () => [] };
  const problems = examine({ node, inventory: { ...inventory, ...pfs } }, given).filter(
    ({ level }) => level === "error" || level === "warning",
  );
  const texts = problems.map(
    ({ id, found, command = "", advice = "" }) => `${id}: ${found} ${command} ${advice}`,
  );
  expect(texts.join("\n")).not.toMatch(/network \?|delete the pod|container has it|pods of network/);
  expect(problems).toContainEqual(
    expect.objectContaining({ id: "vf-no-driver", command: `ib-sriov bind ${pci}` }),
  );
  expect(problems).toContainEqual(
    expect.objectContaining({
      id: "record-left",
      found: expect.stringContaining(`cleanup-failed: 'ib-sriov bind' of VF ${pci}`),
      command: "ib-sriov gc",
    }),
  );
});

test("without /sys no finding is about modules", () => {
  const inventory = {
    ...machine.inventory,
    names: (path: string) => (path.startsWith("/sys") ? [] : machine.inventory.names(path)),
  };
  const texts = examine({ ...machine, inventory }, given).map(({ id, found }) => `${id}: ${found}`);
  expect(texts.join("\n")).not.toContain("not loaded");
  expect(texts).toContainEqual(expect.stringContaining("pf-none: no PCI device can be seen"));
});
