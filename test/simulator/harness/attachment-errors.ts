import { fromJson, isObject } from "../../../src/cni/document.ts";
import type { Interface } from "../../../src/cni/result.ts";
import { derivedGuid } from "../../../src/infiniband/derived-guid.ts";
import { type Guid, isUsableGuid } from "../../../src/infiniband/guid.ts";
import { formatHardwareAddress, portGuidOf } from "../../../src/infiniband/hardware-address.ts";
import { pfGuid } from "../model/bus.ts";
import { filesOf, givenFiles } from "../model/device-plugin.ts";
import type { Machine } from "../model/machine.ts";
import type { Vf } from "../model/pci-functions.ts";
import { isFirst, type Setting, wholePf } from "./default-node.ts";
import { recordOf } from "./records.ts";
import type { AttachmentRequest, Pod } from "./requests.ts";
import type { Run } from "./run.ts";
import { type OriginalsByVf, originalsOf } from "./snapshot.ts";

/** Reports whether the namespace and the VF of the pod's attachment are still those that ADD found. */
export function isThere(machine: Machine, pod: Pod): boolean {
  const record = recordOf(machine, pod);
  const pci = record?.vf.pci ?? "";
  const vf = machine.bus.vfs.get(pci);
  const isSame = record === undefined || pci === wholePf || record.vf.generation === vf?.generation;
  return machine.paths.has(pod.netns) && isSame;
}

/** Facts of the node that an attachment depends on, apart from its request. */
export interface Expectations {
  readonly setting: Setting;
  readonly originals: OriginalsByVf;
  /** The GUID that "auto" gives to a VF without a GUID; `undefined` for the first GUID that is derived for the VF. */
  readonly autoGuid: Guid | undefined;
}

/** Returns the differences between an attachment that ADD reports as made and the request. */
export function attachmentErrors(
  machine: Machine,
  pod: Pod,
  request: AttachmentRequest,
  { result }: Run,
  expectations: Expectations,
): string[] {
  const { setting, originals, autoGuid } = expectations;
  if (request.vf === wholePf) return pfErrors(machine, pod, request, result);
  const files = filesOf(machine, request.vf);
  const given = givenFiles(machine, pod, request.vf) ?? files;
  if (!given.every((name) => files.includes(name)))
    return [`${pod.containerId} has been given ${given}, and its VF has ${files}`];
  if (machine.bus.driverOf(request.vf) === "vfio-pci")
    return vfioErrors(machine, pod, request, result, expectations);
  if (setting.rdmaOnly === true) return rdmaOnlyErrors(machine, pod, request, result, expectations);
  const namespace = machine.paths.get(pod.netns);
  const netdev = namespace?.named(pod.ifname)?.[1];
  const vf = machine.bus.vfs.get(request.vf);
  if (namespace === undefined || netdev === undefined || vf?.probed === undefined)
    return ["the pod has no interface"];
  const before = originalsOf(originals, vf);
  const holder = `${pod.containerId} ${pod.ifname}`;
  const held = [...machine.leases.leases].filter(([, each]) => each === holder).length;
  const own = result?.interfaces.at(-1);
  const rdmaNamespace = request.rdmaIsolation === true ? namespace : machine.host;
  const wished = request.mtu ?? before.mtu;
  const mtu = Math.min(wished, machine.groupMtu ?? wished, netdev.longestMtu);
  const devices = vf.probed.devices.map(({ name }) => name).join();
  const facts: Facts = [
    ["VF of the interface", netdev.kind.pci, request.vf],
    ["admin state", netdev.up, true],
    ["MTU", netdev.mtu, mtu],
    ["carrier", request.carrierTime === undefined || netdev.carrier, true],
    ["flags that can be set", netdev.link.flags, 0x1000],
    ["XDP program", netdev.link.xdpGeneric, 0],
    ["IPoIB mode", netdev.link.mode, setting.connected === true ? 1 : 0],
    ["alternative names", netdev.altnames.join(), ""],
    ["port GUID", portGuidOf(netdev.kind.address), guidOf(request, vf, before.port, autoGuid)],
    ["node GUID", vf.probed.nodeGuid, guidOf(request, vf, before.node, autoGuid)],
    ["RDMA devices elsewhere", vf.probed.devices.filter(({ where }) => where !== rdmaNamespace).length, 0],
    ["RDMA device", vf.probed.devices[0]?.name, before.rdma ?? vf.probed.devices[0]?.name],
    ["link state", vf.linkState, request.linkState ?? before.linkState],
    ["leases", held, request.subnets?.length ?? 0],
    ["addresses", netdev.addresses.length, request.subnets?.length ?? 0],
    ["tentative addresses", netdev.carrier && netdev.addresses.some((each) => each.tentative), false],
    ["routes", netdev.routes.length, request.subnets?.length ?? 0],
    ["state in the record", recordOf(machine, pod)?.state, "complete"],
    ["mac in the result", own?.mac, formatHardwareAddress(netdev.kind.address)],
    ["mtu in the result", own?.mtu, mtu],
    ["RDMA devices in the device information", namedIn(machine, request, devices), devices],
    [
      "addresses in the result",
      result?.ips.length,
      (request.subnets?.length ?? 0) + (request.prevResult?.ips.length ?? 0),
    ],
  ];
  return untrue(facts, pod);
}

