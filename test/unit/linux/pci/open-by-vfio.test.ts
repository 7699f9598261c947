import { beforeEach, describe, expect, it, vi } from "vitest";
import { LinuxPciFunctions } from "../../../../src/linux/pci/pci-functions.ts";
import { machine, openDescriptors, resetMachine } from "../machine.ts";

vi.mock("host", async (pure) => ({
  ...(await pure<typeof import("host")>()),
  ...(await import("../fake-host.ts")),
}));

const functions = new LinuxPciFunctions();

beforeEach(resetMachine);

describe("whether another program has a function open through vfio-pci", () => {
  const vf = "0000:01:10.2";
  const group = "/dev/vfio/26";
  const bind = () => {
    machine.links.set(`/sys/bus/pci/devices/${vf}/iommu_group`, "../../../../kernel/iommu_groups/26");
    machine.namespaces.set(group, { name: group, magic: 0, type: 0 });
  };

  it("is true if its group cannot be opened a second time", () => {
    bind();
    machine.faults.set(`open ${group}`, "EBUSY");
    expect(functions.isOpenByVfio(vf)).toBe(true);
  });

  it("is false if the group can be opened, and then it is closed again", () => {
    bind();
    expect(functions.isOpenByVfio(vf)).toBe(false);
    expect(openDescriptors()).toEqual([]);
  });

  it("is false without an IOMMU, or if the group is not vfio's", () => {
    expect(functions.isOpenByVfio(vf)).toBe(false);
    bind();
    machine.namespaces.delete(group);
    expect(functions.isOpenByVfio(vf)).toBe(false);
  });

  it("is true if the function is bound to vfio-pci, and the files of groups cannot be seen", () => {
    bind();
    machine.namespaces.delete(group);
    machine.links.set(`/sys/bus/pci/devices/${vf}/driver`, "../../../bus/pci/drivers/vfio-pci");
    expect(functions.isOpenByVfio(vf)).toBe(true);
    machine.directories.set("/dev/vfio", []);
    expect(functions.isOpenByVfio(vf)).toBe(false);
  });

  it("is an error after any other errno", () => {
    bind();
    machine.faults.set(`open ${group}`, "EPERM");
    expect(() => functions.isOpenByVfio(vf)).toThrow(expect.objectContaining({ code: "EPERM" }));
  });
});
