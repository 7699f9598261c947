import type { Namespace } from "../node/namespaces.ts";
import type { StepContext } from "./context.ts";
import { ipamCallOf } from "./ipam/ipam.ts";
import type { VfSession } from "./lock/locks.ts";
import type { AttachmentRecord } from "./record/record.ts";
import { PhysicalFunction } from "./vf/pci-function.ts";

/** Returns the context for the steps of a record's attachment. */
export function stepContextOf(
  session: VfSession,
  record: AttachmentRecord,
  containerNetns: Namespace | undefined,
): StepContext {
  const physical = new PhysicalFunction(session.node, record.vf.pf, record.vf.index);
  return {
    ...session,
    record,
    containerNetns,
    pf: () => physical.link,
    vfConfig: () => physical.vf,
    ipam: ipamCallOf(record),
    hostNetdev: undefined,
    lease: undefined,
  };
}
