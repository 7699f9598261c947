// Another program has bound a container's VF to its own driver, or is about to. The VF does not belong to the container
// any more, and DEL only releases the lease and removes the container's GUID from the PF.

import { guid } from "../../support/records.ts";
import { c1, c2, vf } from "../harness/default-node.ts";
import type { FollowUp } from "../harness/follow-ups.ts";
import { addByGoPlugin } from "../harness/go-plugin.ts";
import type { SimulatedNode } from "../harness/simulated-node.ts";
import type { Scenario } from "../harness/sweep.ts";
import type { Machine } from "../model/machine.ts";
import { leaveOrphaned } from "./gc.ts";
import { isolated, kernels } from "./isolation.ts";
import { contrary, everything, type NamedRequest } from "./requests.ts";

/** The actions of the other program. */
export const takings: Readonly<Record<string, (machine: Machine) => void>> = {
  "is bound to vfio-pci": ({ bus }) => bus.bindVfio(vf),
  "is bound to vfio-pci without an override": ({ bus }) => {
    bus.bindVfio(vf);
    bus.vf(vf, "clear its override").driverOverride = undefined;
  },
  "is open in a virtual machine": ({ bus }) => {
    bus.bindVfio(vf);
    bus.vf(vf, "open it").isOpen = true;
  },
  "has no driver and is reserved for vfio-pci": ({ bus }) => bus.reserveForVfio(vf),
};

const wanted: NamedRequest[] = [
  { name: "no settings", request: { vf }, setting: {} },
  { name: "everything", request: everything, setting: {} },
  { name: "isolation", request: isolated, setting: kernels["on older kernels"] ?? {} },
  {
    name: "RDMA only",
    request: { ...everything, rdmaOnly: true, rdmaIsolation: true },
    setting: { rdmaOnly: true, rdma: "exclusive" },
  },
];

/** Returns DEL, GC, a forced release, and the ADD of another container. */
export function externalDriverScenarios(): Scenario[] {
  return Object.entries(takings).flatMap(([what, take]) =>
    wanted.flatMap(({ name, request, setting }): Scenario[] => {
      const title = `(${name}), whose VF ${what}`;
      const after = (arrange: (simulated: SimulatedNode) => void) => (simulated: SimulatedNode) => {
        // Nothing shows that the link state was the container's.
        if (request.linkState !== undefined) simulated.allowDifference("link state");
        arrange(simulated);
        simulated.changeNode(take);
      };
      const attached = after((simulated) => void simulated.mustAdd(c1, request));
      const common = { setting, pod: c1, request };
      const released = [
        { name: "then its DEL", run: thenReleased((simulated) => simulated.mustDel(c1, request)) },
      ];
      return [
        {
          ...common,
          name: `DEL ${title}`,
          arrange: attached,
          act: (simulated, fault) => simulated.del(c1, request, fault),
          followUps: released,
        },
        {
          ...common,
          name: `a forced release ${title}`,
          arrange: attached,
          act: (simulated, fault) => simulated.release(c1, true, fault),
          followUps: released,
        },
        {
          ...common,
          name: `GC of a terminated container ${title}`,
          arrange: after(leaveOrphaned(request)),
          act: (simulated, fault) => simulated.gc([], fault),
          followUps: [{ name: "then GC", run: thenReleased((simulated) => simulated.mustGc([])) }],
        },
        {
          ...common,
          pod: c2,
          request: virtual(request),
          name: `another's ADD after a terminated container ${title}`,
          arrange: after(leaveOrphaned(request)),
          act: (simulated, fault) => simulated.add(c2, virtual(request), fault),
          ends: what.startsWith("has no driver") ? "failed" : "done",
          followUps: [
            {
              name: "then both DELs",
              run: thenReleased((simulated) => {
                simulated.mustDel(c2, virtual(request));
                simulated.mustDel(c1, request);
                simulated.releasePending();
              }),
            },
          ],
        },
      ];
    }),
  );
}

/** Returns DEL of the Go plugin's attachments. */
export function externalDriverOfGoPluginScenarios(): Scenario[] {
  return Object.entries(takings).map(([what, take]) => ({
    name: `DEL of the Go plugin's attachment, whose VF ${what}`,
    // The Go plugin uses the port GUID as the node GUID, too.
    setting: { guid: guid("0a:00:00:00:00:00:00:05") },
    pod: c1,
    request: everything,
    arrange: (simulated: SimulatedNode) => {
      simulated.allowDifference("link state");
      addByGoPlugin(simulated, c1, everything);
      simulated.changeNode(take);
    },
    act: (simulated, fault) => simulated.del(c1, everything, fault),
    followUps: [
      { name: "then its DEL", run: thenReleased((simulated) => simulated.mustDel(c1, everything)) },
    ],
  }));
}

/** Returns the request of a container with a virtual machine for such a VF. */
function virtual(request: NamedRequest["request"]): NamedRequest["request"] {
  const { subnets: _, rdmaIsolation, rdmaOnly, ...rest } = contrary(request);
  return rest;
}

/** Runs a release, and requires that the node is as if only the other program had changed it. */
function thenReleased(release: (simulated: SimulatedNode) => void): FollowUp["run"] {
  return (simulated) => {
    release(simulated);
    simulated.requireAsBefore("after the release");
  };
}
