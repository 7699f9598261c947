// ADD of a VF that an orphaned attachment has left behind, with all its faults, and the calls that can follow.
import { contrary, everything, same, withOtherGuid } from "../harness/common-requests.ts";
import { c1, c2, c3, pf, vf } from "../harness/default-node.ts";
import { thenAgain, thenAnother, thenDel, thenDelOfBoth } from "../harness/follow-ups.ts";
import { changeSettings, interfaceOf, reboot } from "../harness/prepare.ts";
import { killPoints, leaveOrphaned, takeOverScenario } from "../harness/scenarios.ts";
import type { SimulatedNode } from "../harness/simulated-node.ts";
import { type Scenario, testScenarios } from "../harness/sweep.ts";
import type { Machine } from "../model/machine.ts";

/** Returns ADD for a VF that a killed ADD of another container has left behind. */
function takeOverScenarios(): Scenario[] {
  const points = killPoints.filter(({ call }) => ["functions.unbind", "links.move"].includes(call));
  return [
    ...killPoints.map((point) => takeOverScenario(same, point)),
    ...points.map((point) => takeOverScenario(contrary, point)),
    ...points.map((point) => takeOverScenario(withOtherGuid, point)),
  ];
}

/** Returns ADD for a VF of a container whose namespace is gone. */
function orphanedScenarios(): Scenario[] {
  return [same, contrary].map((how): Scenario => {
    const request = how(everything);
    return {
      name: `ADD (${how.name}) after another's namespace is gone`,
      pod: c2,
      request,
      arrange: leaveOrphaned(everything),
      verb: "ADD",
      followUps: [thenDelOfBoth(c1, everything, "this one first"), thenAnother(c3, same)],
    };
  });
}

/** Returns ADD for a VF whose netdev the previous container has changed in every way, before its namespace went. */
function changedScenarios(): Scenario[] {
  return [false, true].flatMap((isHeld) =>
    [{ vf }, everything].map((request): Scenario => {
      const how = request === everything ? "everything" : "no settings";
      return {
        name: `ADD (${how}) after another's changes${isHeld ? ", with a held XDP program" : ""}, and its namespace is gone`,
        pod: c2,
        request,
        arrange: (simulated) => {
          simulated.mustAdd(c1, request);
          const { netns, netdev } = interfaceOf(simulated.machine, c1);
          changeSettings(netns, netdev);
          netdev.isXdpHeld = isHeld;
          simulated.deleteNamespace(c1);
        },
        verb: "ADD",
        followUps: [thenDelOfBoth(c1, request, "this one first"), thenAnother(c3, same)],
      };
    }),
  );
}

/**
 * Returns ADD for a VF of an orphaned attachment, after the administrator has set another link policy at the PF: ADD sets
 * the policy that its network requests, and the administrator's policy returns in the end.
 */
function policyScenarios(): Scenario[] {
  return (["auto", "enable", "disable"] as const).flatMap((linkState) =>
    [
      { vf, linkState },
      { ...everything, linkState },
    ].map(
      (request, number): Scenario => ({
        name: `ADD (${linkState}${number === 0 ? "" : ", everything"}) after the link policy of an orphaned attachment was changed`,
        pod: c2,
        request,
        arrange: (simulated) => {
          leaveOrphaned(everything)(simulated);
          simulated.changeNode(({ bus }) => {
            bus.vf(vf, "set its link policy").linkState = "auto";
          });
        },
        verb: "ADD",
        followUps: [thenDelOfBoth(c1, everything, "this one first"), thenAnother(c3, same)],
      }),
    ),
  );
}

/** Returns ADD of a container whose ADD was killed. */
function againScenarios(): Scenario[] {
  return killPoints
    .filter((_, number) => number % 2 === 1)
    .map((point, number) => ({
      name: `ADD again after it was killed after ${point.call}`,
      arrange: (simulated) => simulated.killAdd(c1, everything, point),
      verb: "ADD",
      followUps: [number % 2 === 0 ? thenDel : thenAgain, thenAnother(c2, contrary)],
    }));
}

/** Events of a node while a VF is attached. */
const nodeEvents = {
  "a reboot": reboot,
  "the VFs were created again": ({ bus }: Machine) => bus.recreateVfs(pf),
};

/** A VF that was created again has no GUID; no container gets it without one. */
const requestWithGuid = { ...everything, linkState: "disable" } as const;

/** Returns DEL, and another container's ADD, after each event: only the lease is left to be released. */
function aftermathScenarios(): Scenario[] {
  return Object.entries(nodeEvents).flatMap(([what, event]) =>
    [false, true].flatMap((killed): Scenario[] => {
      // A container that is running without its VF keeps its record until its own DEL.
      const isRunning = event !== reboot && !killed;
      const name = `after ${what}${killed ? " in the middle of ADD" : ""}`;
      const arrange = (simulated: SimulatedNode) => {
        if (killed) simulated.killAdd(c1, everything, { call: "links.move" });
        else simulated.mustAdd(c1, everything);
        simulated.changeNode(event);
      };
      return [
        {
          name: `DEL ${name}`,
          arrange,
          verb: "DEL",
          followUps: [thenDel],
        },
        {
          name: `another's ADD ${name}`,
          pod: c2,
          request: requestWithGuid,
          arrange,
          verb: "ADD",
          followUps: [
            thenDelOfBoth(c1, everything, "this one first"),
            isRunning ? thenDelOfBoth(c1, everything, "the earlier one first") : thenAnother(c3, same),
          ],
        },
      ];
    }),
  );
}

testScenarios("taking over", [
  ...takeOverScenarios(),
  ...orphanedScenarios(),
  ...changedScenarios(),
  ...policyScenarios(),
  ...againScenarios(),
  ...aftermathScenarios(),
]);
