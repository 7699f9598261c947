import { effectiveGuids } from "../attachment/vf/effective-guids.ts";
import { netdevOf } from "../attachment/vf/netdev.ts";
import type { Guid } from "../infiniband/guid.ts";
import { portGuidOf } from "../infiniband/hardware-address.ts";
import type { Port } from "../node/inventory.ts";
import type { Link, VfConfig } from "../node/links.ts";
import { VFIO_DRIVER } from "../node/pci-functions.ts";
import { attachmentsOf, holderOf, type ListedAttachment } from "./attachments/attachments.ts";
import type { CliContext } from "./context.ts";

/** A VF, and who has it. */
export interface InventoriedVf {
  readonly pci: string;
  readonly index: number;
  readonly driver: string | undefined;
  /** On the host; undefined where the host has none: it is in a container, or there is none. */
  readonly netdev: Link | undefined;
  /** Names of its RDMA devices, in whatever namespace, and of their files. */
  readonly rdma: readonly string[];
  readonly files: readonly string[];
  /** GUIDs that it runs with; of one in a container, or bound to vfio-pci, those that it was given. undefined: not known. */
  readonly nodeGuid: Guid | undefined;
  readonly portGuid: Guid | undefined;
  /** What its PF has on file. */
  readonly config: VfConfig;
  readonly ports: readonly Port[];
  readonly holder: ListedAttachment | undefined;
}

/** A PF and its VFs. */
export interface InventoriedPf {
  readonly pci: string;
  readonly driver: string | undefined;
  readonly netdev: Link | undefined;
  readonly rdma: readonly string[];
  readonly portGuid: Guid | undefined;
  readonly ports: readonly Port[];
  /** How many VFs it can have; undefined where its SR-IOV is off. */
  readonly possibleVfs: number | undefined;
  readonly vfs: readonly InventoriedVf[];
}

/** What there is on a node. */
export interface NodeInventory {
  readonly pfs: readonly InventoriedPf[];
  readonly attached: readonly ListedAttachment[];
}

/**
 * Looks at all PFs, VFs and attachments. It changes nothing.
 * @param attached where the caller has just looked.
 */
export function takeInventory(
  machine: CliContext,
  attached: readonly ListedAttachment[] = attachmentsOf(machine.node),
): NodeInventory {
  const pfs = machine.inventory.physicalFunctions().map((pci) => surveyedPf(machine, attached, pci));
  return { pfs, attached };
}

function surveyedPf(machine: CliContext, attached: readonly ListedAttachment[], pci: string): InventoriedPf {
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
    vfs: inventory.virtualFunctions(pci).map((vf, index) => surveyedVf(machine, attached, pci, vf, index)),
  };
}

function surveyedVf(
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
  const holder = holderOf(node, attached, pci);
  const own = effectiveGuids(node, pci, undefined, netdev ?? "none");
  const given = driver === VFIO_DRIVER ? { node: config.nodeGuid, port: config.portGuid } : givenBy(holder);
  return {
    pci,
    index,
    driver,
    netdev,
    rdma: functions.rdmaDevicesAnywhere(pci),
    files: functions.rdmaFiles(pci),
    nodeGuid: own.node ?? given.node,
    portGuid: own.port ?? given.port,
    config,
    ports: inventory.ports(pci),
    holder,
  };
}

const unknownConfig: VfConfig = { linkState: undefined, nodeGuid: undefined, portGuid: undefined };

/** The GUIDs that a VF has in a container. */
function givenBy(holder: ListedAttachment | undefined) {
  const { record, reference } = holder ?? {};
  return {
    node: record?.wanted.guid ?? record?.found.nodeGuid ?? reference?.guid,
    port: record?.wanted.guid ?? record?.found.portGuid ?? reference?.guid,
  };
}
