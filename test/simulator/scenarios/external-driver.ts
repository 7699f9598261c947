// Another program has bound a container's VF to a driver of its own, or is about to: the VF is not the container's any
// more, and nothing but the lease, and the container's GUID at the PF, is to be undone.

import { guid } from "../../support/records.ts";
import { c1, c2, vf } from "../harness/default-node.ts";
import type { FollowUp } from "../harness/follow-ups.ts";
import { addByGoPlugin } from "../harness/go-plugin.ts";
import type { SimulatedNode } from "../harness/simulated-node.ts";
import type { Scenario } from "../harness/sweep.ts";
import type { Machine } from "../model/machine.ts";
import { isDead } from "./gc.ts";
import { isolated, kernels } from "./isolation.ts";
import { contrary, everything, type NamedRequest } from "./requests.ts";

/** What the other program has done. */
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
  { name: "nothing in particular", wish: { vf }, setting: {} },
  { name: "everything", wish: everything, setting: {} },
  { name: "isolation", wish: isolated, setting: kernels["on older kernels"] ?? {} },
  {
    name: "RDMA only",
    wish: { ...everything, rdmaOnly: true, rdmaIsolation: true },
    setting: { rdmaOnly: true, rdma: "exclusive" },
  },
];

/** DEL, GC, a forced release, and the ADD of another container. */
export function externalDriverScenarios(): Scenario[] {
  return Object.entries(takings).flatMap(([what, take]) =>
    wanted.flatMap(({ name, wish, setting }): Scenario[] => {
      const title = `(${name}), whose VF ${what}`;
      const after = (arrange: (story: SimulatedNode) => void) => (story: SimulatedNode) => {
        // Nothing says that it was the container's.
        if (wish.linkState !== undefined) story.forgive("link state");
        arrange(story);
        story.happens(take);
      };
      const attached = after((story) => void story.mustAdd(c1, wish));
      const common = { setting, pod: c1, wish };
      const released = [{ name: "then its DEL", goOn: thenReleased((story) => story.mustDel(c1, wish)) }];
      return [
        {
          ...common,
          name: `DEL ${title}`,
          arrange: attached,
          act: (story, fault) => story.del(c1, wish, fault),
          followUps: released,
        },
        {
          ...common,
          name: `a forced release ${title}`,
          arrange: attached,
          act: (story, fault) => story.release(c1, true, fault),
          followUps: released,
        },
        {
          ...common,
          name: `GC of a terminated container ${title}`,
          arrange: after(isDead(wish)),
          act: (story, fault) => story.gc([], fault),
          followUps: [{ name: "then GC", goOn: thenReleased((story) => story.mustGc([])) }],
        },
        {
          ...common,
          pod: c2,
          wish: virtual(wish),
          name: `another's ADD after a terminated container ${title}`,
          arrange: after(isDead(wish)),
          act: (story, fault) => story.add(c2, virtual(wish), fault),
          ends: what.startsWith("has no driver") ? "failed" : "done",
          followUps: [
            {
              name: "then both DELs",
              goOn: thenReleased((story) => {
                story.mustDel(c2, virtual(wish));
                story.mustDel(c1, wish);
                story.settleOwed();
              }),
            },
          ],
        },
      ];
    }),
  );
}

/** DEL of what the Go plugin attached. */
export function externalDriverOfGoPluginScenarios(): Scenario[] {
  return Object.entries(takings).map(([what, take]) => ({
    name: `DEL of the Go plugin's attachment, whose VF ${what}`,
    // The Go plugin takes the port GUID for the node's, too.
    setting: { guid: guid("0a:00:00:00:00:00:00:05") },
    pod: c1,
    wish: everything,
    arrange: (story: SimulatedNode) => {
      story.forgive("link state");
      addByGoPlugin(story, c1, everything);
      story.happens(take);
    },
    act: (story, fault) => story.del(c1, everything, fault),
    followUps: [{ name: "then its DEL", goOn: thenReleased((story) => story.mustDel(c1, everything)) }],
  }));
}

/** What a container with a virtual machine wants of such a VF. */
function virtual(wish: NamedRequest["wish"]): NamedRequest["wish"] {
  const { subnets: _, rdmaIsolation, rdmaOnly, ...rest } = contrary(wish);
  return rest;
}

/** Nothing but the link state is different from a node on which only the other program was at work. */
function thenReleased(release: (story: SimulatedNode) => void): FollowUp["goOn"] {
  return (story) => {
    release(story);
    story.requireAsBefore("after the release");
  };
}
