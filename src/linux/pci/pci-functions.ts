import * as host from "host";
import { type Guid, parseGuid } from "../../infiniband/guid.ts";
import { baseName } from "../../node/path.ts";
import {
  type DeviceFile,
  PciFunctionError,
  type PciFunctions,
  type RdmaNames,
  VFIO_DRIVER,
  type VirtualFunction,
} from "../../node/pci-functions.ts";
import { isThere, linkIn, namesIn, numberIn, statusOf, textIn, undefinedIfGone } from "../sysfs.ts";
import { valueUnlessErrno } from "../unless-errno.ts";
import { driverDirectory, fileName, routingId } from "./path.ts";
import { PCI_DEVICES, pciAddressOfLink, pciSysfsDirectory, requirePciAddress } from "./sysfs-directory.ts";

/** The RDMA devices of the host namespace. Each is a link to a directory in which `device` is its PCI function. */
export const RDMA_DEVICES = "/sys/class/infiniband";

/** The directory of the files of groups, which exists if vfio-pci has a device. */
const VFIO_FILES = "/dev/vfio";

/** The groups that vfio-pci has a device of. */
const VFIO_GROUPS = "/sys/class/vfio";

/** Number of characters of the first 8 bytes of a GID in sysfs: "fe80:0000:0000:0000:". */
const GID_PREFIX = 20;

/** PCI functions, through sysfs. */
export class LinuxPciFunctions implements PciFunctions {
  virtualFunction(pci: string): VirtualFunction {
    const directory = pciSysfsDirectory(pci);
    const status = statusOf(directory);
    if (status === undefined) {
      throw new PciFunctionError(
        "absent",
        pci,
        `PCI function ${pci} does not exist (${directory} is missing)`,
      );
    }
    const pf = pciAddressOfLink(`${directory}/physfn`);
    if (pf === undefined) {
      throw new PciFunctionError(
        "not-virtual",
        pci,
        `PCI function ${pci} is not an SR-IOV VF (${directory}/physfn is missing)`,
      );
    }
    return { pci, pf, index: virtualIndex(pci, pf), generation: status.inode };
  }

  isVirtualOf({ pci, pf, index }: Pick<VirtualFunction, "pci" | "pf" | "index">): boolean {
    return this.virtualAt(pf, index) === pci;
  }

  virtualAt(pf: string, index: number): string | undefined {
    return virtualFunctionAt(pciSysfsDirectory(pf), index);
  }

  generation(pci: string): string | undefined {
    const directory = pciSysfsDirectory(pci);
    return statusOf(directory)?.inode;
  }

  any(): boolean {
    return namesIn(PCI_DEVICES).length > 0;
  }

  anyVirtual(): boolean {
    return namesIn(RDMA_DEVICES).some((device) => {
      const directory = `${RDMA_DEVICES}/${device}/device`;
      // Only a PF has this file. The number includes VFs of any driver, and VFs whose devices are in a container.
      if ((numberIn(`${directory}/sriov_numvfs`) ?? 0) > 0) return true;
      return isThere(`${directory}/physfn`);
    });
  }

  driver(pci: string): string | undefined {
    const link = `${pciSysfsDirectory(pci)}/driver`;
    const driver = linkIn(link);
    return driver === undefined ? undefined : baseName(driver);
  }

  driverOverride(pci: string): string | undefined {
    const override = textIn(`${pciSysfsDirectory(pci)}/driver_override`);
    // Without an override the kernel prints "(null)" (drivers/pci/pci-sysfs.c, driver_override_show).
    return override === "(null)" || override === "" ? undefined : override;
  }

  netdevs(pci: string): string[] {
    return namesIn(`${pciSysfsDirectory(pci)}/net`);
  }

  hasNetdev(pci: string): boolean {
    // The directory exists as long as the function has a netdev. It is empty if the netdev is in another namespace
    // (drivers/base/core.c, get_device_parent, and the namespaces of sysfs).
    return isThere(`${pciSysfsDirectory(pci)}/net`);
  }

  rdmaDevices(pci: string): string[] {
    return namesIn(`${pciSysfsDirectory(pci)}/infiniband`);
  }

  withRdmaDevice(rdmaDevice: string): string | undefined {
    const link = linkIn(`${RDMA_DEVICES}/${fileName(rdmaDevice)}/device`);
    return link === undefined ? undefined : baseName(link);
  }

  rdmaDevicesAnywhere(pci: string): string[] {
    return numbered(pci, "infiniband_verbs", "uverbs").flatMap((uverbs) => {
      const path = `${pciSysfsDirectory(pci)}/infiniband_verbs/${uverbs}/ibdev`;
      return textIn(path) ?? [];
    });
  }

  rdmaFiles(pci: string): string[] {
    return [...numbered(pci, "infiniband_verbs", "uverbs"), ...numbered(pci, "infiniband_mad", "umad")];
  }

  deviceFiles(pci: string): DeviceFile[] {
    const directory = pciSysfsDirectory(pci);
    const group = linkIn(`${directory}/iommu_group`);
    return [
      ...deviceFilesIn(`${directory}/infiniband_verbs`, "/dev/infiniband"),
      ...deviceFilesIn(`${directory}/infiniband_mad`, "/dev/infiniband"),
      ...deviceFilesIn(`${directory}/vfio-dev`, `${VFIO_FILES}/devices`),
      ...(group === undefined ? [] : deviceFileIn(VFIO_GROUPS, VFIO_FILES, baseName(group))),
    ];
  }

  hasRdmaNames(pci: string, { devices, files }: RdmaNames): boolean {
    const directory = pciSysfsDirectory(pci);
    for (const name of devices) if (!isThere(`${directory}/infiniband/${fileName(name)}`)) return false;
    for (const name of files) {
      const parent = name.startsWith("umad") ? "infiniband_mad" : "infiniband_verbs";
      if (!isThere(`${directory}/${parent}/${fileName(name)}`)) return false;
    }
    return true;
  }

