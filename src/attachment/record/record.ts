import { sameGuid } from "../../infiniband/guid.ts";
import type { LinkSettings } from "../../node/link-settings.ts";
import type { RdmaNames } from "../../node/pci-functions.ts";
import type { AttachmentKind } from "../attachment-kinds.ts";
import { type Desired, desired, linkState } from "./desired.ts";
import {
  boolean,
  guid,
  listOf,
  number,
  object,
  oneOf,
  optional,
  pciAddress,
  type Schema,
  type TypeOf,
  text,
} from "./schema.ts";

const linkSettings: Schema<LinkSettings> = object({
  flags: number,
  txQueueLength: optional(number),
  group: optional(number),
  linkMode: optional(number),
  gsoMaxSize: optional(number),
  gsoMaxSegments: optional(number),
  gsoIpv4MaxSize: optional(number),
  groMaxSize: optional(number),
  groIpv4MaxSize: optional(number),
  alias: text,
  broadcast: optional(text),
  mode: optional(number),
  umcast: optional(number),
  xdpGeneric: number,
  xdpDriver: number,
  xdpHardware: number,
});

const rdmaNames: Schema<RdmaNames> = object({ devices: listOf(text), files: listOf(text) });

const originals = object({
  /** Name of the VF's netdev in the host namespace. */
  name: text,
  altnames: listOf(text),
  /**
   * `mtu` and `up` are `undefined` if they are not known (the Go plugin does not record them); undo then changes
   * neither.
   */
  mtu: optional(number),
  up: optional(boolean),
  /**
   * Further settings of the netdev that a container can change; `undefined` if they are not known, as of an attachment
   * of the Go plugin.
   */
  settings: optional(linkSettings),
  /** Settings that rtnetlink does not report; `undefined` if ADD gives the VF another GUID, and so another netdev. */
  tuning: optional(listOf(text)),
  /** IDs of the tcx programs of the netdev; `undefined` if it has no program, or if ADD gives the VF another netdev. */
  tcx: optional(listOf(number)),
  /** The VF's own GUIDs, as its driver read them when it was bound; zero or all-ones for a missing GUID. */
  nodeGuid: guid,
  portGuid: guid,
  /** The administrative GUIDs and the link policy of the VF, which its PF has for it; `undefined` if they were not read or not reported. */
  adminNodeGuid: optional(guid),
  adminPortGuid: optional(guid),
  linkState: optional(linkState),
  /** Names of the VF's RDMA devices and of their files; `undefined` if they are not known. */
  rdma: optional(rdmaNames),
  /** Names of the RDMA devices with adaptive moderation; `undefined` as for `tuning`, and if they are not known. */
  adaptiveModeration: optional(listOf(text)),
  /**
   * The RDMA devices, or for a whole PF the port GUID, that the device information file named; `undefined` if it named
   * none or did not exist.
   */
  deviceInfo: optional(text),
  /** The driver that was bound to the VF. */
  driver: text,
});

/** The settings that ADD found on the node, and that undo restores. */
export interface Originals extends TypeOf<typeof originals> {}

/** The schema of a record. */
export const attachmentRecord = object({
  /**
   * `preparing`: ADD runs, or was killed. `complete`: the container has the VF. `undo-failed`: an undo has failed, and the
   * next call continues it.
   */
  state: oneOf("preparing", "complete", "undo-failed"),
  /** CNI_CONTAINERID and CNI_IFNAME, which together are the attachment's name. */
  containerId: text,
  ifname: text,
  /** CNI_NETNS of ADD, and the namespace's cookie, which shows whether a namespace at that path is still the same. */
  netns: text,
  netnsCookie: text,
  kind: oneOf<AttachmentKind>("netdev", "rdma", "vfio", "vfio-pf"),
  /** The boot of the machine in which ADD ran. No setting of a VF survives a boot. */
  bootId: text,
  /** The beginning of ADD, ms since 1970. */
  since: number,
  /** The function. Its generation is another one after it was destroyed and created again. */
  vf: object({ pci: pciAddress, pf: pciAddress, index: number, generation: text }),
  originals,
  /** GUIDs of earlier attachments that may still be on the VF: their records are lost. */
  staleGuids: optional(listOf(guid)),
  desired,
  /** The input of ADD. The call that releases the lease may have another input, or none. */
  call: object({ stdin: text, args: text, path: text }),
});

/** One attachment: the plan of ADD, which is written before the first change, and everything that undo needs. */
export interface AttachmentRecord extends TypeOf<typeof attachmentRecord> {}

/** The name of an attachment, as the runtime gives it. */
export type AttachmentName = Pick<AttachmentRecord, "containerId" | "ifname">;

/** Reports whether the desired GUID differs from the original GUIDs. */
export function changesGuid({ guid }: Desired, original: Pick<Originals, "nodeGuid" | "portGuid">): boolean {
  return guid !== undefined && !(sameGuid(guid, original.nodeGuid) && sameGuid(guid, original.portGuid));
}

/** Reports whether both names are of the same attachment; false if the first is `undefined`. */
export function isNamed(one: AttachmentName | undefined, other: AttachmentName): boolean {
  return one?.containerId === other.containerId && one.ifname === other.ifname;
}
