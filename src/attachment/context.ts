import type { Result } from "../cni/result.ts";
import type { Link, VfConfig } from "../node/links.ts";
import type { Namespace } from "../node/namespaces.ts";
import type { Node } from "../node/node.ts";
import type { IpamCall } from "./ipam/ipam.ts";
import type { Lease } from "./ipam/lease.ts";
import type { Limits } from "./limits.ts";
import type { Locks } from "./lock/locks.ts";
import type { GuidPair } from "./record/guid-pair.ts";
import type { AttachmentRecord } from "./record/record.ts";
import type { ResultContext } from "./requests.ts";

/** What the steps of one attachment work on, for the length of one call. */
export interface StepContext extends Limits {
  readonly node: Node;
  readonly record: AttachmentRecord;
  /** The container's namespace; undefined where it is gone. */
  readonly pod: Namespace | undefined;
  /** The locks that the call holds; the VF's is one of them. */
  readonly locks: Locks;
  /** The netdev of the PF, in the host's namespace; looked for at its first use. */
  readonly pf: () => Link;
  /** What the PF says of the VF; asked once, before the first of an undo, or of a check, and kept. */
  readonly vfConfig: () => VfConfig;
  /** How the IPAM plugin is called; undefined where no addresses are wanted. */
  readonly ipam: IpamCall | undefined;
  /** The VF's netdev on the host, where an undo of this call has brought it home. */
  home: Link | undefined;
  /** The lease that ADD has begun. */
  lease: Lease | undefined;
}

/** An attachment that is being made. */
export interface AddContext extends StepContext {
  readonly reply: ResultContext;
  /** How long a rollback may take, ms. */
  readonly rollbackTime: number;
  /** The GUIDs that the VF ran with when the plan was made; bound to vfio-pci, those that its PF had on file. */
  readonly effective: GuidPair;
  /**
   * The VF's netdev as it was last seen: on the host until the interface step has moved it, then in the
   * container. A step that makes a new one of it, or moves it, says so here. undefined: it has none.
   */
  netdev: Link | undefined;
  /** The namespace in which it was seen. */
  netdevIn: Namespace;
  /** What the runtime shall be told; the last step leaves it here. */
  result: Result | undefined;
}

/**
 * One change of the node, and the only way to make one.
 *
 * `undo` puts back what the record says was there. It reads the node and never a note of how far `apply`
 * came; it puts a value back only where it finds ours, or cannot read it; undone already is success.
 */
export interface Step {
  /** What it is about, for messages: "link state". */
  readonly name: string;
  /**
   * Does the attachment want anything of it? If not, ADD, DEL and CHECK leave it out. Absent: always. It depends on nothing
   * but the record (the lease's: and on the configuration, as the lease itself does): what DEL undoes is what ADD applied.
   */
  readonly isNeeded?: (attachment: StepContext) => boolean;
  apply(attachment: AddContext): void;
  undo(attachment: StepContext): void;
  /**
   * Does the step still hold?
   * @param result what ADD told the runtime.
   * @throws {CniError} naming what was expected and what was found, where not.
   */
  verify(attachment: StepContext, result: Result): void;
}
