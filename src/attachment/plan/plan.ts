import { CniError, codes } from "../../cni/errors.ts";
import { type Guid, ZERO_GUID } from "../../infiniband/guid.ts";
import { HARDWARE_ADDRESS_LENGTH, portGuidOf } from "../../infiniband/hardware-address.ts";
import type { Link } from "../../node/links.ts";
import type { Namespace } from "../../node/namespaces.ts";
import type { Node } from "../../node/node.ts";
import type { VirtualFunction } from "../../node/pci-functions.ts";
import { VFIO_DRIVER } from "../../node/pci-functions.ts";
import { attempt } from "../errors.ts";
import type { OwnGuids } from "../lock/contents.ts";
import { runsWithOthers } from "../lock/own-guids.ts";
import type { GuidPair } from "../record/guid-pair.ts";
import { type AttachmentRecord, changesGuid, type Desired, type Originals } from "../record/record.ts";
import type { AddRequest, VerbRequest } from "../requests.ts";
import { rdmaDeviceIn } from "../steps/device-info.ts";
import { effectiveNodeGuid, portGuidOfDevice } from "../vf/effective-guids.ts";
import type { PhysicalFunction } from "../vf/function.ts";
import { type HostRdmaDevices, hostRdmaDevices } from "../vf/host-rdma-devices.ts";
import { netdevOf } from "../vf/netdev.ts";
import { requireExclusiveRdma, warnOfUnusableRdma } from "./rdma-netns-mode.ts";
import { requireRdmaOnlyVf } from "./rdma-only.ts";
import { requireUsableGuid } from "./usable-guid.ts";
import { requireNoVfio, vfioOriginals } from "./vfio.ts";

/** What an attachment will be, and what was seen of the VF. */
export interface Plan {
  readonly record: AttachmentRecord;
  /** On the host; undefined where the VF has none. */
  readonly netdev: Link | undefined;
  /** undefined for a VF of a virtual machine. */
  readonly rdma: HostRdmaDevices | undefined;
  readonly effective: GuidPair;
}

/**
 * The plan of an attachment: everything that it will change is read first.
 * @param inherited what a dead attachment of this VF had found: its values are on the VF now, and not those
 * that must come back one day.
 * @param own the VF's own GUIDs, where a record of an earlier attachment, which gave it others, may be lost.
 * @throws {CniError} where the VF cannot be attached as it is. Nothing has been changed then.
 */
export function makePlan(
  node: Node,
  call: AddRequest,
  vf: VirtualFunction,
  pod: Namespace,
  pf: PhysicalFunction,
  wanted: Desired,
  inherited: Originals | undefined,
  provided: Guid | undefined,
  own: OwnGuids | undefined,
): Plan {
  const driver = boundDriver(node, vf.pci);
  if (driver === VFIO_DRIVER) {
    const seen = vfioOriginals(vf, pf, wanted, call);
    const record = recordOf(node, call, vf, pod, { ...withOwn(seen, own), ...guids(provided) }, wanted);
    const effective = { node: seen.nodeGuid, port: seen.portGuid };
    return { record: { ...record, mode: "vfio" }, netdev: undefined, rdma: undefined, effective };
  }
  requireNoVfio(call, vf, driver);
  if (call.rdmaOnly) requireRdmaOnlyVf(node, call, vf.pci, wanted);
  const netdev = call.rdmaOnly ? undefined : hostIpoib(node, vf.pci);
  if (netdev !== undefined) requireFree(node, pod, call);
  const rdma = hostRdmaDevices(node, vf.pci);
  const devices = rdma.own.map(({ name }) => name);
  const effective = {
    node: rdma.own[0]?.nodeGuid ?? effectiveNodeGuid(node, vf.pci, undefined, devices),
    port: netdev === undefined ? portGuidOfDevice(node, vf.pci, devices) : portGuidOf(netdev.address),
  };
  requireIsolation(node, call, vf, devices, wanted);
  const seen = inherited ?? withOwn(originals(node, vf, pf, netdev, effective, driver, wanted), own);
  const found = {
    ...seen,
    ...guids(provided),
    rdma: seen.rdma ?? { devices, files: node.functions.rdmaFiles(vf.pci) },
    // The file is this attachment's own, also where the VF is inherited.
    deviceInfo: wanted.deviceInfo === undefined ? undefined : rdmaDeviceIn(node, wanted.deviceInfo),
  };
  if (wanted.guid === undefined) {
    const effect = "; then unbind and bind the VF's driver";
    requireUsableGuid(vf, netdev?.name, [found.portGuid, effective.port], effect);
  }
  const record = recordOf(node, call, vf, pod, found, wanted);
  return { record: netdev === undefined ? { ...record, mode: "rdma" } : record, netdev, rdma, effective };
}

/** The originals of a VF that runs with GUIDs of an attachment whose record is lost: those are not the VF's own. */
function withOwn(seen: Originals, own: OwnGuids | undefined): Originals {
  const { nodeGuid, portGuid, adminNodeGuid, adminPortGuid } = seen;
  if (own === undefined || !runsWithOthers(own, { node: nodeGuid, port: portGuid })) return seen;
  const unlessStale = (guid: Guid | undefined) =>
    guid !== undefined && own.instead.includes(guid) ? undefined : guid;
  return {
    ...seen,
    nodeGuid: own.node,
    portGuid: own.port,
    adminNodeGuid: unlessStale(adminNodeGuid),
    adminPortGuid: unlessStale(adminPortGuid),
    leftGuids: own.instead,
  };
}

