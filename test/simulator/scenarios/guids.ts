// What becomes of a VF's GUIDs where the PF has other ones on file at DEL, or the record of an attachment is lost.
import { type Guid, ZERO_GUID } from "../../../src/infiniband/guid.ts";
import { administratorsGuids, c1, c2, c3, ownGuids, vf } from "../harness/default-node.ts";
import { thenAnother, thenDel } from "../harness/follow-ups.ts";
import { pathOf } from "../harness/records.ts";
import type { AttachmentRequest } from "../harness/requests.ts";
import type { SimulatedNode } from "../harness/simulated-node.ts";
import type { Scenario } from "../harness/sweep.ts";
import { addAltnames, rename } from "../model/link-requests.ts";
import { another, everything, requestedGuid, same } from "./requests.ts";

/** Sets at the PF what is given. */
export function setAdminGuids(
  story: SimulatedNode,
  guids: { readonly node?: Guid; readonly port?: Guid },
): void {
  const target = story.machine.bus.vf(vf, "set its GUIDs");
  target.adminNodeGuid = guids.node ?? target.adminNodeGuid;
  target.adminPortGuid = guids.port ?? target.adminPortGuid;
}

/** DEL of a container whose VF has got other GUIDs on file at its PF: they come into effect; "no GUID" does not. */
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
    wish: everything,
    arrange: (story) => {
      story.mustAdd(c1, everything);
      setAdminGuids(story, set);
      if (!stays) return;
      story.before = story.before.map((line) =>
        line
          .replaceAll(ownGuids.node, set.node ?? ownGuids.node)
          .replaceAll(ownGuids.port, set.port ?? ownGuids.port),
      );
    },
    act: (story, fault) => story.del(c1, everything, fault),
    followUps: [thenDel],
    forgivenIfBlind: "an administrator's GUIDs",
  }));
}

/**
 * Takes the record of c1 away, whose namespace is gone: only the VF's lock file still has the VF's own GUIDs. What else the
 * record had is put back by hand.
 */
export function loseRecord(story: SimulatedNode): void {
  const { machine } = story;
  const before = machine.host.ofFunction(vf)[0]?.[1];
  story.mustAdd(c1, { vf, guid: requestedGuid });
  story.deleteNamespace(c1);
  machine.time.settle();
  machine.files.texts.delete(pathOf(c1));
  const netdev = machine.host.ofFunction(vf)[0]?.[1];
  if (before === undefined || netdev === undefined) throw new Error(`VF ${vf} has no netdev on the host`);
  rename(machine.host, netdev, "ibp1s0f0v0");
  addAltnames(machine.host, netdev, ["rail0"]);
  netdev.link = before.link;
  machine.setUp(machine.host, netdev, true);
}

/** ADD for a VF that still runs with the GUID of a container whose record is lost. */
export function lostRecordScenarios(): Scenario[] {
  const wishes: readonly [name: string, wish: AttachmentRequest][] = [
    ["auto", { ...everything, guid: "auto" }],
    ["without a GUID", { vf }],
    ["another GUID", another(everything)],
  ];
  return wishes.map(([name, wish]) => ({
    name: `ADD (${name}) of a VF that runs with the GUID of a container whose record is lost`,
    setting: {},
    pod: c2,
    wish,
    arrange: loseRecord,
    act: (story, fault) => story.add(c2, wish, fault),
    // Nothing but the next ADD knows of it where this one has failed.
    followUps: [thenAnother(c3, same, false)],
  }));
}
