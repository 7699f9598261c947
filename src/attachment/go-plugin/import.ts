import { CniError, codes } from "../../cni/errors.ts";
import { type Guid, ZERO_GUID } from "../../infiniband/guid.ts";
import { portGuidOf } from "../../infiniband/hardware-address.ts";
import type { Namespace } from "../../node/namespaces.ts";
import type { Node } from "../../node/node.ts";
import type { RdmaNames, VirtualFunction } from "../../node/pci-functions.ts";
import { VFIO_DRIVER } from "../../node/pci-functions.ts";
import { attempt } from "../errors.ts";
import { isOfEarlierBoot } from "../lock/earlier-boot.ts";
import type { Locks } from "../lock/locks.ts";
import { callThatFits } from "../record/document.ts";
import type { GoCache } from "../record/go-cache.ts";
import { type AttachmentRecord, isNamed } from "../record/record.ts";
import type { StateDirectory, StoredRecord } from "../record/state-directory.ts";
import { releaseLease } from "../recovery/del-unrecorded.ts";
import type { DelRequest } from "../requests.ts";
import { functionAt, PhysicalFunction, unseenError } from "../vf/function.ts";
import { netdevOf, waitForNetdevReturn } from "../vf/netdev.ts";
import { resetVfio } from "./reset-vfio.ts";

/**
 * Makes a record of ours out of what the Go plugin has written down of an attachment that shall be detached, so
 * that all goes on as if we had made it. The cache holds the port GUID and the name that the VF had. What it does
 * not hold is left as it is, but for two things that the Go plugin itself takes for known: the node GUID was the
 * port's, and the link state was `auto`.
 * @param pod the container's namespace; undefined where it is gone, or was not named.
 * @returns the record, which is in the place of the cache now; undefined where nothing is left to be put back: the
 * cache and the lease are gone then.
 */
export function importGoAttachment(
  node: Node,
  call: DelRequest,
  state: StateDirectory,
  locks: Locks,
  pod: Namespace | undefined,
  { path, reference }: StoredRecord,
): AttachmentRecord | undefined {
  if (reference === undefined) return undefined;
  const { pci } = reference;
  const vf = attempt(`find out whose VF ${pci} is`, () => heldVf(node, call, state, locks, pod, reference));
  if (vf !== undefined && !reference.vfioPciMode) {
    const record = attempt(`read what VF ${pci} is like`, () => recordLike(node, call, pod, reference, vf));
    attempt("write the attachment's record", () => state.replace(path, record, reference.pfName));
    attempt(`note whose VF ${pci} is`, () => locks.setOwner(call.name));
    return record;
  }
  if (vf !== undefined) resetVfio(node, vf, reference);
  else
    call.warn(`nothing says that VF ${pci} is still ${call.name.containerId}'s; only its lease is released`);
  attempt("release the lease", () => releaseLease(node, call));
  attempt("remove the Go plugin's cache", () => state.remove(path));
  return undefined;
}

/**
 * The VF, where it is still the attachment's; undefined where it is gone, or somebody else's, or where nothing
 * says whose it is. The Go plugin notes neither when it made the attachment nor in which namespace. So the VF must
 * prove it: by being in the container, or by running with the container's GUID or name on the host; or by
 * having no driver, since nobody could do anything with it then.
 */
function heldVf(
  node: Node,
  call: DelRequest,
  state: StateDirectory,
  locks: Locks,
  pod: Namespace | undefined,
  { pci, guid, ifname, vfioPciMode }: GoCache,
): VirtualFunction | undefined {
  const { owner } = locks;
  if (owner !== undefined && !isNamed(owner, call.name)) {
    const stored = state.findAny(owner);
    if (stored?.record?.vf.pci === pci) return undefined;
    if (stored?.unreadable !== undefined && !isOfEarlierBoot(node, state, locks, stored.path))
      return undefined;
  }
  if (node.functions.generation(pci) === undefined) {
    // The cache names the PF's netdev only, which can have another name by now.
    if (!node.functions.any()) throw unseenError(pci, "any other PCI function");
    return undefined;
  }
  const driver = node.functions.driver(pci);
  if (vfioPciMode) {
    // In the container nothing is to be seen of such a VF; we go by the namespace, as the Go plugin does.
    return driver === VFIO_DRIVER && pod !== undefined ? functionAt(node, pci) : undefined;
  }
  const vf = node.functions.virtualFunction(pci);
  // With a driver of another program nothing but its GUID at the PF, if that is still the container's, is to be undone.
  if (driver === undefined || driver !== node.functions.driver(vf.pf)) return vf;
  if (pod !== undefined && netdevOf(node, pod, pci) !== undefined) return vf;
  const home = waitForNetdevReturn(node, pci, call.deadline);
  if (home === undefined) requireNoTrace(node, vf, guid);
  else if (home.name === ifname || (guid !== undefined && portGuidOf(home.address) === guid)) return vf;
  return undefined;
}

/**
 * A VF that is nowhere to be seen is in a container that lives, or in one that takes long to go.
 * @throws {CniError} code 11 where its PF still has the container's GUID on file for it: then it is that one.
 */
function requireNoTrace(node: Node, vf: VirtualFunction, guid: Guid | undefined): void {
  if (guid === undefined) return;
  if (new PhysicalFunction(node, vf.pf, vf.index).vf.portGuid !== guid) return;
  throw new CniError(
    codes.tryAgain,
    `VF ${vf.pci} still has the container's GUID ${guid}, but its netdev is not on the host: a network namespace ` +
      "other than the one of this call holds it",
  );
}

function recordLike(
  node: Node,
  call: DelRequest,
  pod: Namespace | undefined,
  reference: GoCache,
  vf: VirtualFunction,
): AttachmentRecord {
  const { guid, found = ZERO_GUID, linkState } = reference;
  const netdev = pod === undefined ? undefined : netdevOf(node, pod, vf.pci);
  return {
    ...call.name,
    // Another container that gets the VF before this DEL is done goes on with it.
    state: "broken",
    netns: call.netns ?? "",
    netnsCookie: pod?.cookie ?? "",
    bootId: node.clock.bootId(),
    since: Math.round(node.clock.wall()),
    vf,
    found: {
      name: reference.name,
      // The Go plugin lets them move along. With a GUID they went at the rebind: what is there is the container's own.
      altnames: guid === undefined && netdev !== undefined ? netdev.altnames : [],
      nodeGuid: found,
      portGuid: found,
      rdma: rdmaNames(node, vf.pci),
      // That of the PF, which drives both in every InfiniBand HCA there is: the VF's own may be another program's by now.
      driver: node.functions.driver(vf.pf) ?? "",
    },
    wanted: { guid, linkState, ...(reference.rdmaIsolation ? { rdmaIsolation: true } : {}) },
    call: callThatFits(call),
  };
}

/** The names by which the container knows the VF's RDMA devices, which the Go plugin has left as they were. */
function rdmaNames(node: Node, pci: string): RdmaNames | undefined {
  const devices = node.functions.rdmaDevicesAnywhere(pci);
  return devices.length === 0 ? undefined : { devices, files: node.functions.rdmaFiles(pci) };
}
