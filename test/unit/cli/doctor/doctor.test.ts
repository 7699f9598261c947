import { expect, test } from "vitest";
import { examine } from "../../../../src/cli/doctor/doctor.ts";
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
