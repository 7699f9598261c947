import { type Guid, ZERO_GUID } from "../../../src/infiniband/guid.ts";
import type { LinkState } from "../../../src/node/links.ts";
import type { RdmaDevice } from "./rdma.ts";

/** A Physical Function. */
export interface PhysicalFunction {
  readonly pci: string;
  /** The driver of the PF and, at first, of its VFs. */
  readonly driver: string;
  readonly vfs: Vf[];
}

/** The result of a driver's probe of a VF. */
export interface Probed {
  readonly driver: string;
  /** The latched GUIDs. */
  readonly nodeGuid: Guid;
  readonly portGuid: Guid;
  /** Its RDMA devices. The first one has the IPoIB netdev. */
  readonly devices: readonly RdmaDevice[];
}

/** A Virtual Function. */
export class Vf {
  /** The GUIDs that are set at its PF. */
  adminNodeGuid = ZERO_GUID;
  adminPortGuid = ZERO_GUID;
  linkState: LinkState = "auto";
  /** The first entry of its port's pkey table. */
  pkey = 0xffff;
  driverOverride: string | undefined;
  /** Whether a virtual machine has the VF open, bound to vfio-pci. */
  isOpen = false;
  /** `undefined` if no driver is bound. */
  probed: Probed | undefined;

  /** @param incarnation the inode of its sysfs directory. */
  constructor(
    readonly pci: string,
    readonly pf: string,
    readonly index: number,
    readonly incarnation: string,
  ) {}
}
