import { formatHardwareAddress } from "../../infiniband/hardware-address.ts";
import type { Port } from "../../node/inventory.ts";
import type { Command, CommandCall } from "../command.ts";
import { type CliContext, linuxContext } from "../context.ts";
import { attachedPfs, type InventoriedPf, type InventoriedVf, takeInventory } from "../inventory.ts";
import type { WatchedListing } from "../output/changes.ts";
import {
  type Column,
  formatOf,
  listingOptions,
  printListing,
  type Table,
  tablesText,
} from "../output/listing.ts";
import { watchListing } from "../output/watch.ts";
import { gpusOf, type NearGpu } from "../topology/gpus.ts";
import { treeText } from "../topology/tree.ts";
import { attachmentDocument, attachmentText } from "./attachment-text.ts";

/** Prints the PFs and VFs of the node, and the attachments that have them. */
export const list: Command = {
  name: "list",
  summary: "Shows the node's PFs and VFs, and which containers have them",
  details: `With --watch, each line that changes is printed again, and a destroyed VF or PF as "removed". As JSON, YAML or a
tree, all is printed again. A signal, such as that of Ctrl-C, ends the command with exit status 0.`,
  examples: [
    ["ib-sriov list -o wide", "also shows MTU, administrative GUID, NUMA node and network"],
    ["ib-sriov list --topology", "shows which pod has which VF, and which GPUs are near its PF"],
    ["ib-sriov list --watch", "shows which VFs are attached and released, as it happens"],
  ],
  options: [
    { name: "topology", summary: "prints PF, VF and pod as a tree, with NUMA node and distance to GPUs" },
    { name: "watch", letter: "w", summary: "then prints changes, until a signal arrives" },
    ...listingOptions,
  ],
  run(call: CommandCall): number {
    const machine = linuxContext();
    const read = () => readListing(machine, call);
    if (call.options.has("watch")) return watchListing(call, machine.node.clock, read);
    printListing(call, read());
    return 0;
  },
};

/** The GPUs as each PF sees them. */
type Gpus = ReadonlyMap<string, readonly NearGpu[]>;

function readListing(machine: CliContext, call: CommandCall): WatchedListing {
  const found = takeInventory(machine);
  const pfs = [...found.pfs, ...attachedPfs(machine, found)];
  const isTree = call.options.has("topology");
  const hasGpus = isTree || ["json", "yaml"].includes(formatOf(call));
  const addresses = pfs.map(({ pci }) => pci);
  return listingOf(pfs, hasGpus ? gpusOf(machine.inventory, addresses) : new Map(), { isTree });
}

/** Returns the output of this command. */
export function listingOf(
  pfs: readonly InventoriedPf[],
  gpus: Gpus,
  { isTree }: { readonly isTree: boolean },
): WatchedListing {
  const tables = tablesOf(pfs);
  const documents = pfs.map((pf) => pfDocument(pf, gpus));
  const things = documents.flatMap(({ vfs, ...pf }): [string, unknown][] => [
    [pf.pci, pf],
    ...vfs.map((vf): [string, unknown] => [vf.pci, vf]),
  ]);
  return {
    document: { pfs: documents },
    names: things.map(([name]) => name),
    things: new Map(things),
    tables: isTree ? undefined : tables,
    text: (style) => {
      if (pfs.length === 0)
        return "This node has no InfiniBand PF with a driver. Run 'ib-sriov doctor' for the reason.";
      return isTree ? treeText(pfs, gpus, { hasLegend: style.hasHeadings }) : tablesText(tables, style);
    },
  };
}

/** Returns the table of the PFs and the table of the VFs. */
function tablesOf(pfs: readonly InventoriedPf[]): Table[] {
  return [
    { columns: PF_COLUMNS, rows: pfs.map(pfRow) },
    { columns: VF_COLUMNS, rows: pfs.flatMap((pf) => pf.vfs.map((vf) => vfRow(pf, vf))) },
  ];
}

/** The columns of the PFs. docs/reference/tables.md describes them. */
export const PF_COLUMNS = columns("PF,DRIVER,NETDEV,RDMA,GUID,PORTS,VFS", "MTU,RATE,LID,NUMA");
/** The columns of the VFs. docs/reference/tables.md describes them. */
export const VF_COLUMNS = columns(
  "VF,#,DRIVER,NETDEV,RDMA,FILES,GUID,LINK,PORT,ATTACHED TO",
  "MTU,NODE GUID,ADMIN GUID,NUMA,NETWORK,NETNS",
);

function columns(headings: string, wide: string): Column[] {
  return [
    ...headings.split(",").map((heading) => ({ heading })),
    ...wide.split(",").map((heading) => ({ heading, isWide: true })),
  ];
}

function pfRow(pf: InventoriedPf): string[] {
  const { pci, driver, netdev, rdma, portGuid, ports } = pf;
  return [
    pci,
    driver ?? "",
    netdev?.name ?? "",
    rdma.join(","),
    portGuid ?? "",
    ports.map(portText).join(", "),
    vfsText(pf),
    String(netdev?.mtu ?? ""),
    ports.map(({ rate }) => rate).join(", "),
    ports.map(({ lid }) => lid).join(","),
    String(pf.numaNode ?? ""),
  ];
}

function vfsText({ possibleVfs, vfs, attachment }: InventoriedPf): string {
  if (attachment !== undefined) return `attached to ${attachmentText(attachment)}`;
  return possibleVfs === undefined ? "SR-IOV is off" : `${vfs.length} of ${possibleVfs}`;
}

function portText({ state, subnetManager }: Port): string {
  return subnetManager === 0 ? `${state}, no subnet manager` : state;
}

function vfRow(pf: InventoriedPf, vf: InventoriedVf): string[] {
  const { attachment } = vf;
  return [
    vf.pci,
    String(vf.index),
    vf.driver ?? "",
    vf.netdev?.name ?? "",
    vf.rdma.join(","),
    vf.files.join(","),
    vf.portGuid ?? "",
    vf.config.linkState ?? "",
    vf.ports.map(({ state }) => state).join(","),
    attachment === undefined ? "" : attachmentText(attachment),
    String(vf.netdev?.mtu ?? ""),
    vf.nodeGuid ?? "",
    vf.config.portGuid ?? "",
    // The kernel gives a VF the NUMA node of its PF.
    String(pf.numaNode ?? ""),
    attachment?.network ?? "",
    attachment?.netns ?? "",
  ];
}

function pfDocument({ netdev, vfs, attachment, ...pf }: InventoriedPf, gpus: Gpus) {
  return {
    ...pf,
    netdev: netdev?.name,
    mtu: netdev?.mtu,
    gpus: gpus.get(pf.pci) ?? [],
    vfs: vfs.map(vfDocument),
    attachment: attachment && attachmentDocument(attachment),
  };
}

function vfDocument({ netdev, config, attachment, ...vf }: InventoriedVf) {
  return {
    ...vf,
    netdev: netdev?.name,
    mtu: netdev?.mtu,
    address: netdev === undefined ? undefined : formatHardwareAddress(netdev.address),
    linkState: config.linkState,
    administrative: { nodeGuid: config.nodeGuid, portGuid: config.portGuid },
    attachment: attachment === undefined ? undefined : attachmentDocument(attachment),
  };
}
