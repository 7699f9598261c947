import type { Guid } from "../../infiniband/guid.ts";
import { Locks } from "../lock/locks.ts";
import type { Session } from "../lock/session.ts";
import { openAddSession } from "../plan/add-session.ts";
import { chooseGuid } from "../plan/choose-guid.ts";
import { makePlan } from "../plan/plan.ts";
import type { Desired } from "../record/desired.ts";
import { functionAt } from "../vf/pci-function.ts";
import { requestFor } from "./provision.ts";

/**
 * Runs the part of ADD that reads a free VF and refuses it, with `"guid": "auto"`. It changes nothing, and takes no lock.
 * @param settings of the network. A VF without a netdev is asked for as with `rdmaOnly`.
 * @throws {CniError} the error with which ADD refuses the VF.
 */
export function requireAttachable(session: Session, pci: string, settings: Omit<Desired, "guid">): void {
  const { node } = session;
  const request = requestFor(session, pci, !node.functions.hasNetdev(pci) || undefined);
  const locked = { ...session, locks: new Locks(session, "doctor") };
  const adding = openAddSession(locked, request, functionAt(node, pci), node.namespaces.host);
  let guid: Guid | undefined;
  try {
    guid = chooseGuid(adding, undefined, undefined);
  } catch {
    // The network may name a GUID.
    return;
  }
  makePlan(adding, { ...settings, guid }, undefined, undefined);
}
