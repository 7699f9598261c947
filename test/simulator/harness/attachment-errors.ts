import { fromJson, isObject } from "../../../src/cni/document.ts";
import { derivedGuid } from "../../../src/infiniband/derived-guid.ts";
import { type Guid, isUsableGuid } from "../../../src/infiniband/guid.ts";
import { formatHardwareAddress, portGuidOf } from "../../../src/infiniband/hardware-address.ts";
import { pfGuid } from "../model/bus.ts";
import type { Vf } from "../model/functions.ts";
import type { Machine } from "../model/machine.ts";
import { type Setting, wholePf } from "./default-node.ts";
import { type OriginalsByVf, originalsOf } from "./originals.ts";
import { recordOf } from "./records.ts";
import type { AttachmentRequest, Pod } from "./requests.ts";
import type { Run } from "./run.ts";

/** Are namespace and VF of its attachment still those that ADD found? */
export function isThere(machine: Machine, pod: Pod): boolean {
  const record = recordOf(machine, pod);
  const pci = record?.vf.pci ?? "";
  const vf = machine.bus.vfs.get(pci);
  const isSame = record === undefined || pci === wholePf || record.vf.incarnation === vf?.incarnation;
  return machine.paths.has(pod.netns) && isSame;
}

/** What an attachment of a node depends on, apart from what was asked for. */
export interface Expectations {
  readonly setting: Setting;
  readonly originals: OriginalsByVf;
  /** The GUID that "auto" gives a VF that has none; undefined: the first one that is derived for the VF. */
  readonly autoGuid: Guid | undefined;
}

/** What is wrong with an attachment that ADD says is made. */
export function attachmentErrors(
  machine: Machine,
  pod: Pod,
  wish: AttachmentRequest,
  { result }: Run,
  expectations: Expectations,
): string[] {
  const { setting, originals, autoGuid } = expectations;
  if (wish.vf === wholePf) return wholeFlaws(machine, pod, wish, result);
  if (machine.bus.driverOf(wish.vf) === "vfio-pci")
    return vfioFlaws(machine, pod, wish, result, expectations);
  if (setting.rdmaOnly === true) return rdmaOnlyFlaws(machine, pod, wish, result, expectations);
  const namespace = machine.paths.get(pod.netns);
  const netdev = namespace?.named(pod.ifname)?.[1];
  const vf = machine.bus.vfs.get(wish.vf);
  if (namespace === undefined || netdev === undefined || vf?.probed === undefined)
    return ["the pod has no interface"];
  const before = originalsOf(originals, vf);
  const holder = `${pod.containerId} ${pod.ifname}`;
  const held = [...machine.leases.leases].filter(([, each]) => each === holder).length;
  const own = result?.interfaces.at(-1);
  const home = wish.rdmaIsolation === true ? namespace : machine.host;
  const wished = wish.mtu ?? before.mtu;
  const mtu = Math.min(wished, machine.groupMtu ?? wished, netdev.longestMtu);
  const devices = vf.probed.devices.map(({ name }) => name).join();
  const facts: Facts = [
    ["VF of the interface", netdev.kind.pci, wish.vf],
    ["admin state", netdev.up, true],
    ["MTU", netdev.mtu, mtu],
    ["carrier", wish.carrierTime === undefined || netdev.carrier, true],
    ["flags that can be set", netdev.link.flags, 0x1000],
    ["XDP program", netdev.link.xdpGeneric, 0],
    ["IPoIB mode", netdev.link.mode, setting.connected === true ? 1 : 0],
    ["alternative names", netdev.altnames.join(), ""],
    ["port GUID", portGuidOf(netdev.kind.address), guidOf(wish, vf, before.port, autoGuid)],
    ["node GUID", vf.probed.nodeGuid, guidOf(wish, vf, before.node, autoGuid)],
    ["RDMA devices elsewhere", vf.probed.devices.filter(({ where }) => where !== home).length, 0],
    ["RDMA device", vf.probed.devices[0]?.name, before.rdma ?? vf.probed.devices[0]?.name],
    ["link state", vf.linkState, wish.linkState ?? before.linkState],
    ["leases", held, wish.subnets?.length ?? 0],
    ["addresses", netdev.addresses.length, wish.subnets?.length ?? 0],
    ["tentative addresses", netdev.carrier && netdev.addresses.some((each) => each.tentative), false],
    ["routes", netdev.routes.length, wish.subnets?.length ?? 0],
    ["state in the record", recordOf(machine, pod)?.state, "complete"],
    ["mac in the result", own?.mac, formatHardwareAddress(netdev.kind.address)],
    ["mtu in the result", own?.mtu, mtu],
    ["RDMA devices in the device information", namedIn(machine, wish, devices), devices],
    [
      "addresses in the result",
      result?.ips.length,
      (wish.subnets?.length ?? 0) + (wish.prevResult?.ips.length ?? 0),
    ],
  ];
  return untrue(facts, pod);
}

