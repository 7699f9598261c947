import { expect, test } from "vitest";
import { examine, textOf } from "../../../../src/cli/doctor/doctor.ts";
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
  expect(examined.filter(({ found }) => found.startsWith("it failed"))).toEqual([
    {
      subject: "records",
      level: "error",
      found: "it failed (EACCES)",
      advice: "the doctor must run as root",
    },
    { subject: "devices", level: "error", found: "it failed (EIO)", advice: "the doctor must run as root" },
    { subject: "RDMA", level: "unknown", found: "it failed (EPERM)", advice: "the doctor must run as root" },
  ]);
  expect(examined.some(({ subject }) => ["PF", "VF", "GUID"].includes(subject))).toBe(false);
  expect(examined.map(({ subject }) => subject)).toEqual(expect.arrayContaining(["kernel", "udev", "state"]));
});

test("the text has a line for each finding, and its remedy below", () => {
  expect(
    textOf([
      { subject: "kernel", level: "ok", found: "Linux 6.12" },
      { subject: "network", level: "unknown", found: "none to be seen" },
      { subject: "GUID", level: "warning", found: "none", command: "ip link", advice: "or not" },
    ]).split("\n"),
  ).toEqual([
    "ok        kernel   Linux 6.12",
    "unknown   network  none to be seen",
    "warning   GUID     none",
    "                   ip link",
    "                   (or not)",
    "",
    "Pods can be attached: 0 errors, 1 warnings",
  ]);
});

test("one error makes the verdict an error; control characters in names do not reach a terminal", () => {
  const text = textOf([{ subject: "VF", level: "error", found: "a\x1b[2Jb\x9bc\nd\x7fé\u{1f980}" }]);
  expect(text).toBe(
    "error     VF       a?[2Jb?c?d?é\u{1f980}\n\nNot all pods can be attached: 1 errors, 0 warnings",
  );
});