/** Returns the same for a VF that a virtual machine gets. */
function vfioErrors(
  machine: Machine,
  pod: Pod,
  request: AttachmentRequest,
  result: Run["result"],
  { originals, autoGuid }: Expectations,
): string[] {
  const vf = machine.bus.vf(request.vf, "look at it");
  const before = originalsOf(originals, vf);
  return untrue(
    [
      ["driver", vf.probed?.driver, "vfio-pci"],
      ["administrative node GUID", vf.adminNodeGuid, guidOf(request, vf, before.node, autoGuid)],
      ["administrative port GUID", vf.adminPortGuid, guidOf(request, vf, before.port, autoGuid)],
      ...withoutInterface(machine, pod, request, result, originals),
    ],
    pod,
  );
}

/** Returns the same for a PF that a virtual machine gets. */
function pfErrors(machine: Machine, pod: Pod, request: AttachmentRequest, result: Run["result"]): string[] {
  return untrue(
    [
      ["driver", machine.bus.driverOf(request.vf), "vfio-pci"],
      ...nothingInPod(machine, pod, request, result),
    ],
    pod,
  );
}

/** Returns the same for a VF without a netdev. */
function rdmaOnlyErrors(
  machine: Machine,
  pod: Pod,
  request: AttachmentRequest,
  result: Run["result"],
  { originals, autoGuid }: Expectations,
): string[] {
  const vf = machine.bus.vf(request.vf, "look at it");
  const before = originalsOf(originals, vf);
  const rdmaNamespace = request.rdmaIsolation === true ? machine.paths.get(pod.netns) : machine.host;
  const devices = vf.probed?.devices ?? [];
  return untrue(
    [
      ["node GUID", vf.probed?.nodeGuid, guidOf(request, vf, before.node, autoGuid)],
      ["port GUID", vf.probed?.portGuid, guidOf(request, vf, before.port, autoGuid)],
      ["RDMA devices elsewhere", devices.filter(({ where }) => where !== rdmaNamespace).length, 0],
      ["RDMA device", devices[0]?.name, before.rdma ?? devices[0]?.name],
      ...withoutInterface(machine, pod, request, result, originals),
    ],
    pod,
  );
}

/** Returns the facts that vfio and RDMA-only attachments have in common. */
function withoutInterface(
  machine: Machine,
  pod: Pod,
  request: AttachmentRequest,
  result: Run["result"],
  originals: OriginalsByVf,
): Facts {
  const vf = machine.bus.vf(request.vf, "look at it");
  return [
    ["link state", vf.linkState, request.linkState ?? originalsOf(originals, vf).linkState],
    ...nothingInPod(machine, pod, request, result),
  ];
}

/** Returns the facts that every attachment without an interface has in common. */
function nothingInPod(machine: Machine, pod: Pod, request: AttachmentRequest, result: Run["result"]): Facts {
  const holder = `${pod.containerId} ${pod.ifname}`;
  const held = [...machine.leases.leases.values()].filter((each) => each === holder).length;
  return [
    ["leases", held, 0],
    [
      "interfaces in the result",
      JSON.stringify(result?.interfaces),
      JSON.stringify(interfacesOf(pod, request)),
    ],
    ["state in the record", recordOf(machine, pod)?.state, "complete"],
  ];
}

/** Returns the interfaces in the result of ADD: those of the previous plugins, and the pod's, unless they have named it. */
function interfacesOf({ ifname, netns }: Pod, { vf, prevResult }: AttachmentRequest): readonly Interface[] {
  const before = prevResult?.interfaces ?? [];
  const isNamed = before.some(({ name, sandbox }) => name === ifname && sandbox === netns);
  return isNamed ? before : [...before, { name: ifname, sandbox: netns, pciID: vf }];
}

/** Each thing with its actual and its expected value. */
type Facts = readonly (readonly [what: string, is: unknown, should: unknown])[];

function untrue(facts: Facts, pod: Pod): string[] {
  return facts.flatMap(([what, is, should]) =>
    is === should ? [] : [`${what} of ${pod.containerId} is ${String(is)}, not ${String(should)}`],
  );
}

/** Returns the RDMA devices that the device information file names; `otherwise` if the file has no `pci` object. */
function namedIn({ files }: Machine, { deviceInfo }: AttachmentRequest, otherwise: string): unknown {
  const document = fromJson(files.texts.get(deviceInfo ?? "") ?? "");
  const pci = isObject(document) ? document.pci : undefined;
  return isObject(pci) ? pci["rdma-device"] : otherwise;
}

/** Returns the GUID that the container must have. */
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

/**
 * Returns addresses that an interface of a VF has although they are free, so that another container can lease them. VFs
 * that were created again during an attachment are left out: the plugin does not know what such a VF has (see
 * {@link isFirst}).
 */
export function addressesWithoutLease({ bus, leases, namespaces }: Machine): string[] {
  const leased = new Set([...leases.leases.keys()].map((key) => key.slice(key.indexOf(" ") + 1)));
  return [...namespaces].flatMap((namespace) =>
    namespace.netdevs
      .filter(([, netdev]) => isFirst(bus.vfs.get(netdev.kind.pci ?? "")))
      .flatMap(([, netdev]) => netdev.addresses.map(({ cidr }) => cidr.slice(0, cidr.indexOf("/"))))
      .filter((address) => !leased.has(address))
      .map((address) => `${address} is free, and in ${namespace.label} an interface has it`),
  );
}