/** The same of a VF that goes to a virtual machine. */
function vfioFlaws(
  machine: Machine,
  pod: Pod,
  wish: AttachmentRequest,
  result: Run["result"],
  { originals, autoGuid }: Expectations,
): string[] {
  const vf = machine.bus.vf(wish.vf, "look at it");
  const before = originalsOf(originals, vf);
  return untrue(
    [
      ["driver", vf.probed?.driver, "vfio-pci"],
      ["node GUID on file", vf.adminNodeGuid, guidOf(wish, vf, before.node, autoGuid)],
      ["port GUID on file", vf.adminPortGuid, guidOf(wish, vf, before.port, autoGuid)],
      ...withoutInterface(machine, pod, wish, result, originals),
    ],
    pod,
  );
}

/** The same of a PF that goes to a virtual machine. */
function wholeFlaws(machine: Machine, pod: Pod, wish: AttachmentRequest, result: Run["result"]): string[] {
  return untrue(
    [["driver", machine.bus.driverOf(wish.vf), "vfio-pci"], ...nothingInPod(machine, pod, wish, result)],
    pod,
  );
}

/** The same of a VF that has no netdev. */
function rdmaOnlyFlaws(
  machine: Machine,
  pod: Pod,
  wish: AttachmentRequest,
  result: Run["result"],
  { originals, autoGuid }: Expectations,
): string[] {
  const vf = machine.bus.vf(wish.vf, "look at it");
  const before = originalsOf(originals, vf);
  const home = wish.rdmaIsolation === true ? machine.paths.get(pod.netns) : machine.host;
  const devices = vf.probed?.devices ?? [];
  return untrue(
    [
      ["node GUID", vf.probed?.nodeGuid, guidOf(wish, vf, before.node, autoGuid)],
      ["port GUID", vf.probed?.portGuid, guidOf(wish, vf, before.port, autoGuid)],
      ["RDMA devices elsewhere", devices.filter(({ where }) => where !== home).length, 0],
      ["RDMA device", devices[0]?.name, before.rdma ?? devices[0]?.name],
      ...withoutInterface(machine, pod, wish, result, originals),
    ],
    pod,
  );
}

/** What is the same of both VFs. */
function withoutInterface(
  machine: Machine,
  pod: Pod,
  wish: AttachmentRequest,
  result: Run["result"],
  originals: OriginalsByVf,
): Facts {
  const vf = machine.bus.vf(wish.vf, "look at it");
  return [
    ["link state", vf.linkState, wish.linkState ?? originalsOf(originals, vf).linkState],
    ...nothingInPod(machine, pod, wish, result),
  ];
}

/** There is no interface to put an address on. */
function nothingInPod(machine: Machine, pod: Pod, wish: AttachmentRequest, result: Run["result"]): Facts {
  const holder = `${pod.containerId} ${pod.ifname}`;
  const held = [...machine.leases.leases.values()].filter((each) => each === holder).length;
  return [
    ["leases", held, 0],
    ["interfaces in the result", result?.interfaces.length, wish.prevResult?.interfaces.length ?? 0],
    ["state in the record", recordOf(machine, pod)?.state, "complete"],
  ];
}

/** What something is, and what it should be. */
type Facts = readonly (readonly [what: string, is: unknown, should: unknown])[];

function untrue(facts: Facts, pod: Pod): string[] {
  return facts.flatMap(([what, is, should]) =>
    is === should ? [] : [`${what} of ${pod.containerId} is ${String(is)}, not ${String(should)}`],
  );
}

/** The RDMA devices that the device information file names; `otherwise` where there is none to name any. */
function namedIn({ files }: Machine, { deviceInfo }: AttachmentRequest, otherwise: string): unknown {
  const document = fromJson(files.texts.get(deviceInfo ?? "") ?? "");
  const pci = isObject(document) ? document.pci : undefined;
  return isObject(pci) ? pci["rdma-device"] : otherwise;
}

/** The GUID that the container must have. */
function guidOf(
  { guid }: AttachmentRequest,
  vf: Vf,
  own: Guid,
  autoGuid: Guid | undefined,
): Guid | undefined {
  if (guid !== "auto") return guid ?? own;
  if (autoGuid !== undefined) return autoGuid;
  return isUsableGuid(own) ? own : derivedGuid(pfGuid, vf.index);
}
