import { CniError, codes } from "../../cni/errors.ts";
import { type Guid, ZERO_GUID } from "../../infiniband/guid.ts";
import { HARDWARE_ADDRESS_LENGTH, portGuidOf } from "../../infiniband/hardware-address.ts";
import type { Link } from "../../node/links.ts";
import type { Node } from "../../node/node.ts";
import { isPhysical, VFIO_DRIVER } from "../../node/pci-functions.ts";
import type { RdmaDevice } from "../../node/rdma-devices.ts";
import { type AttachmentKind, kinds } from "../attachment-kinds.ts";
import type { OwnGuids } from "../lock/lock-contents.ts";
import { runsWithOthers } from "../lock/own-guids.ts";
import { type Desired, settings } from "../record/desired.ts";
import type { GuidPair } from "../record/guid-pair.ts";
import { type AttachmentRecord, changesGuid, type Originals } from "../record/record.ts";
import type { KeptOriginals } from "../restore/orphan.ts";
import { originalDeviceInfo } from "../steps/device-info.ts";
import { interfaceInContainer } from "../steps/own-result.ts";
import { mayHaveStaleGuids } from "../vf/admin-guids.ts";
import { effectiveNodeGuid, portGuidOfDevice } from "../vf/effective-guids.ts";
import { hostRdmaDevices } from "../vf/rdma-devices.ts";
import type { AddSession } from "./add-session.ts";
import { requirePodFiles } from "./pod-files.ts";
import { requireExclusiveRdma, warnOfUnusableRdma } from "./rdma-netns-mode.ts";
import { requireRdmaOnlyVf } from "./rdma-only.ts";
import { requireUnused, warnOfAddresses } from "./refuse-used-vf.ts";
import { requireFreeGuid } from "./reserve-guid.ts";
import { requireUsableGuid } from "./usable-guid.ts";
import { requireNoVfio, vfioOriginals } from "./vfio.ts";

/** The record of an attachment before any change, and the VF's devices as they were read for it. */
export interface Plan {
  readonly record: AttachmentRecord;
  /** The VF's netdev on the host; `undefined` if it has no netdev. */
  readonly netdev: Link | undefined;
  readonly effective: GuidPair;
}

/**
 * Makes the plan of an attachment: reads every setting that the attachment will change, and refuses a VF, a GUID or an
 * interface name that is in use.
 * @param kept the originals of settings of an orphan that have stayed on the VF.
 * @param own the VF's own GUIDs, if the record of an earlier attachment, which gave it others, may be lost.
 * @throws {CniError} if the VF cannot be attached as it is. Nothing has been changed then, but an orphan may have been restored.
 */
export function makePlan(
  session: AddSession,
  desired: Desired,
  kept: KeptOriginals | undefined,
  own: OwnGuids | undefined,
): Plan {
  const { node, vf, pf } = session;
  const driver = boundDriver(session);
  const kind = kindFor(session, driver);
  refuseSettings(session, desired, kind);
  if (!kinds[kind].hasRdmaDevices) {
    requireFreeName(session, kind);
    const originals = vfioOriginals(session, desired);
    const record = recordOf(session, desired, kind, withOwnGuids(originals, own));
    requireFreeGuid(session, record, undefined);
    return { record, netdev: undefined, effective: { node: originals.nodeGuid, port: originals.portGuid } };
  }
  if (kind === "rdma") requireRdmaOnlyVf(session);
  const netdev = kind === "rdma" ? undefined : hostIpoib(session);
  requireFreeName(session, kind);
  const rdma = hostRdmaDevices(node, vf.pci);
  // Sorted: the kernel lists them in another order after they were in a container.
  const devices = rdma.own.map(({ name }) => name).sort();
  const files = node.functions.rdmaFiles(vf.pci);
  const effective = {
    node: rdma.own[0]?.nodeGuid ?? effectiveNodeGuid(node, vf.pci, undefined, devices),
    port: netdev === undefined ? portGuidOfDevice(node, vf.pci, devices) : portGuidOf(netdev.address),
  };
  requireIsolation(session, devices, desired);
  const read = readOriginals(session, desired, driver, netdev, rdma.own, { ...effective, ...kept?.guids });
  const { originals, staleGuids } = withOwnGuids({ ...read, ...kept?.originals }, own);
  const record = recordOf(session, desired, kind, {
    originals: {
      ...originals,
      rdma: { devices, files },
      deviceInfo: originalDeviceInfo(node, desired, kind),
    },
    staleGuids: kept?.staleGuids ?? staleGuids,
  });
  if (desired.guid === undefined) {
    const first =
      pf.linkIfAny === undefined ? " (without ib_ipoib the PF has no netdev: modprobe ib_ipoib)" : "";
    const effect = `${first}; then run: ib-sriov provision ${vf.pci}`;
    // The GUID step replaces stale GUIDs by the VF's own.
    const present = mayHaveStaleGuids(record) ? [] : [effective.port];
    requireUsableGuid(vf, netdev?.name, [record.originals.portGuid, ...present], effect);
  }
  if (netdev !== undefined) {
    requireUnused(session, netdev, rdma);
    warnOfAddresses(session, netdev);
  }
  requirePodFiles(session, files);
  requireFreeGuid(session, record, rdma);
  return { record, netdev, effective };
}

