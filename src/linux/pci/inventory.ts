import type { Inventory, NetnsProcess, Port } from "../../node/inventory.ts";
import { baseName } from "../../node/path.ts";
import { readFile } from "../files/read.ts";
import { ENDED, netnsKey, netnsKeyOf, processIds } from "../procfs.ts";
import { isThere, linkIn, namesIn, numberIn, statusOf, textIn, undefinedIfGone } from "../sysfs.ts";
import { routingId } from "./path.ts";
import { RDMA_DEVICES } from "./pci-functions.ts";
import { pciAddressOfLink, pciSysfsDirectory } from "./sysfs-directory.ts";

/** The PFs, VFs and ports of this machine, from sysfs, and its processes, from procfs. */
export class LinuxInventory implements Inventory {
  physicalFunctions(): string[] {
    const functions = namesIn(RDMA_DEVICES).flatMap((device) => {
      const directory = `${RDMA_DEVICES}/${device}/device`;
      const link = linkIn(directory);
      if (link === undefined || isThere(`${directory}/physfn`)) return [];
      const isInfiniband = portsOf(`${RDMA_DEVICES}/${device}`, device).some(
        ({ linkLayer }) => linkLayer === "InfiniBand",
      );
      return isInfiniband ? [baseName(link)] : [];
    });
    const found = [...new Set(functions)].sort();
    return found.filter((pci) => !found.some((pf) => isVirtualOf(pci, pf)));
  }

  virtualFunctions(pf: string): string[] {
    const directory = pciSysfsDirectory(pf);
    const numbers = namesIn(directory).flatMap((name) => {
      const [, number] = /^virtfn(\d+)$/.exec(name) ?? [];
      return number === undefined ? [] : [Number(number)];
    });
    return numbers
      .sort((one, other) => one - other)
      .flatMap((number) => pciAddressOfLink(`${directory}/virtfn${number}`) ?? []);
  }

  possibleVfs(pf: string): number | undefined {
    return numberIn(`${pciSysfsDirectory(pf)}/sriov_totalvfs`);
  }

  ports(pci: string): Port[] {
    const directory = `${pciSysfsDirectory(pci)}/infiniband`;
    return namesIn(directory).flatMap((device) => portsOf(`${directory}/${device}`, device));
  }

  sysfsDirectory(pci: string): string {
    return pciSysfsDirectory(pci);
  }

  processesIn(paths: readonly string[]): ReadonlyMap<string, readonly NetnsProcess[]> {
    const keyed = paths.flatMap((path) => {
      const status = statusOf(path);
      return status === undefined ? [] : [{ path, key: netnsKey(status) }];
    });
    const processes = new Map(keyed.map(({ key }) => [key, [] as NetnsProcess[]]));
    for (const pid of processIds()) {
      const list = processes.get(netnsKeyOf(pid) ?? "");
      const cgroup = list && readFile(`/proc/${pid}/cgroup`, undefined, ENDED);
      if (cgroup !== undefined) list?.push({ pid, cgroup });
    }
    return new Map(keyed.map(({ path, key }) => [path, processes.get(key) ?? []]));
  }

  text(path: string): string | undefined {
    return undefinedIfGone(() => readFile(path))?.trimEnd();
  }

  names(directory: string): string[] {
    return namesIn(directory).sort();
  }
}

/**
 * Reports whether a function without `physfn` is a VF of a PF: the kernel removes that link before it stops the driver of
 * the VF (drivers/pci/iov.c, pci_iov_remove_virtfn), which can take seconds.
 */
function isVirtualOf(pci: string, pf: string): boolean {
  const directory = pciSysfsDirectory(pf);
  const numbers = ["sriov_totalvfs", "sriov_offset", "sriov_stride"].map((name) =>
    numberIn(`${directory}/${name}`),
  );
  const [total = 0, offset = 0, stride = 0] = numbers;
  const isSameDomain = pci.slice(0, -ROUTING_ID) === pf.slice(0, -ROUTING_ID);
  const index = (routingId(pci) - routingId(pf) - offset) / Math.max(stride, 1);
  return isSameDomain && Number.isInteger(index) && index >= 0 && index < total;
}

/** Number of characters of bus, device and function: "03:00.2". */
const ROUTING_ID = 7;

function portsOf(directory: string, device: string): Port[] {
  return namesIn(`${directory}/ports`).map((number) => {
    const text = (name: string) => textIn(`${directory}/ports/${number}/${name}`) ?? "";
    return {
      device,
      number: Number(number),
      state: named(text("state")),
      physicalState: named(text("phys_state")),
      linkLayer: text("link_layer"),
      lid: Number(text("lid")),
      subnetManager: Number(text("sm_lid")),
      rate: text("rate"),
    };
  });
}

/** Returns the name in a state such as "4: ACTIVE" (drivers/infiniband/core/sysfs.c, state_show). */
function named(state: string): string {
  return state.slice(state.indexOf(":") + 1).trim();
}