/** A GUID that stays with the VF is what is found by whoever comes next. */
function guids(provided: Guid | undefined) {
  return provided === undefined ? {} : { nodeGuid: provided, portGuid: provided };
}

function recordOf(
  node: Node,
  call: VerbRequest,
  vf: VirtualFunction,
  pod: Namespace,
  found: Originals,
  wanted: Desired,
): AttachmentRecord {
  return {
    state: "preparing",
    containerId: call.name.containerId,
    ifname: call.name.ifname,
    netns: pod.path,
    netnsCookie: pod.cookie,
    bootId: node.clock.bootId(),
    since: Math.round(node.clock.wall()),
    vf: { pci: vf.pci, pf: vf.pf, index: vf.index, incarnation: vf.incarnation },
    found,
    wanted,
    call: { stdin: call.stdin, args: call.args, path: call.path },
  };
}

function originals(
  node: Node,
  { pci }: VirtualFunction,
  pf: PhysicalFunction,
  netdev: Link | undefined,
  effective: GuidPair,
  driver: string,
  wanted: Desired,
): Originals {
  const port = effective.port ?? ZERO_GUID;
  const nodeGuid = effective.node ?? port;
  const isOther = changesGuid(wanted, { nodeGuid, portGuid: port });
  const isNeeded = isOther || wanted.linkState !== undefined;
  const admin = isNeeded ? pf.vf : undefined;
  return {
    name: netdev?.name ?? "",
    altnames: netdev?.altnames ?? [],
    mtu: netdev?.mtu,
    up: netdev?.up,
    settings: netdev?.settings,
    ...(netdev === undefined || isOther ? {} : netdevOriginals(node, pci, netdev)),
    nodeGuid,
    portGuid: port,
    adminNodeGuid: admin?.nodeGuid,
    adminPortGuid: admin?.portGuid,
    linkState: admin?.linkState,
    driver,
  };
}

/** What netlink does not tell of a netdev, which the container gets as it is. */
function netdevOriginals(node: Node, pci: string, { index, name }: Link) {
  const tcx = node.links.tcxPrograms(index) ?? [];
  return { napi: node.functions.napiSettings(pci, name), tcx: tcx.length > 0 ? tcx : undefined };
}

/** What isolation needs must be there; and without it the container may not be able to use its RDMA device. */
function requireIsolation(
  node: Node,
  call: VerbRequest,
  { pci }: VirtualFunction,
  devices: readonly string[],
  wanted: Desired,
): void {
  if (wanted.rdmaIsolation !== true) {
    // Where there is no container (provision) nobody needs to know.
    if (devices.length > 0 && call.netns !== "") warnOfUnusableRdma(node, pci, call.warn);
    return;
  }
  requireExclusiveRdma(node);
  const known = node.functions.rdmaDevicesAnywhere(pci);
  if (devices.length > 0 && devices.every((name) => known.includes(name))) return;
  throw new CniError(
    codes.node,
    devices.length === 0
      ? `rdmaIsolation: VF ${pci} has no RDMA device on the host; see dmesg`
      : `rdmaIsolation: the RDMA device ${devices.join(", ")} of VF ${pci} has no /dev/infiniband/uverbs: ` +
          "modprobe ib_uverbs",
  );
}

function boundDriver(node: Node, pci: string): string {
  const driver = node.functions.driver(pci);
  if (driver === undefined) {
    throw new CniError(
      codes.node,
      `VF ${pci} has no driver: echo ${pci} > /sys/bus/pci/drivers_probe, and if that fails see dmesg`,
    );
  }
  return driver;
}

function hostIpoib(node: Node, pci: string): Link {
  const link = attempt(`read the netdev of VF ${pci}`, () => netdevOf(node, node.namespaces.host, pci));
  if (link === undefined) {
    throw new CniError(
      codes.node,
      `VF ${pci} has no netdev on the host: either another network namespace holds it, or it is no network ` +
        "device, or ib_ipoib is not loaded (modprobe ib_ipoib); for a VF that shall have none set rdmaOnly in the network",
    );
  }
  if (link.address.length !== HARDWARE_ADDRESS_LENGTH) {
    throw new CniError(
      codes.badConfiguration,
      `deviceID ${pci}: its netdev ${link.name} is no InfiniBand one (its hardware address has ` +
        `${link.address.length} bytes, not ${HARDWARE_ADDRESS_LENGTH}); is the port's link type Ethernet?`,
    );
  }
  return link;
}

/** Otherwise the move would collide in the container, and could take the container's own interface for ours. */
function requireFree(node: Node, pod: Namespace, { name, netns }: VerbRequest): void {
  const taken = attempt(`look for ${name.ifname} in ${netns}`, () => node.links.byName(pod, name.ifname));
  if (taken === undefined) return;
  throw new CniError(
    codes.badEnvironment,
    `CNI_IFNAME ${name.ifname} is taken: the network namespace ${netns} has an interface of that name already`,
  );
}