/** Returns the kind of an attachment, which the VF's driver and the network decide. */
function kindFor(session: AddSession, driver: string): AttachmentKind {
  if (driver === VFIO_DRIVER) return isPhysical(session.vf) ? "vfio-pf" : "vfio";
  requireNoVfio(session, driver);
  return session.request.rdmaOnly === true ? "rdma" : "netdev";
}

/** Refuses settings that nothing of the VF could have, because ignoring them would hide a mistake. */
function refuseSettings({ vf }: AddSession, desired: Desired, kind: AttachmentKind): void {
  const refused = kinds[kind].refused.find((name) => desired[name] !== undefined);
  if (refused === undefined) return;
  const [key] = settings[refused].keys;
  const why = kinds[kind].hasRdmaDevices
    ? "with rdmaOnly the container gets no interface"
    : `${vf.pci} is bound to ${VFIO_DRIVER}, and has neither interface nor RDMA device on the host`;
  throw new CniError(
    codes.unsupportedField,
    `network configuration: ${key} is set, but ${why}; remove ${key}`,
  );
}

/** The originals of a record, and the GUIDs of earlier attachments that the VF may have instead. */
type Recorded = Pick<AttachmentRecord, "originals" | "staleGuids">;

/** Replaces the GUIDs in the originals with the VF's own, if it runs with those of a lost record. */
function withOwnGuids(originals: Originals, own: OwnGuids | undefined): Recorded {
  const { nodeGuid, portGuid, adminNodeGuid, adminPortGuid } = originals;
  if (own === undefined || !runsWithOthers(own, { node: nodeGuid, port: portGuid })) return { originals };
  const unlessStale = (guid: Guid | undefined) =>
    guid !== undefined && own.instead.includes(guid) ? undefined : guid;
  return {
    originals: {
      ...originals,
      nodeGuid: own.node,
      portGuid: own.port,
      adminNodeGuid: unlessStale(adminNodeGuid),
      adminPortGuid: unlessStale(adminPortGuid),
    },
    staleGuids: own.instead,
  };
}

function recordOf(
  { node, request, vf, containerNetns }: AddSession,
  desired: Desired,
  kind: AttachmentKind,
  { originals, staleGuids }: Recorded,
): AttachmentRecord {
  // A GUID that "auto" assigns stays with the VF: the next attachment finds it. So undo must not restore another one.
  const assigned = request.guid === "auto" ? desired.guid : undefined;
  return {
    state: "preparing",
    containerId: request.name.containerId,
    ifname: request.name.ifname,
    netns: containerNetns.path,
    netnsCookie: containerNetns.cookie,
    kind,
    bootId: node.clock.bootId(),
    since: Math.round(node.clock.wall()),
    vf: { pci: vf.pci, pf: vf.pf, index: vf.index, generation: vf.generation },
    originals: assigned === undefined ? originals : { ...originals, nodeGuid: assigned, portGuid: assigned },
    staleGuids,
    desired,
    call: { stdin: request.stdin, args: request.args, path: request.path },
  };
}

