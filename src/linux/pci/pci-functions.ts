import * as host from "host";
import { type Guid, parseGuid } from "../../infiniband/guid.ts";
import type { NapiSettings } from "../../node/napi-settings.ts";
import {
  PciFunctionError,
  type PciFunctions,
  type RdmaNames,
  type VirtualFunction,
} from "../../node/pci-functions.ts";
import { isThere, linkIn, namesIn, numberIn, statusOf, textIn, undefinedIfGone } from "../sysfs.ts";
import { valueUnlessErrno } from "../unless-errno.ts";
import { driverDirectory, fileName, lastPart, routingId } from "./path.ts";
import { PCI_DEVICES, pciAddressOfLink, pciSysfsDirectory, requirePciAddress } from "./sysfs-directory.ts";

/** The RDMA devices that the host's namespace can see, each a link to a directory with its PCI function as `device`. */
export const RDMA_DEVICES = "/sys/class/infiniband";

/** Characters of a GID's first 8 bytes, as sysfs writes it: "fe80:0000:0000:0000:". */
const GID_PREFIX = 20;

/** The files of a netdev that have its {@link NapiSettings}. */
const NAPI_FILES = [
  ["groFlushTimeout", "gro_flush_timeout"],
  ["napiDeferHardIrqs", "napi_defer_hard_irqs"],
  ["threaded", "threaded"],
] as const satisfies readonly (readonly [keyof NapiSettings, string])[];

/** PCI functions, as sysfs shows them. */
export class LinuxPciFunctions implements PciFunctions {
  virtualFunction(pci: string): VirtualFunction {
    const directory = pciSysfsDirectory(pci);
    const status = statusOf(directory);
    if (status === undefined) {
      throw new PciFunctionError(
        "absent",
        pci,
        `there is no PCI function ${pci} (${directory} does not exist)`,
      );
    }
    const pf = pciAddressOfLink(`${directory}/physfn`);
    if (pf === undefined) {
      throw new PciFunctionError(
        "not-virtual",
        pci,
        `PCI function ${pci} is no Virtual Function (${directory}/physfn does not exist)`,
      );
    }
    return { pci, pf, index: virtualIndex(pci, pf), incarnation: status.inode };
  }

  isVirtualOf({ pci, pf, index }: Pick<VirtualFunction, "pci" | "pf" | "index">): boolean {
    return virtualFunctionAt(pciSysfsDirectory(pf), index) === pci;
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
      // Only a PF has the number; it counts VFs of any driver, and those whose devices are in a container.
      if ((numberIn(`${directory}/sriov_numvfs`) ?? 0) > 0) return true;
      return isThere(`${directory}/physfn`);
    });
  }

  driver(pci: string): string | undefined {
    const link = `${pciSysfsDirectory(pci)}/driver`;
    const driver = linkIn(link);
    return driver === undefined ? undefined : lastPart(driver);
  }

  driverOverride(pci: string): string | undefined {
    const override = textIn(`${pciSysfsDirectory(pci)}/driver_override`);
    // The kernel prints a pointer to nothing so (drivers/pci/pci-sysfs.c, driver_override_show).
    return override === "(null)" || override === "" ? undefined : override;
  }

  netdevs(pci: string): string[] {
    return namesIn(`${pciSysfsDirectory(pci)}/net`);
  }

  hasNetdev(pci: string): boolean {
    // The directory is there as long as it has a netdev, also where that is elsewhere and the directory looks empty
    // (drivers/base/core.c, get_device_parent, and the namespaces of sysfs).
    return isThere(`${pciSysfsDirectory(pci)}/net`);
  }

  napiSettings(pci: string, netdev: string): NapiSettings | undefined {
    const [groFlushTimeout, napiDeferHardIrqs, threaded] = NAPI_FILES.map(([, file]) =>
      textIn(netdevFile(pci, netdev, file)),
    );
    // Every kernel has the first.
    return groFlushTimeout === undefined ? undefined : { groFlushTimeout, napiDeferHardIrqs, threaded };
  }

  setNapiSettings(pci: string, netdev: string, settings: Partial<NapiSettings>): void {
    for (const [key, file] of NAPI_FILES) {
      const value = settings[key];
      if (value !== undefined) host.writeFile(netdevFile(pci, netdev, file), value);
    }
  }

  rdmaDevices(pci: string): string[] {
    return namesIn(`${pciSysfsDirectory(pci)}/infiniband`);
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
    // A group is opened once; while it is, or a device of it through /dev/vfio/devices, nobody else can
    // (drivers/vfio/group.c, vfio_group_fops_open).
    return valueUnlessErrno(["EBUSY"], true, () => {
      const group = undefinedIfGone(() => host.openFile(`/dev/vfio/${lastPart(link)}`));
      if (group !== undefined) host.close(group);
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
 * A VF's index at its PF, computed from where its routing id is (Single Root I/O Virtualization
 * Specification, 2.1.2) and confirmed by one link; on kernels before 4.14, which do not show the numbers
 * that this needs, by looking through the links.
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

/** The index of the link to the VF among those of its PF, which are numbered without gaps. */
function searchIndex(pci: string, pfDirectory: string): number {
  for (let index = 0; ; index++) {
    const there = virtualFunctionAt(pfDirectory, index);
    if (there === pci) return index;
    if (there === undefined) {
      throw new PciFunctionError(
        "absent",
        pci,
        `${pfDirectory} has no virtfn link to ${pci}: it was just removed`,
      );
    }
  }
}

/** PCI address of a PF's VF of an index. */
function virtualFunctionAt(pfDirectory: string, index: number): string | undefined {
  return pciAddressOfLink(`${pfDirectory}/virtfn${index}`);
}

/** Names in a directory of a function's that are a prefix and a number; empty where there is no such directory. */
function numbered(pci: string, directory: string, prefix: string): string[] {
  return namesIn(`${pciSysfsDirectory(pci)}/${directory}`).filter((name) => name.startsWith(prefix));
}

/** Node and port GUIDs of an RDMA device; of one that vanishes meanwhile, what was left of it. */
function guidsOf(device: string): Guid[] {
  const directory = `${RDMA_DEVICES}/${device}`;
  const all = [
    guidIn(`${directory}/node_guid`),
    // A GID is the subnet's prefix and the port's GUID; the first of a port is made of its own.
    ...namesIn(`${directory}/ports`).map((port) => guidIn(`${directory}/ports/${port}/gids/0`, GID_PREFIX)),
  ];
  return all.filter((guid) => guid !== undefined);
}

/** The GUID that a file holds, after some characters of something else; undefined where there is no such file. */
function guidIn(path: string, skipped = 0): Guid | undefined {
  const text = textIn(path);
  if (text === undefined) return undefined;
  const guid = parseGuid(text.slice(skipped));
  if (guid === undefined) throw new Error(`${path} holds no GUID but "${text}"`);
  return guid;
}

/** Where sysfs has a file of a netdev of a function's in the host's namespace. */
function netdevFile(pci: string, netdev: string, file: string): string {
  return `${pciSysfsDirectory(pci)}/net/${fileName(netdev)}/${file}`;
}

/** Where sysfs has what an RDMA device of a function's says of itself. */
function rdmaDirectory(pci: string, rdmaDevice: string): string {
  return `${pciSysfsDirectory(pci)}/infiniband/${fileName(rdmaDevice)}`;
}
