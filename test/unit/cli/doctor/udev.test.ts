import { expect, test } from "vitest";
import { rdmaNaming } from "../../../../src/cli/doctor/udev.ts";
import { aDoctorContext, summaries } from "./doctor-context.ts";

const name = "udev/rules.d/60-rdma-persistent-naming.rules";
const rules = (mode: string) => `# rdma_rename %k NAME_GUID
ACTION=="add", SUBSYSTEM=="infiniband", PROGRAM="rdma_rename %k ${mode}"
#ACTION=="add", PROGRAM="rdma_rename %k NAME_FIXED myib"
`;
const examine = (texts: Record<string, string>) =>
  summaries(rdmaNaming(aDoctorContext({ "/run/udev/control": "", ...texts })));

test.each(["NAME_FALLBACK", "NAME_PCI", "NAME_KERNEL"])("names by %s do not change with a rebind", (mode) => {
  expect(examine({ [`/usr/lib/${name}`]: rules(mode) })).toEqual([
    [`ok udev-ok: RDMA devices have names by ${mode} (/usr/lib/${name})`],
  ]);
});

test("the names are the kernel's: without rules, with empty rules, or without udev", () => {
  const good = [["ok udev-ok: RDMA devices have the kernel's names, which come back after a rebind"]];
  expect(examine({ "/usr/lib/udev/rules.d/other.rules": "" })).toEqual(good);
  // The file is masked.
  expect(examine({ [`/etc/${name}`]: "", [`/usr/lib/${name}`]: rules("NAME_GUID") })).toEqual(good);
  expect(summaries(rdmaNaming(aDoctorContext({ [`/usr/lib/${name}`]: rules("NAME_GUID") })))).toEqual(good);
});

test("NAME_GUID is the same for all functions of an HCA", () => {
  const found = (file: string) =>
    `warning udev-guid-names: RDMA devices have names by NAME_GUID (${file}): by a GUID that all functions of an HCA share`;
  const advice =
    "(it takes effect for new devices: settings with the present names, such as NCCL_IB_HCA, must follow)";
  const own = `/etc/${name}`;
  expect(examine({ [own]: rules("NAME_GUID"), [`/lib/${name}`]: rules("NAME_PCI") })).toEqual([
    [found(own), `sed -i '/^ *#/!s/NAME_GUID/NAME_PCI/' ${own}`, advice],
  ]);
  expect(examine({ [`/lib/${name}`]: rules("NAME_GUID") })).toEqual([
    [found(`/lib/${name}`), `sed '/^ *#/!s/NAME_GUID/NAME_PCI/' /lib/${name} >${own}`, advice],
  ]);
});

test("in a container without udev's rules the names are unknown", () => {
  expect(summaries(rdmaNaming(aDoctorContext()))).toEqual([
    ["skipped udev-unknown: the rules of udev cannot be seen from here"],
  ]);
});
