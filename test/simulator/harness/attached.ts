import type { AttachmentRecord } from "../../../src/attachment/record.ts";
import { parseRecord } from "../../../src/attachment/record-document.ts";
import { formatHardwareAddress, portGuidOf } from "../../../src/infiniband/hardware-address.ts";
import type { Machine } from "../model/machine.ts";
import type { Pod, Wish } from "./calls.ts";
import type { Run } from "./run.ts";
import { stateDirectory } from "./state.ts";
import { originalsOf, type Setting } from "./world.ts";

/** The record of a pod, if it has one that can be read. */
export function recordOf(machine: Machine, { containerId, ifname }: Pod): AttachmentRecord | undefined {
  const text = machine.files.texts.get(`${stateDirectory}/${containerId}-${ifname}`);
  return text === undefined ? undefined : parseRecord(text);
}

/** Has the pod a VF, as the record says, in a namespace that is there? */
export function lives(machine: Machine, pod: Pod): boolean {
  const record = recordOf(machine, pod);
  return record?.state === "complete" && machine.paths.get(record.netns)?.cookie === record.netnsCookie;
}

/** Are namespace and VF of its attachment still those that ADD found? */
export function isThere(machine: Machine, pod: Pod): boolean {
  const record = recordOf(machine, pod);
  const vf = machine.bus.vfs.get(record?.vf.pci ?? "");
  return machine.paths.has(pod.netns) && (record === undefined || record.vf.incarnation === vf?.incarnation);
}

/** What is wrong with an attachment that ADD says is made. */
export function flaws(machine: Machine, pod: Pod, wish: Wish, { result }: Run, setting: Setting): string[] {
  const namespace = machine.paths.get(pod.netns);
  const netdev = namespace?.named(pod.ifname)?.[1];
  const vf = machine.bus.vfs.get(wish.vf);
  if (namespace === undefined || netdev === undefined || vf?.probed === undefined)
    return ["the pod has no interface"];
  const before = originalsOf(setting, vf);
  const holder = `${pod.containerId} ${pod.ifname}`;
  const held = [...machine.leases.leases].filter(([, each]) => each === holder).length;
  const own = result?.interfaces.at(-1);
  const facts: readonly [string, unknown, unknown][] = [
    ["VF of the interface", netdev.kind.pci, wish.vf],
    ["admin state", netdev.up, true],
    ["MTU", netdev.mtu, before.mtu],
    ["alternative names", netdev.altnames.join(), ""],
    ["port GUID", portGuidOf(netdev.kind.address), wish.guid ?? before.port],
    ["node GUID", vf.probed.nodeGuid, wish.guid ?? before.node],
    ["link state", vf.linkState, wish.linkState ?? before.linkState],
    ["leases", held, wish.subnets?.length ?? 0],
    ["addresses", netdev.addresses.length, wish.subnets?.length ?? 0],
    ["routes", netdev.routes.length, wish.subnets?.length ?? 0],
    ["state in the record", recordOf(machine, pod)?.state, "complete"],
    ["mac in the result", own?.mac, formatHardwareAddress(netdev.kind.address)],
    ["mtu in the result", own?.mtu, before.mtu],
    [
      "addresses in the result",
      result?.ips.length,
      (wish.subnets?.length ?? 0) + (wish.prevResult?.ips.length ?? 0),
    ],
  ];
  return facts.flatMap(([what, is, should]) =>
    is === should ? [] : [`${what} of ${pod.containerId} is ${String(is)}, not ${String(should)}`],
  );
}

/** The VF that two living containers claim, if there is one. */
export function doubleOwners(machine: Machine): string[] {
  const owners = new Map<string, string>();
  const offences: string[] = [];
  for (const [path, text] of machine.files.texts) {
    if (!path.startsWith(`${stateDirectory}/`) || path.startsWith(`${stateDirectory}/.`)) continue;
    const record = path.endsWith("/other-net1") ? undefined : parseRecord(text);
    if (record === undefined || !lives(machine, record)) continue;
    const before = owners.get(record.vf.pci);
    if (before !== undefined)
      offences.push(`VF ${record.vf.pci} belongs to ${before} and to ${record.containerId}`);
    owners.set(record.vf.pci, record.containerId);
  }
  return offences;
}
