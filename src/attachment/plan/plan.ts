import { CniError, codes } from "../../cni/errors.ts";
import { type Guid, ZERO_GUID } from "../../infiniband/guid.ts";
import { HARDWARE_ADDRESS_LENGTH, portGuidOf } from "../../infiniband/hardware-address.ts";
import type { Link } from "../../node/links.ts";
import type { Namespace } from "../../node/namespaces.ts";
import type { Node } from "../../node/node.ts";
import { VFIO_DRIVER, type VirtualFunction } from "../../node/pci-functions.ts";
import { attempt } from "../errors.ts";
import type { OwnGuids } from "../lock/lock-file.ts";
import { runsWithOthers } from "../lock/own-guids.ts";
import type { GuidPair } from "../record/guid-pair.ts";
import { type AttachmentRecord, changesGuid, type Desired, type Originals } from "../record/record.ts";
import type { AddRequest, VerbRequest } from "../requests.ts";
import { rdmaDeviceIn } from "../steps/device-info.ts";
import { effectiveNodeGuid, portGuidOfDevice } from "../vf/effective-guids.ts";
import { netdevOf } from "../vf/netdev.ts";
import type { PhysicalFunction } from "../vf/pci-function.ts";
import { type HostRdmaDevices, hostRdmaDevices } from "../vf/rdma-devices.ts";
import { requireExclusiveRdma, warnOfUnusableRdma } from "./rdma-netns-mode.ts";
import { requireRdmaOnlyVf } from "./rdma-only.ts";
import { requireUsableGuid } from "./usable-guid.ts";
import { requireNoVfio, vfioOriginals } from "./vfio.ts";

/** The record of an attachment before any change, and the VF's devices as they were read for it. */
export interface Plan {
  readonly record: AttachmentRecord;
  /** The VF's netdev on the host; `undefined` if it has no netdev. */
  readonly netdev: Link | undefined;
  /** `undefined` for a VF of a virtual machine. */
  readonly rdma: HostRdmaDevices | undefined;
  readonly effective: GuidPair;
}

/**
 * Makes the plan of an attachment, for which it reads every setting that the attachment will change.
 * @param staleOriginals the originals of a stale attachment of this VF. The VF still has values that the attachment
 *   set, and these are not to be restored later.
 * @param derivedGuid the GUID that `"guid": "auto"` assigns, if any.
 * @param own the VF's own GUIDs, if the record of an earlier attachment, which gave it others, may be lost.
 * @throws {CniError} if the VF cannot be attached as it is. Nothing has been changed then.
 */
export function makePlan(
  node: Node,
  call: AddRequest,
  vf: VirtualFunction,
  pod: Namespace,
  pf: PhysicalFunction,
  wanted: Desired,
  staleOriginals: Originals | undefined,
  derivedGuid: Guid | undefined,
  own: OwnGuids | undefined,
): Plan {
  const driver = boundDriver(node, vf.pci);
  if (driver === VFIO_DRIVER) {
    const seen = vfioOriginals(vf, pf, wanted, call);
    const record = recordOf(
      node,
      call,
      vf,
      pod,
      { ...withOwnGuids(seen, own), ...derivedGuids(derivedGuid) },
      wanted,
    );
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
  const seen =
    staleOriginals ?? withOwnGuids(originals(node, vf, pf, netdev, effective, driver, wanted), own);
  const found = {
    ...seen,
    ...derivedGuids(derivedGuid),
    rdma: seen.rdma ?? { devices, files: node.functions.rdmaFiles(vf.pci) },
    // The file belongs to this attachment, even if the other originals are those of a stale one.
    deviceInfo: wanted.deviceInfo === undefined ? undefined : rdmaDeviceIn(node, wanted.deviceInfo),
  };
  if (wanted.guid === undefined) {
    const effect = "; then unbind and bind the VF's driver";
    requireUsableGuid(vf, netdev?.name, [found.portGuid, effective.port], effect);
  }
  const record = recordOf(node, call, vf, pod, found, wanted);
  return { record: netdev === undefined ? { ...record, mode: "rdma" } : record, netdev, rdma, effective };
}

/** Replaces the GUIDs in the originals with the VF's own, if it runs with those of a lost record. */
function withOwnGuids(seen: Originals, own: OwnGuids | undefined): Originals {
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

/** Returns an assigned GUID as the original: the VF keeps it, so the next attachment finds it. */
function derivedGuids(derivedGuid: Guid | undefined) {
  return derivedGuid === undefined ? {} : { nodeGuid: derivedGuid, portGuid: derivedGuid };
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

/** Reads settings of the netdev that netlink does not report. They are not needed if ADD rebinds, which resets them. */
function netdevOriginals(node: Node, pci: string, { index, name }: Link) {
  const tcx = node.links.tcxPrograms(index) ?? [];
  return { napi: node.functions.napiSettings(pci, name), tcx: tcx.length > 0 ? tcx : undefined };
}

/** Requires what isolation needs. Without isolation, warns if the container will not be able to use its RDMA device. */
function requireIsolation(
  node: Node,
  call: VerbRequest,
  { pci }: VirtualFunction,
  devices: readonly string[],
  wanted: Desired,
): void {
  if (wanted.rdmaIsolation !== true) {
    // `provision` has no container that could miss the device.
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
      `VF ${pci} has no netdev on the host: another network namespace has it, or it is not a network device, or ` +
        "ib_ipoib is not loaded (modprobe ib_ipoib); if the VF is meant to have no netdev, set rdmaOnly in the network",
    );
  }
  if (link.address.length !== HARDWARE_ADDRESS_LENGTH) {
    throw new CniError(
      codes.badConfiguration,
      `deviceID ${pci}: its netdev ${link.name} is not an InfiniBand interface (its hardware address has ` +
        `${link.address.length} bytes, not ${HARDWARE_ADDRESS_LENGTH}); set the port's link type to InfiniBand`,
    );
  }
  return link;
}

/** Refuses a name that the container's own interface has: the move would fail, or undo could take that interface. */
function requireFree(node: Node, pod: Namespace, { name, netns }: VerbRequest): void {
  const taken = attempt(`look for ${name.ifname} in ${netns}`, () => node.links.byName(pod, name.ifname));
  if (taken === undefined) return;
  throw new CniError(
    codes.badEnvironment,
    `CNI_IFNAME ${name.ifname} is taken: the network namespace ${netns} has an interface of that name already`,
  );
}
