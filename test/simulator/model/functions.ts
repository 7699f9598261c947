import { type Guid, ZERO_GUID } from "../../../src/infiniband/guid.ts";
import type { LinkState } from "../../../src/node/links.ts";
import type { RdmaDevice } from "./rdma.ts";

/** A Physical Function. */
export interface PhysicalFunction {
  readonly pci: string;
  /** Of itself and of its VFs. */
  readonly driver: string;
  readonly vfs: Vf[];
}

/** What a driver has made of a VF that it is bound to. */
export interface Probed {
  readonly driver: string;
  /** The GUIDs as they were latched. */
  readonly nodeGuid: Guid;
  readonly portGuid: Guid;
  /** Its RDMA devices. The first one has the IPoIB netdev. */
  readonly devices: readonly RdmaDevice[];
}

/** A Virtual Function. */
export class Vf {
  /** What its PF has on file for it. */
  adminNodeGuid = ZERO_GUID;
  adminPortGuid = ZERO_GUID;
  linkState: LinkState = "auto";
  /** The first entry of its port's pkey table. */
  pkey = 0xffff;
  driverOverride: string | undefined;
  /** Has a virtual machine it open, bound to vfio-pci? */
  isOpen = false;
  /** undefined: no driver is bound. */
  probed: Probed | undefined;

  /** @param incarnation the inode of its sysfs directory. */
  constructor(
    readonly pci: string,
    readonly pf: string,
    readonly index: number,
    readonly incarnation: string,
  ) {}
}
