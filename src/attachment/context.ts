import type { Result } from "../cni/result.ts";
import type { Link, VfConfig } from "../node/links.ts";
import type { Namespace } from "../node/namespaces.ts";
import type { IpamCall, Lease } from "./ipam/ipam.ts";

import type { VfSession } from "./lock/locks.ts";
import type { GuidPair } from "./record/guid-pair.ts";
import type { AttachmentRecord } from "./record/record.ts";
import type { ResultContext } from "./requests.ts";

/** The context that the steps of one attachment work on during one call. */
export interface StepContext extends VfSession {
  readonly record: AttachmentRecord;
  /** The container's namespace; `undefined` if it is gone. */
  readonly containerNetns: Namespace | undefined;
  /** Returns the PF's netdev in the host namespace. The first call looks it up. */
  readonly pf: () => Link;
  /** Returns the PF's settings for the VF. They are read once, before the first change of an undo or of a check. */
  readonly vfConfig: () => VfConfig;
  /** How the IPAM plugin is called; `undefined` if the network has no IPAM plugin. */
  readonly ipam: IpamCall | undefined;
  /** The VF's netdev on the host, if an undo of this call has returned it there. */
  hostNetdev: Link | undefined;
  /** The lease that ADD has requested. */
  lease: Lease | undefined;
}

/** The context of an ADD. */
export interface AddContext extends StepContext {
  /** Path of the attachment's record. */
  readonly path: string;
  readonly reply: ResultContext;
  /** Time limit for a rollback, ms. */
  readonly rollbackTime: number;
  /** The GUIDs that the VF ran with when the plan was made; for a VF that is bound to vfio-pci, the administrative ones. */
  readonly effective: GuidPair;
  /**
   * The VF's netdev as it was last read: on the host until the interface step has moved it, then in the container. A
   * step that moves it, or causes the kernel to create it again, sets this. `undefined` if the VF has no netdev.
   */
  netdev: Link | undefined;
  /** The namespace in which the netdev was last read. */
  netdevIn: Namespace;
  /** The result for the runtime, which the last step sets if the function has a netdev. */
  result: Result | undefined;
}

/**
 * One kind of change of the node. An attachment changes the node only by its steps.
 *
 * `undo` restores the originals of the record. It reads the node, and never a note of how far `apply` came; it restores
 * a setting only if it still has the value that the plugin set, or cannot be read. It succeeds if nothing is left to
 * undo.
 */
export interface Step {
  /** The name for messages: "link state". */
  readonly name: string;
  /**
   * Reports whether the attachment needs the step. If not, ADD, DEL and CHECK skip it. Absent if every attachment needs
   * it. The answer depends only on the record (for the lease, also on the configuration, as the lease itself does), so
   * that DEL undoes exactly the steps that ADD applied.
   */
  readonly isNeeded?: (attachment: StepContext) => boolean;
  /** Changes the node; absent if undo restores what only the container changes. */
  apply?(attachment: AddContext): void;
  /** Absent if nothing outlives the container, or if another step's undo restores it. */
  undo?(attachment: StepContext): void;
  /**
   * Verifies that the change is still in effect.
   * @param result the result that ADD gave to the runtime.
   * @throws {CniError} naming the expected and the present setting, if it is not.
   */
  verify?(attachment: StepContext, result: Result): void;
}
