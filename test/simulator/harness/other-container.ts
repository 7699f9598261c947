// Another container's attachment, of another VF of the same PF, which no verb may touch.
import { parseLockContents } from "../../../src/attachment/lock/lock-contents.ts";
import { guidsOf } from "../../../src/attachment/record/guid-notes.ts";
import { recordDocument } from "../../../src/attachment/record/record-document.ts";
import { STATE_DIRECTORY } from "../../../src/attachment/record/state-directory.ts";
import type { Guid } from "../../../src/infiniband/guid.ts";
import { aRecord, guid } from "../../support/records.ts";
import { addAddress, addRoute, moveLink, removeAltnames } from "../model/link-requests.ts";
import type { Machine } from "../model/machine.ts";
import { addPod, prepareVf } from "./prepare.ts";
import type { Pod } from "./requests.ts";

export const other: Pod = { containerId: "other", ifname: "net1", netns: "/run/netns/other" };
/** The VF of the other container. */
export const otherVf = "0000:01:10.2";
const theirGuid = guid("02:00:00:00:00:00:00:99");
const address = "10.9.0.2/24";

const { containerId, ifname, netns } = other;

/** Makes the attachment as its ADD would have left it. */
export function attachOther(machine: Machine, number: number): void {
  const { files, host, leases } = machine;
  const vf = machine.bus.vf(otherVf, "set up");
  const initial = { name: "ibp1s0f0v1", altname: "rail1", nodeGuid: theirGuid, portGuid: theirGuid };
  const netdev = prepareVf(machine, otherVf, initial);
  vf.linkState = "enable";
  const pod = addPod(machine, netns, number);
  removeAltnames(host, netdev, netdev.altnames);
  moveLink(host, host.indexOf(netdev) ?? 0, pod, ifname);
  addAddress(pod, netdev, { cidr: address });
  machine.setUp(pod, netdev, true);
  addRoute(pod, netdev, { dst: "0.0.0.0/0", gw: "10.9.0.1" });
  const { pci, pf, index, generation } = vf;
  const record = aRecord({
    ...other,
    state: "complete",
    bootId: machine.bootId,
    netnsCookie: pod.cookie,
    vf: { pci, pf, index, generation },
    desired: { guid: theirGuid },
  });
  leases.leases.set("mynet 10.9.0.2", `${containerId} ${ifname}`);
  files.makeDirectory(`${STATE_DIRECTORY}/.vf`);
  files.write(`${STATE_DIRECTORY}/${containerId}-${ifname}`, recordDocument(record, "ib0"));
  files.write(`${STATE_DIRECTORY}/.vf/${otherVf}`, JSON.stringify({ owner: { containerId, ifname } }));
  files.makeDirectory(`${STATE_DIRECTORY}/.guid`);
  for (const each of guidsOf(record)) files.write(notePath(each), otherVf);
}

/** Returns the path of the note of a GUID. */
export function notePath(of: Guid): string {
  return `${STATE_DIRECTORY}/.guid/${of.replaceAll(":", "")}`;
}

/**
 * Returns the owner in a lock file. The rest may change: a DEL whose record names this VF by mistake locks the VF, and
 * notes itself as the holder of the lock.
 */
function ownerIn(lockFile: string | undefined): string {
  return JSON.stringify(parseLockContents(lockFile ?? "").owner);
}

/**
 * Returns everything of the attachment that could be touched: it was not touched if two lists have the same members.
 */
export function otherAttachment({ bus, files, leases, paths }: Machine): readonly unknown[] {
  const vf = bus.vfs.get(otherVf);
  const pod = paths.get(netns);
  const found = pod?.named(ifname);
  const netdev = found?.[1];
  return [
    ...[vf, vf?.probed, vf?.adminNodeGuid, vf?.adminPortGuid, vf?.linkState, vf?.driverOverride],
    ...(vf?.probed?.devices ?? []).flatMap(({ name, where, uverbs, umad }) => [name, where, uverbs, umad]),
    ...[pod, found?.[0], netdev, netdev?.name, netdev?.mtu, netdev?.up, netdev?.altnames.length],
    ...[netdev?.addresses[0]?.cidr, netdev?.routes.length, netdev?.settings.size],
    leases.leases.get("mynet 10.9.0.2"),
    files.texts.get(`${STATE_DIRECTORY}/${containerId}-${ifname}`),
    ownerIn(files.texts.get(`${STATE_DIRECTORY}/.vf/${otherVf}`)),
    files.texts.get(notePath(theirGuid)),
  ];
}