function readOriginals(
  { node, vf, pf }: AddSession,
  desired: Desired,
  driver: string,
  netdev: Link | undefined,
  devices: readonly RdmaDevice[],
  own: GuidPair,
): Originals {
  const portGuid = own.port ?? ZERO_GUID;
  const nodeGuid = own.node ?? portGuid;
  const isOther = changesGuid(desired, { nodeGuid, portGuid });
  const admin = isOther || desired.linkState !== undefined ? pf.vf : undefined;
  return {
    name: netdev?.name ?? "",
    altnames: netdev?.altnames ?? [],
    mtu: netdev?.mtu,
    up: netdev?.up,
    settings: netdev?.settings,
    ...(netdev === undefined || isOther ? {} : netdevOriginals(node, vf.pci, netdev)),
    adaptiveModeration: isOther
      ? undefined
      : devices.filter(({ adaptiveModeration }) => adaptiveModeration).map(({ name }) => name),
    nodeGuid,
    portGuid,
    adminNodeGuid: admin?.nodeGuid,
    adminPortGuid: admin?.portGuid,
    linkState: admin?.linkState,
    driver,
  };
}

/** Reads settings of the netdev that rtnetlink does not report. They are not needed if ADD rebinds, which resets them. */
function netdevOriginals(node: Node, pci: string, netdev: Link) {
  const tcx = node.links.tcxPrograms(netdev.index) ?? [];
  return { tuning: node.links.tuning(pci, netdev), tcx: tcx.length > 0 ? tcx : undefined };
}

/** Requires what isolation needs. Without isolation, warns if the container will not be able to use its RDMA device. */
function requireIsolation(
  { node, request, vf: { pci }, warn }: AddSession,
  devices: readonly string[],
  { rdmaIsolation }: Desired,
): void {
  if (rdmaIsolation !== true) {
    // `provision` has no container that could miss the device.
    if (devices.length > 0 && request.netns !== "") warnOfUnusableRdma(node, pci, warn);
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

function boundDriver({ node, vf: { pci } }: AddSession): string {
  const driver = node.functions.driver(pci);
  if (driver !== undefined) return driver;
  throw new CniError(
    codes.node,
    `VF ${pci} has no driver: run ib-sriov bind ${pci}, and if that fails see dmesg`,
  );
}

function hostIpoib({ node, vf: { pci } }: AddSession): Link {
  const [link, ...others] = node.links.ofFunction(node.namespaces.host, pci).filter(({ child }) => !child);
  if (link === undefined) {
    throw new CniError(
      codes.node,
      `VF ${pci} has no netdev on the host: another network namespace has it, or it is not a network device, or ` +
        "ib_ipoib is not loaded (modprobe ib_ipoib); if the VF is meant to have no netdev, set rdmaOnly in the network",
    );
  }
  if (others.length > 0) {
    const names = [link, ...others].map(({ name }) => name).join(", ");
    throw new CniError(
      codes.badConfiguration,
      `deviceID ${pci}: it has ${others.length + 1} netdevs (${names}); ib-sriov attaches only VFs that have one port`,
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

/**
 * Refuses a name that the container's own interface has: the move would fail, or undo could take that interface; and
 * without a netdev, the result would name another interface as that of the VF. Only then can a previous plugin of the
 * chain have made it.
 */
function requireFreeName(
  { node, request: { name, netns, reply }, containerNetns }: AddSession,
  kind: AttachmentKind,
): void {
  // `provision` has no container.
  if (netns === "") return;
  if (kind !== "netdev" && interfaceInContainer(reply.prevResult, name.ifname) !== undefined) return;
  if (node.links.byName(containerNetns, name.ifname) === undefined) return;
  throw new CniError(
    codes.badEnvironment,
    `CNI_IFNAME ${name.ifname} is taken: the network namespace ${netns} has an interface of that name already`,
  );
}
