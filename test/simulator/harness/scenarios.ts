// Scenarios that several tests have in common.
import { contrary, everything, type NamedRequest, same } from "./common-requests.ts";
import { c1, c2, c3 } from "./default-node.ts";
import type { KillPoint } from "./faults.ts";
import { delOrOtherAdd, type FollowUp, thenAnother, thenDel, thenDelOfBoth } from "./follow-ups.ts";
import { pathOf } from "./records.ts";
import type { AttachmentRequest } from "./requests.ts";
import type { SimulatedNode } from "./simulated-node.ts";
import { originalsOf } from "./snapshot.ts";
import type { Scenario } from "./sweep.ts";

/** The calls of ADD after which a kill leaves the most different states. */
export const killPoints: readonly KillPoint[] = [
  { call: "files.create" },
  { call: "processes.start" },
  { call: "links.setVfConfig", nth: 2 },
  { call: "functions.unbind" },
  { call: "functions.bind" },
  { call: "links.move" },
  { call: "links.configure" },
];

/** Returns scenarios of an ADD of a container. */
export function addScenarios(
  requests: readonly NamedRequest[],
  followUps: readonly FollowUp[] = delOrOtherAdd(),
): Scenario[] {
  return requests.map(({ name, request, setting }) => ({
    name: `ADD (${name})`,
    setting,
    request,
    verb: "ADD",
    rollsBack: true,
    followUps,
  }));
}

/** Returns scenarios of a DEL of a container that has its VF. */
export function delScenarios(
  requests: readonly NamedRequest[],
  followUps: readonly FollowUp[] = delOrOtherAdd(),
): Scenario[] {
  return requests.map(({ name, request, setting }) => ({
    name: `DEL (${name})`,
    setting,
    request,
    arrange: (simulated) => void simulated.mustAdd(c1, request),
    verb: "DEL",
    followUps,
  }));
}

/** Returns DEL without CNI_NETNS, of a namespace that is gone for some time, that has just gone, or that exists. */
export function delWithoutNamespaceScenarios(requests: readonly NamedRequest[]): Scenario[] {
  return requests.flatMap(({ name, request, setting }) =>
    (["at once", "later", "never"] as const).map((gone) => ({
      name: `DEL with an empty CNI_NETNS (${name}), the devices returning to the host ${gone}`,
      setting,
      request,
      arrange: (simulated: SimulatedNode) => {
        simulated.mustAdd(c1, request);
        if (gone !== "never") simulated.deleteNamespace(c1);
        if (gone === "at once") simulated.machine.time.settle();
      },
      verb: (simulated, fault) => simulated.del(c1, request, fault, null),
      followUps: [gone === "later" ? thenAnother(c2, same) : thenDel],
    })),
  );
}

/**
 * Returns scenarios after an ADD that was killed: its DEL, and the ADD of another container whose request is the
 * contrary.
 * @param what completes "DEL after ".
 */
export function afterKilledAdd(
  what: string,
  { request, setting }: Pick<NamedRequest, "request" | "setting">,
  point: KillPoint,
): Scenario[] {
  const arrange = (simulated: SimulatedNode) => simulated.killAdd(c1, request, point);
  const otherRequest = contrary(request);
  return [
    {
      name: `DEL after ${what}`,
      setting,
      request,
      arrange,
      verb: "DEL",
      followUps: [thenDel],
    },
    {
      name: `another's ADD after ${what}`,
      setting,
      pod: c2,
      request: otherRequest,
      arrange,
      verb: "ADD",
      followUps: [thenDelOfBoth(c1, request, "the earlier one first")],
    },
  ];
}

/** Returns ADD for a VF that a killed ADD of another container, for {@link everything}, has left behind. */
export function takeOverScenario(
  how: (request: AttachmentRequest) => AttachmentRequest,
  point: KillPoint,
): Scenario {
  const request = how(everything);
  return {
    name: `ADD (${how.name}) after another's was killed after ${point.call}`,
    pod: c2,
    request,
    arrange: (simulated) => simulated.killAdd(c1, everything, point),
    verb: "ADD",
    followUps: [thenDelOfBoth(c1, everything, "the earlier one first"), thenAnother(c3, same)],
  };
}

/** Returns a function that attaches a VF and then deletes the container's namespace. */
export function leaveOrphaned(request: AttachmentRequest): (simulated: SimulatedNode) => void {
  return (simulated) => {
    simulated.mustAdd(c1, request);
    simulated.deleteNamespace(c1);
  };
}

const record = pathOf(c1);

/** Ways in which the record of c1 is lost. */
export const recordLosses: Readonly<Record<string, (simulated: SimulatedNode) => void>> = {
  lost: ({ machine }) => void machine.files.texts.delete(record),
  damaged: ({ machine: { files } }) =>
    void files.texts.set(record, files.texts.get(record)?.slice(0, 400) ?? ""),
};

/** Returns DEL of a container whose record was deleted, or is damaged. */
export function lostRecordScenarios(requests: readonly NamedRequest[]): Scenario[] {
  return Object.entries(recordLosses).flatMap(([how, loseRecord]) =>
    requests.map(
      ({ name, request, setting }): Scenario => ({
        name: `DEL (${name}), the record being ${how}`,
        setting,
        request,
        arrange: (simulated) => {
          simulated.mustAdd(c1, request);
          loseRecord(simulated);
        },
        verb: "DEL",
        followUps: [thenReleased],
      }),
    ),
  );
}

/** Requires that the VF is on the host, with a driver, without lease and record; another container can get it. */
export const thenReleased: FollowUp = {
  name: "then its DEL",
  run(simulated, pod, request) {
    const { machine, problems } = simulated;
    simulated.mustDel(pod, request);
    const before = simulated.lines();
    if (machine.host.ofFunction(request.vf).length !== 1) problems.push("the netdev is not on the host");
    if (machine.bus.driverOf(request.vf) === undefined) problems.push("the VF has no driver");
    const devices = machine.bus.vfs.get(request.vf)?.probed?.devices ?? [];
    if (devices.some(({ where }) => where !== machine.host))
      problems.push("an RDMA device is not on the host");
    if (before.some((line) => line.includes("a pkey child of "))) problems.push("a pkey child is left");
    if (before.some((line) => line.includes(`of ${pod.containerId} `))) problems.push("a lease is left");
    if (machine.files.texts.has(record)) problems.push("the record is left");
    // The GUID stays: without a record, the original is not known.
    const target = machine.bus.vf(request.vf, "look at its GUID");
    const guid = target.probed?.portGuid;
    if (guid !== request.guid && guid !== originalsOf(simulated.originals, target).port)
      problems.push(`the port GUID is ${guid}`);
    simulated.mustDel(pod, request);
    simulated.requireUnchanged(before, "after another DEL");
  },
};
