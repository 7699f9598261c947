import type { Namespace } from "../node/namespaces.ts";
import type { Node } from "../node/node.ts";
import type { StepContext } from "./context.ts";
import { ipamCallOf } from "./ipam/ipam.ts";
import type { Limits } from "./limits.ts";
import type { Locks } from "./lock/locks.ts";
import type { AttachmentRecord } from "./record/record.ts";
import { PhysicalFunction } from "./vf/pci-function.ts";

/** Returns the context for the steps of a record's attachment. */
export function stepContextOf(
  node: Node,
  record: AttachmentRecord,
  pod: Namespace | undefined,
  locks: Locks,
  { deadline, warn, observe }: Limits,
): StepContext {
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
