import type { Link, VfConfig } from "../node/links.ts";
import type { Namespace } from "../node/namespaces.ts";
import type { Node } from "../node/node.ts";
import type { Attachment } from "./attachment.ts";
import { pfNetdev } from "./function.ts";
import { ipamCallOf } from "./ipam-call.ts";
import type { Locks } from "./locks.ts";
import type { AttachmentRecord } from "./record.ts";

/** What the steps of a record's attachment work on. */
export function attachmentOf(
  node: Node,
  record: AttachmentRecord,
  pod: Namespace | undefined,
  locks: Locks,
  call: Pick<Attachment, "deadline" | "warn">,
): Attachment {
  let pf: Link | undefined;
  let admin: VfConfig | undefined;
  const pfLink = () => {
    pf ??= pfNetdev(node, record.vf.pf);
    return pf;
  };
  return {
    node,
    record,
    pod,
    locks,
    deadline: call.deadline,
    pf: pfLink,
    vfConfig: () => {
      admin ??= node.links.vfConfig(pfLink().index, record.vf.index);
      return admin;
    },
    ipam: ipamCallOf(record),
    home: undefined,
    lease: undefined,
    warn: call.warn,
  };
}