  nodeGuid(pci: string, rdmaDevice: string): Guid | undefined {
    return guidIn(`${rdmaDirectory(pci, rdmaDevice)}/node_guid`);
  }

  portGuid(pci: string, rdmaDevice: string): Guid | undefined {
    return guidIn(`${rdmaDirectory(pci, rdmaDevice)}/ports/1/gids/0`, GID_PREFIX);
  }

  firstPKey(pci: string, rdmaDevice: string): number | undefined {
    return numberIn(`${rdmaDirectory(pci, rdmaDevice)}/ports/1/pkeys/0`);
  }

  othersGuids(pci: string): Guid[] {
    const own = this.rdmaDevices(pci);
    return namesIn(RDMA_DEVICES)
      .filter((device) => !own.includes(device))
      .flatMap(guidsOf);
  }

  isOpenByVfio(pci: string): boolean {
    const link = linkIn(`${pciSysfsDirectory(pci)}/iommu_group`);
    if (link === undefined) return false;
    // A group can be open only once. While it is open, or while a device of it is open through /dev/vfio/devices, a
    // further open fails with EBUSY (drivers/vfio/group.c, vfio_group_fops_open).
    return valueUnlessErrno(["EBUSY"], true, () => {
      const group = undefinedIfGone(() =>
        host.open(`${VFIO_FILES}/${baseName(link)}`, host.O_RDONLY | host.O_NONBLOCK, 0),
      );
      // A container has its own /dev, which does not show whether the group is open.
      if (group === undefined) return !isThere(VFIO_FILES) && this.driver(pci) === VFIO_DRIVER;
      host.close(group);
      return false;
    });
  }

  unbind(pci: string, driver: string): void {
    requirePciAddress(pci);
    host.writeFile(`${driverDirectory(driver)}/unbind`, pci);
  }

  bind(pci: string, driver: string): void {
    requirePciAddress(pci);
    host.writeFileApart(`${driverDirectory(driver)}/bind`, pci);
  }
}

/**
 * Returns a VF's index at its PF. The index is computed from the VF's routing ID (Single Root I/O Virtualization
 * Specification, 2.1.2) and confirmed by one link. Kernels before 4.14 do not show the offset and the stride that the
 * computation needs; for them the links are searched.
 */
function virtualIndex(pci: string, pf: string): number {
  const directory = pciSysfsDirectory(pf);
  const offset = numberIn(`${directory}/sriov_offset`);
  const stride = numberIn(`${directory}/sriov_stride`);
  if (offset === undefined || stride === undefined || stride === 0) return searchIndex(pci, directory);
  const index = (routingId(pci) - routingId(pf) - offset) / stride;
  if (Number.isInteger(index) && index >= 0 && virtualFunctionAt(directory, index) === pci) return index;
  return searchIndex(pci, directory);
}

/** Searches the links of a PF, which are numbered without gaps, for a VF, and returns the index of its link. */
function searchIndex(pci: string, pfDirectory: string): number {
  for (let index = 0; ; index++) {
    const linked = virtualFunctionAt(pfDirectory, index);
    if (linked === pci) return index;
    if (linked === undefined) {
      throw new PciFunctionError(
        "absent",
        pci,
        `${pfDirectory} has no virtfn link to VF ${pci}: the VF was just removed`,
      );
    }
  }
}

/** Returns the PCI address of the VF with an index; `undefined` if the PF has no such VF. */
function virtualFunctionAt(pfDirectory: string, index: number): string | undefined {
  return pciAddressOfLink(`${pfDirectory}/virtfn${index}`);
}

/** Returns the names with a prefix in a directory of a function; an empty list if the directory does not exist. */
function numbered(pci: string, directory: string, prefix: string): string[] {
  return namesIn(`${pciSysfsDirectory(pci)}/${directory}`).filter((name) => name.startsWith(prefix));
}

/** Returns the device files of the devices in a directory of sysfs. */
function deviceFilesIn(directory: string, files: string): DeviceFile[] {
  return namesIn(directory).flatMap((name) => deviceFileIn(directory, files, name));
}

/** Returns the device file of a device, in a list; an empty list if the device does not exist, or has no file. */
function deviceFileIn(directory: string, files: string, name: string): DeviceFile[] {
  const number = textIn(`${directory}/${fileName(name)}/dev`);
  return number === undefined ? [] : [{ path: `${files}/${name}`, number }];
}

/** Returns the node GUID and the port GUIDs of an RDMA device. Some are missing if the device is being removed. */
function guidsOf(device: string): Guid[] {
  const directory = `${RDMA_DEVICES}/${device}`;
  const all = [
    guidIn(`${directory}/node_guid`),
    // A GID is the subnet's prefix and a GUID; the first GID of a port contains the port GUID.
    ...namesIn(`${directory}/ports`).map((port) => guidIn(`${directory}/ports/${port}/gids/0`, GID_PREFIX)),
  ];
  return all.filter((guid) => guid !== undefined);
}

/** Reads a GUID from a file, after `skipped` characters of other text; `undefined` if the file does not exist. */
function guidIn(path: string, skipped = 0): Guid | undefined {
  const text = textIn(path);
  if (text === undefined) return undefined;
  const guid = parseGuid(text.slice(skipped));
  if (guid === undefined) throw new Error(`${path} contains "${text}" instead of a GUID`);
  return guid;
}

/** Returns the sysfs directory of an RDMA device of a function. */
function rdmaDirectory(pci: string, rdmaDevice: string): string {
  return `${pciSysfsDirectory(pci)}/infiniband/${fileName(rdmaDevice)}`;
}
