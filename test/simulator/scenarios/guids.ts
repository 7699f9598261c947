// The GUIDs of a VF if other GUIDs are set at its PF when DEL comes, or if the record of its attachment is lost.
import { type Guid, ZERO_GUID } from "../../../src/infiniband/guid.ts";
import { administratorsGuids, c1, c2, c3, ownGuids, vf } from "../harness/default-node.ts";
import { thenAnother, thenDel } from "../harness/follow-ups.ts";
import { pathOf } from "../harness/records.ts";
import type { AttachmentRequest } from "../harness/requests.ts";
import type { SimulatedNode } from "../harness/simulated-node.ts";
import type { Scenario } from "../harness/sweep.ts";
import { addAltnames, rename } from "../model/link-requests.ts";
import { another, everything, requestedGuid, same } from "./requests.ts";

/** Sets GUIDs of the VF at the PF. */
export function setAdminGuids(
  simulated: SimulatedNode,
  guids: { readonly node?: Guid; readonly port?: Guid },
): void {
  const target = simulated.machine.bus.vf(vf, "set its GUIDs");
  target.adminNodeGuid = guids.node ?? target.adminNodeGuid;
  target.adminPortGuid = guids.port ?? target.adminPortGuid;
}

/** Returns DEL after other GUIDs were set at the PF: they come into effect, except "no GUID". */
export function changedGuidScenarios(): Scenario[] {
  const changes: readonly { name: string; set: Parameters<typeof setAdminGuids>[1]; stays: boolean }[] = [
    { name: "both GUIDs were changed", set: administratorsGuids, stays: true },
    { name: "the port GUID was changed", set: { port: administratorsGuids.port }, stays: true },
    { name: "both GUIDs were set to zero", set: { node: ZERO_GUID, port: ZERO_GUID }, stays: false },
  ];
  return changes.map(({ name, set, stays }) => ({
    name: `DEL after ${name} at the PF`,
    setting: {},
    pod: c1,
    request: everything,
    arrange: (simulated) => {
      simulated.mustAdd(c1, everything);
      setAdminGuids(simulated, set);
      if (!stays) return;
      simulated.before = simulated.before.map((line) =>
        line
          .replaceAll(ownGuids.node, set.node ?? ownGuids.node)
          .replaceAll(ownGuids.port, set.port ?? ownGuids.port),
      );
    },
    act: (simulated, fault) => simulated.del(c1, everything, fault),
    followUps: [thenDel],
    allowedIfUnreadable: "an administrator's GUIDs",
  }));
}

/**
 * Deletes the record of c1, whose namespace is gone: only the VF's lock file still contains the VF's own GUIDs. The
 * other originals of the record are restored here.
 */
export function loseRecord(simulated: SimulatedNode): void {
  const { machine } = simulated;
  const before = machine.host.ofFunction(vf)[0]?.[1];
  simulated.mustAdd(c1, { vf, guid: requestedGuid });
  simulated.deleteNamespace(c1);
  machine.time.settle();
  machine.files.texts.delete(pathOf(c1));
  const netdev = machine.host.ofFunction(vf)[0]?.[1];
  if (before === undefined || netdev === undefined) throw new Error(`VF ${vf} has no netdev on the host`);
  rename(machine.host, netdev, "ibp1s0f0v0");
  addAltnames(machine.host, netdev, ["rail0"]);
  netdev.link = before.link;
  machine.setUp(machine.host, netdev, true);
}

/** Returns ADD for a VF that still runs with the GUID of a container whose record is lost. */
export function lostRecordScenarios(): Scenario[] {
  const requests: readonly [name: string, request: AttachmentRequest][] = [
    ["auto", { ...everything, guid: "auto" }],
    ["without a GUID", { vf }],
    ["another GUID", another(everything)],
  ];
  return requests.map(([name, request]) => ({
    name: `ADD (${name}) of a VF that runs with the GUID of a container whose record is lost`,
    setting: {},
    pod: c2,
    request,
    arrange: loseRecord,
    act: (simulated, fault) => simulated.add(c2, request, fault),
    // If this ADD has failed, only the next ADD can find out about the GUID.
    followUps: [thenAnother(c3, same, false)],
  }));
}
