import type { Namespace } from "../node/namespaces.ts";
import type { Node } from "../node/node.ts";
import type { Attachment } from "./attachment.ts";
import { PhysicalFunction } from "./function.ts";
import { ipamCallOf } from "./ipam-call.ts";
import type { Limits } from "./limits.ts";
import type { Locks } from "./locks.ts";
import type { AttachmentRecord } from "./record.ts";

/** What the steps of a record's attachment work on. */
export function attachmentOf(
  node: Node,
  record: AttachmentRecord,
  pod: Namespace | undefined,
  locks: Locks,
  { deadline, warn, observe }: Limits,
): Attachment {
  const physical = new PhysicalFunction(node, record.vf.pf, record.vf.index);
  return {
    node,
    record,
    pod,
    locks,
    deadline,
    pf: () => physical.link,
    vfConfig: () => physical.vf,
    ipam: ipamCallOf(record),
    home: undefined,
    lease: undefined,
    warn,
    observe,
  };
}
