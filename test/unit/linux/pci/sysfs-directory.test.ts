import { posix } from "node:path";
import fc from "fast-check";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { pciAddressOfLink, pciSysfsDirectory } from "../../../../src/linux/pci/sysfs-directory.ts";
import { machine, resetMachine } from "../machine.ts";

vi.mock("host", async (pure) => ({
  ...(await pure<typeof import("host")>()),
  ...(await import("../fake-host.ts")),
}));

const devices = "/sys/bus/pci/devices";
const bridge = "/sys/devices/pci0000:3a/0000:3a:00.0";
/** The directory of a function is cached, so each test has its own functions. */
let number = 0;
const newFunction = () => {
  const [bus, device] = [0x3b + (number >> 5), number++ & 31].map((each) =>
    each.toString(16).padStart(2, "0"),
  );
  return `0000:${bus}:${device}.1`;
};

beforeEach(resetMachine);

describe("the directory of a PCI function", () => {
  it("is the target of its link, which is read once", () => {
    const [one, other] = [newFunction(), newFunction()];
    machine.links.set(`${devices}/${one}`, `../../../devices/pci0000:3a/0000:3a:00.0/${one}`);
    machine.links.set(`${devices}/${other}`, `../../../devices/pci0000:80/${other}`);
    expect([one, other, one, other].map(pciSysfsDirectory)).toEqual([
      `${bridge}/${one}`,
      `/sys/devices/pci0000:80/${other}`,
      `${bridge}/${one}`,
      `/sys/devices/pci0000:80/${other}`,
    ]);
    expect(machine.calls).toEqual([`readLink ${devices}/${one}`, `readLink ${devices}/${other}`]);
  });

  it("is the link as long as the function does not exist, and is searched again then", () => {
    const pci = newFunction();
    expect(pciSysfsDirectory(pci)).toBe(`${devices}/${pci}`);
    machine.links.set(`${devices}/${pci}`, `../../../devices/pci0000:3a/0000:3a:00.0/${pci}`);
    expect(pciSysfsDirectory(pci)).toBe(`${bridge}/${pci}`);
  });

  it("is the link while the function is being removed", () => {
    const pci = newFunction();
    machine.faults.set("readLink", "ENODEV");
    expect(pciSysfsDirectory(pci)).toBe(`${devices}/${pci}`);
  });

  it("is an error if sysfs cannot be read", () => {
    machine.faults.set("readLink", "EACCES");
    expect(() => pciSysfsDirectory(newFunction())).toThrow(expect.objectContaining({ code: "EACCES" }));
  });

  it("is the link if the target has another name", () => {
    const pci = newFunction();
    machine.links.set(`${devices}/${pci}`, "../../../devices/pci0000:3a/elsewhere");
    expect(pciSysfsDirectory(pci)).toBe(`${devices}/${pci}`);
  });

  it.each([
    "",
    ".",
    "..",
    "../../../etc",
    "0000:01:10",
    "01:10.0",
    "0000:01:10.0/..",
    "0000:01:10.0\n",
    "0000:0A:10.0",
    "00000000:01:10.0",
  ])("is refused for %j, which the kernel does not write, before any file is read", (text) => {
    expect(() => pciSysfsDirectory(text)).toThrow(new RangeError(`"${text}" is not a PCI address`));
    expect(machine.calls).toEqual([]);
  });
});

describe("the PCI function of a link", () => {
  it("is the last part of the link's target, whose directory is not read", () => {
    const [pf, vf] = [newFunction(), newFunction()];
    machine.links.set(`${bridge}/${vf}/physfn`, `../${pf}`);
    machine.links.set(`${bridge}/${pf}/virtfn0`, `../${vf}`);
    expect(pciAddressOfLink(`${bridge}/${vf}/physfn`)).toBe(pf);
    expect(pciAddressOfLink(`${bridge}/${pf}/virtfn0`)).toBe(vf);
    expect(machine.calls).toHaveLength(2);
    expect([pciSysfsDirectory(pf), pciSysfsDirectory(vf)]).toEqual([`${bridge}/${pf}`, `${bridge}/${vf}`]);
    expect(machine.calls).toHaveLength(2);
  });

  it("does not exist if the link does not exist, and this is not cached", () => {
    const vf = newFunction();
    expect(pciAddressOfLink(`${bridge}/${vf}/physfn`)).toBeUndefined();
    machine.faults.set("readLink", "ENODEV");
    expect(pciAddressOfLink(`${bridge}/${vf}/physfn`)).toBeUndefined();
    expect(pciSysfsDirectory(vf)).toBe(`${devices}/${vf}`);
  });

  it("is an error if the link cannot be read", () => {
    machine.faults.set("readLink", "EIO");
    expect(() => pciAddressOfLink(`${bridge}/0000:3b:00.0/physfn`)).toThrow(
      expect.objectContaining({ code: "EIO" }),
    );
  });

  it("is found through any target, as the kernel follows links", () => {
    const part = fc.constantFrom("pci0000:3a", "0000:3a:00.0", "0000:3b:00.0", "nvme", "a.b");
    const parts = fc.array(part, { maxLength: 5 });
    fc.assert(
      fc.property(parts, parts, fc.boolean(), (from, to, isBeside) => {
        const pci = newFunction();
        const link = `/sys/${["devices", ...from].join("/")}/virtfn0`;
        const directory = isBeside
          ? posix.join(posix.dirname(link), pci)
          : posix.join("/sys/devices", ...to, pci);
        machine.links.set(link, posix.relative(posix.dirname(link), directory));
        expect(pciAddressOfLink(link)).toBe(pci);
        expect(pciSysfsDirectory(pci)).toBe(directory);
      }),
    );
  });
});
