import type { DoctorContext } from "../../../../src/cli/doctor/context.ts";
import type { Finding } from "../../../../src/cli/doctor/finding.ts";
import type { InventoriedPf, InventoriedVf } from "../../../../src/cli/inventory.ts";
import { parseHardwareAddress } from "../../../../src/infiniband/hardware-address.ts";
import type { Port } from "../../../../src/node/inventory.ts";
import type { Link } from "../../../../src/node/links.ts";
import { ModelFiles, parentOf } from "../../../simulator/model/files.ts";
import { Machine } from "../../../simulator/model/machine.ts";
import { partialNode } from "../../../support/partial-node.ts";
import { aLinkSettings, guid } from "../../../support/records.ts";

type Parts = Parameters<typeof partialNode>[0];

/**
 * A node without problems, with the changes that a test needs.
 * @param texts files, by path; their directories exist, too.
 * @param parts of the node that replace its own.
 */
export function aDoctorContext(
  texts: Readonly<Record<string, string>> = {},
  changes: Partial<DoctorContext> = {},
  parts: Parts = {},
): DoctorContext {
  const machine = new Machine();
  const files = new ModelFiles(machine, machine.startProcess());
  machine.files.directories.clear();
  machine.files.directories.add("");
  for (const [path, text] of Object.entries({ ...modules, ...texts })) {
    machine.files.makeDirectory(parentOf(path));
    machine.files.write(path, text);
  }
  return {
    inventory: {
      physicalFunctions: () => [],
      virtualFunctions: () => [],
      possibleVfs: () => undefined,
      ports: () => [],
      processesIn: () => new Map(),
      sysfsDirectory: (pci) => `/sys/devices/pci0000:00/${pci}`,
      text: (path) => machine.files.texts.get(path)?.trimEnd(),
      names: (directory) => files.list(directory).sort(),
    },
    node: partialNode({
      files,
      namespaces: { host: { path: "", cookie: "1" } },
      links: { ofFunction: () => [] },
      rdma: { isExclusive: () => false },
      ...parts,
      functions: {
        driver: () => "mlx5_core",
        hasNetdev: () => false,
        driverOverride: () => undefined,
        rdmaDevices: () => [],
        rdmaDevicesAnywhere: () => [],
        ...parts.functions,
      },
    }),
    cniPath: "/opt/cni/bin",
    confDirs: ["/etc/cni/net.d"],
    program: "ib-sriov",
    attached: [],
    pfs: [],
    networks: { networks: [], findings: [] },
    recent: () => ({ failures: [], counted: [], sources: [], unread: [] }),
    ...changes,
  };
}

const modules = {
  "/proc/sys/kernel/osrelease": "6.12.117\n",
  "/sys/module/ib_ipoib/parameters/send_queue_size": "128",
  "/sys/module/ib_uverbs/parameters/x": "",
};

/** An active port. */
export const port: Port = {
  device: "mlx5_0",
  number: 1,
  state: "ACTIVE",
  physicalState: "LinkUp",
  linkLayer: "InfiniBand",
  lid: 4,
  subnetManager: 1,
  rate: "100 Gb/sec (4X EDR)",
};

/** A netdev that has a carrier. */
export function aLink(name: string, changes: Partial<Link> = {}): Link {
  const address = parseHardwareAddress("00:00:00:48:fe:80:00:00:00:00:00:00:98:03:9b:03:00:ab:01:00");
  if (address === undefined) throw new Error("no address");
  return {
    index: 7,
    name,
    altnames: [],
    mtu: 2044,
    up: true,
    carrier: true,
    operstate: 6,
    address,
    pci: undefined,
    child: false,
    settings: aLinkSettings,
    master: undefined,
    ...changes,
  };
}

/** A free VF without problems, by its index. */
export function aVf(index: number, changes: Partial<InventoriedVf> = {}): InventoriedVf {
  const own = guid(`98:03:9b:03:00:ab:02:0${index}`);
  return {
    pci: `0000:03:00.${index + 2}`,
    index,
    driver: "mlx5_core",
    netdev: aLink(`ib${index + 1}`),
    rdma: [`mlx5_${index + 1}`],
    files: [],
    nodeGuid: own,
    portGuid: own,
    config: { linkState: "auto", nodeGuid: own, portGuid: own },
    ports: [port],
    attachment: undefined,
    ...changes,
  };
}

/** A PF without problems. */
export function aPf(vfs: readonly InventoriedVf[], changes: Partial<InventoriedPf> = {}): InventoriedPf {
  return {
    pci: "0000:03:00.0",
    driver: "mlx5_core",
    netdev: aLink("ib0"),
    rdma: ["mlx5_0"],
    portGuid: guid("98:03:9b:03:00:ab:01:00"),
    ports: [port],
    possibleVfs: 8,
    numaNode: 0,
    vfs,
    ...changes,
  };
}

/** Findings as a test compares them: the level and the text, and the remedy if there is a remedy. */
export function summaries(findings: readonly Finding[]): string[][] {
  return findings.map(({ id, level, found, command, advice }) => [
    `${level} ${id}: ${found}`,
    ...(command === undefined ? [] : [command]),
    ...(advice === undefined ? [] : [`(${advice})`]),
  ]);
}
