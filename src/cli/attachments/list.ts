import { formatHardwareAddress } from "../../infiniband/hardware-address.ts";
import { formatTime } from "../../log/format-time.ts";
import type { Port } from "../../node/inventory.ts";
import type { Command, CommandCall } from "../command.ts";
import { linuxContext } from "../context.ts";
import { type InventoriedPf, type InventoriedVf, type NodeInventory, takeInventory } from "../inventory.ts";
import { type Column, listingOptions, printListing, type TextStyle, tablesText } from "../output/listing.ts";
import type { ListedAttachment } from "./attachments.ts";

/** Prints the PFs and VFs of the node, and the attachments that have them. */
export const list: Command = {
  name: "list",
  summary: "Shows the node's PFs and VFs, and which containers have them",
  options: listingOptions,
  run(call: CommandCall): number {
    const found = takeInventory(linuxContext());
    printListing(call, {
      document: documentOf(found),
      names: found.pfs.flatMap(({ pci, vfs }) => [pci, ...vfs.map((vf) => vf.pci)]),
      text: (style) => textOf(found, style),
    });
    return 0;
  },
};

/** Formats an inventory as text. */
export function textOf({ pfs }: NodeInventory, style: TextStyle): string {
  if (pfs.length === 0)
    return "This node has no InfiniBand PF with a driver. Run 'ib-sriov doctor' for the reason.";
  const vfs = pfs.flatMap((pf) => pf.vfs);
  return tablesText(
    [
      { columns: PF_COLUMNS, rows: pfs.map(pfRow) },
      { columns: VF_COLUMNS, rows: vfs.map(vfRow) },
    ],
    style,
  );
}

const PF_COLUMNS = columns("PF,DRIVER,NETDEV,RDMA,GUID,PORTS,VFS");
const VF_COLUMNS = columns("VF,#,DRIVER,NETDEV,RDMA,FILES,GUID,LINK,PORT,HELD BY");

function columns(headings: string): Column[] {
  return headings.split(",").map((heading) => ({ heading }));
}

function pfRow({ pci, driver, netdev, rdma, portGuid, ports, possibleVfs, vfs }: InventoriedPf): string[] {
  const number = possibleVfs === undefined ? "SR-IOV is off" : `${vfs.length} of ${possibleVfs}`;
  return [
    pci,
    driver ?? "",
    netdev?.name ?? "",
    rdma.join(","),
    portGuid ?? "",
    ports.map(portText).join(", "),
    number,
  ];
}

function portText({ state, subnetManager }: Port): string {
  return subnetManager === 0 ? `${state}, no subnet manager` : state;
}

function vfRow(vf: InventoriedVf): string[] {
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
    vf.holder === undefined ? "" : holderText(vf.holder),
  ];
}

/** Length of the part of a container's ID that is shown beside its pod, as runtimes do. */
const SHORT_ID = 12;

/**
 * Returns e.g. "default/trainer (4f2c…) net1, since 2026-11-24T21:46:04Z"; after the condition unless it is "attached".
 */
export function holderText({ condition, name, pod, path, since }: ListedAttachment): string {
  const container = name?.containerId ?? path;
  const who = pod === undefined ? container : `${pod} (${container.slice(0, SHORT_ID)})`;
  const words = [condition === "attached" ? "" : `${condition}:`, who, name?.ifname ?? ""];
  const text = words.filter((word) => word !== "").join(" ");
  return since === undefined ? text : `${text}, since ${formatTime(since)}`;
}

/** Returns an inventory as a JSON document. */
export function documentOf({ pfs }: NodeInventory) {
  return {
    pfs: pfs.map(({ netdev, vfs, ...pf }) => ({
      ...pf,
      netdev: netdev?.name,
      vfs: vfs.map(({ netdev: own, config, holder, ...vf }) => ({
        ...vf,
        netdev: own?.name,
        mtu: own?.mtu,
        address: own === undefined ? undefined : formatHardwareAddress(own.address),
        linkState: config.linkState,
        onFile: { nodeGuid: config.nodeGuid, portGuid: config.portGuid },
        holder: holder === undefined ? undefined : attachedDocument(holder),
      })),
    })),
  };
}

/** Returns an attachment as a JSON document. */
export function attachedDocument({
  condition,
  name,
  pod,
  network,
  netns,
  since,
  pci,
  path,
}: ListedAttachment): unknown {
  return {
    condition,
    ...name,
    pod,
    network,
    netns,
    since: since === undefined ? undefined : formatTime(since),
    pci,
    path,
  };
}
