import { type Guid, ZERO_GUID } from "../../../src/infiniband/guid.ts";
import type { LinkState } from "../../../src/node/links.ts";
import type { Vf } from "../model/functions.ts";
import type { Machine } from "../model/machine.ts";

/** The settings of a VF while it is not attached. */
export interface Originals {
  readonly node: Guid;
  readonly port: Guid;
  /** 0 if the VF has no netdev. */
  readonly mtu: number;
  readonly linkState: LinkState;
  /** Name of its RDMA device; `undefined` for any name. */
  readonly rdma: string | undefined;
}

/** The originals of a node's VFs, by generation (inode of the sysfs directory). */
export type OriginalsByVf = ReadonlyMap<string, Originals>;

/** The originals of a VF that was created again: it has the kernel's defaults. */
const fresh: Originals = { node: ZERO_GUID, port: ZERO_GUID, mtu: 2044, linkState: "auto", rdma: undefined };

/** Reads the originals of all VFs of a node on which nothing is attached. */
export function originalsIn({ bus, host }: Machine): OriginalsByVf {
  return new Map(
    [...bus.vfs.values()].map((vf) => [vf.incarnation, read(vf, host.ofFunction(vf.pci)[0]?.[1].mtu ?? 0)]),
  );
}

/** Returns the originals of a VF. */
export function originalsOf(originals: OriginalsByVf, { incarnation }: Vf): Originals {
  return originals.get(incarnation) ?? fresh;
}

function read({ probed, adminNodeGuid, adminPortGuid, linkState }: Vf, mtu: number): Originals {
  // A VF that is bound to vfio-pci has the GUIDs that are set at its PF.
  const [node, port] =
    probed === undefined || probed.devices.length === 0
      ? [adminNodeGuid, adminPortGuid]
      : [probed.nodeGuid, probed.portGuid];
  return { node, port, mtu, linkState, rdma: probed?.devices[0]?.name };
}
