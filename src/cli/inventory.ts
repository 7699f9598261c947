import { guidsOf, usableGuids } from "../attachment/record/guid-notes.ts";
import { effectiveGuids } from "../attachment/vf/effective-guids.ts";
import { netdevOf } from "../attachment/vf/netdev.ts";
import type { Guid } from "../infiniband/guid.ts";
import { portGuidOf } from "../infiniband/hardware-address.ts";
import type { Port } from "../node/inventory.ts";
import type { Link, VfConfig } from "../node/links.ts";
import { VFIO_DRIVER } from "../node/pci-functions.ts";
import { attachmentOf, attachmentsOf, type ListedAttachment } from "./attachments/attachments.ts";
import type { CliContext } from "./context.ts";
import { numaNodeOf } from "./topology/distance.ts";

/** A VF, and the attachment that has it. */
export interface InventoriedVf {
  readonly pci: string;
  readonly index: number;
  readonly driver: string | undefined;
  /** Its netdev in the host namespace; `undefined` if it is in a container, or does not exist. */
  readonly netdev: Link | undefined;
  /** Names of its RDMA devices, in all namespaces, and of their files. */
  readonly rdma: readonly string[];
  readonly files: readonly string[];
  /**
   * The effective GUIDs; for a VF in a container, or bound to vfio-pci, the GUIDs that were assigned. `undefined` if
   * not known.
   */
  readonly nodeGuid: Guid | undefined;
  readonly portGuid: Guid | undefined;
  /** The settings that its PF has of it. */
  readonly config: VfConfig;
  readonly ports: readonly Port[];
  readonly attachment: ListedAttachment | undefined;
}

/** A PF and its VFs. */
export interface InventoriedPf {
  readonly pci: string;
  readonly driver: string | undefined;
  readonly netdev: Link | undefined;
  readonly rdma: readonly string[];
  readonly portGuid: Guid | undefined;
  readonly ports: readonly Port[];
  /** Number of VFs that it can have; `undefined` if SR-IOV is off. */
  readonly possibleVfs: number | undefined;
  /** The NUMA node that it is attached to; `undefined` if the firmware does not report it. */
  readonly numaNode: number | undefined;
  readonly vfs: readonly InventoriedVf[];
  /** The attachment that has the whole PF; `undefined` if none has, or the PF has its own driver. */
  readonly attachment?: ListedAttachment | undefined;
}

/** Reports whether no container has the VF. A record of a VF that was destroyed does not count for its successor. */
export function isFree({ attachment }: Pick<InventoriedVf, "attachment">): boolean {
  return attachment === undefined || attachment.condition === "destroyed";
}

/** The PFs, VFs and attachments of a node. */
export interface NodeInventory {
  readonly pfs: readonly InventoriedPf[];
  readonly attached: readonly ListedAttachment[];
}

/**
 * Reads all PFs, VFs and attachments. It changes nothing.
 * @param attached the attachments, if the caller has read them already.
 */
export function takeInventory(
  machine: CliContext,
  attached: readonly ListedAttachment[] = attachmentsOf(machine.node),
): NodeInventory {
  const pfs = machine.inventory.physicalFunctions().map((pci) => inventoriedPf(machine, attached, pci));
  return { pfs, attached };
}

/** Returns the PFs that virtual machines have: they have no RDMA device, by which {@link takeInventory} finds a PF. */
export function attachedPfs(
  { node, inventory }: CliContext,
  { pfs, attached }: NodeInventory,
): InventoriedPf[] {
  const held = attached.filter(
    ({ record }) => record?.kind === "vfio-pf" && !pfs.some(({ pci }) => pci === record.vf.pci),
  );
  return [...new Set(held.flatMap(({ pci }) => pci ?? []))].sort().map((pci) => {
    const attachment = attachmentOf(node, held, pci);
    return {
      pci,
      driver: node.functions.driver(pci),
      netdev: undefined,
      rdma: [],
      portGuid: attachment?.pfGuid,
      ports: [],
      possibleVfs: undefined,
      numaNode: numaNodeOf(inventory, pci),
      vfs: [],
      attachment,
    };
  });
}

function inventoriedPf(
  machine: CliContext,
  attached: readonly ListedAttachment[],
  pci: string,
): InventoriedPf {
  const { node, inventory } = machine;
  const { functions, namespaces } = node;
  const netdev = netdevOf(node, namespaces.host, pci);
  return {
    pci,
    driver: functions.driver(pci),
    netdev,
    rdma: functions.rdmaDevicesAnywhere(pci),
    portGuid: netdev && portGuidOf(netdev.address),
    ports: inventory.ports(pci),
    possibleVfs: inventory.possibleVfs(pci),
    numaNode: numaNodeOf(inventory, pci),
    vfs: inventory.virtualFunctions(pci).map((vf, index) => inventoriedVf(machine, attached, pci, vf, index)),
  };
}

function inventoriedVf(
  machine: CliContext,
  attached: readonly ListedAttachment[],
  pf: string,
  pci: string,
  index: number,
): InventoriedVf {
  const { node, inventory } = machine;
  const { functions, links, namespaces } = node;
  const driver = functions.driver(pci);
  const config = links.physical(pf, index)?.vf ?? unknownConfig;
  const netdev = netdevOf(node, namespaces.host, pci);
  const attachment = attachmentOf(node, attached, pci);
  const own = effectiveGuids(node, pci, undefined, netdev ?? "none");
  const recorded =
    driver === VFIO_DRIVER ? { node: config.nodeGuid, port: config.portGuid } : recordedGuids(attachment);
  return {
    pci,
    index,
    driver,
    netdev,
    rdma: functions.rdmaDevicesAnywhere(pci),
    files: functions.rdmaFiles(pci),
    nodeGuid: own.node ?? recorded.node,
    portGuid: own.port ?? recorded.port,
    config,
    ports: inventory.ports(pci),
    attachment,
  };
}

/**
 * Returns all GUIDs that belong to a VF: those that it runs with, or has in a container; the administrative ones; and
 * those that it gets back when its attachment ends.
 */
export function guidsOfVf({ nodeGuid, portGuid, config, attachment }: InventoriedVf): Guid[] {
  const recorded =
    isFree({ attachment }) || attachment?.record === undefined ? [] : guidsOf(attachment.record);
  return usableGuids([nodeGuid, portGuid, config.nodeGuid, config.portGuid, ...recorded]);
}

const unknownConfig: VfConfig = { linkState: undefined, nodeGuid: undefined, portGuid: undefined };

/** Returns the GUIDs of a VF in a container, from its record. */
function recordedGuids(attachment: ListedAttachment | undefined) {
  const { record, goCache } = isFree({ attachment }) ? {} : (attachment ?? {});
  return {
    node: record?.desired.guid ?? record?.originals.nodeGuid ?? goCache?.guid,
    port: record?.desired.guid ?? record?.originals.portGuid ?? goCache?.guid,
  };
}
