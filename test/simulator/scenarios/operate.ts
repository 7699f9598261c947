// What an operator does, with everything that can befall it.

import { c1, c2, c3, freshVf, vf } from "../harness/default-node.ts";
import { type FollowUp, thenAnother } from "../harness/follow-ups.ts";
import type { SimulatedNode } from "../harness/simulated-node.ts";
import type { Scenario } from "../harness/sweep.ts";
import { changeNamespace } from "../model/link-requests.ts";
import { provided } from "./auto.ts";
import { killedAdd, killPoints } from "./del.ts";
import { isDead } from "./gc.ts";
import { isolated } from "./isolation.ts";
import { everything, type NamedRequest, requests, same } from "./requests.ts";

/** It is tried again, until it is done. */
function again(name: string, action: (story: SimulatedNode) => { readonly end: string }): FollowUp {
  return {
    name,
    goOn(story) {
      for (let i = 0; i < 3 && action(story).end !== "done"; i++);
      if (action(story).end !== "done") story.problems.push("it fails for ever");
      story.requireAsBefore("in the end");
    },
  };
}

/** A free VF gets its GUID. */
export function provisionScenarios(): Scenario[] {
  const arrange = (story: SimulatedNode) => story.forgive("derived GUID");
  const cases = [
    ["a fresh VF", freshVf, {}, arrange],
    ["a VF that has its own", vf, {}, arrange],
    ["a VF for virtual machines", vf, { vfio: true }, arrange],
    ["a VF without a netdev", vf, { rdmaOnly: true }, arrange],
    [
      "a VF that a dead ADD has left",
      vf,
      {},
      (story: SimulatedNode) => {
        arrange(story);
        killedAdd(story, ["links.move", 1]);
      },
    ],
  ] as const;
  return cases.map(([name, pci, setting, before]) => ({
    name: `provision of ${name}`,
    setting,
    pod: c1,
    wish: { ...provided, vf: pci },
    arrange: before,
    act: (story, fault) => story.provision(pci, fault),
    followUps: [
      {
        name: "then again",
        goOn(story) {
          if (story.provision(pci).end !== "done") story.problems.push("provision fails for ever");
          story.settleOwed();
          story.requireAsBefore("after provision");
        },
      },
      ...(pci === freshVf ? [thenAnother(c2, same, false)] : []),
    ],
  }));
}

/** Nobody ever calls DEL or GC. */
export function gcOfAllScenarios(): Scenario[] {
  const then = again("then again", (story) => story.gcOfAll());
  const dead = requests().map(
    ({ name, wish, setting }): Scenario => ({
      name: `gc of a container whose namespace is gone (${name})`,
      setting,
      pod: c1,
      wish,
      arrange: isDead(wish),
      act: (story, fault) => story.gcOfAll(true, fault),
      followUps: [then],
    }),
  );
  const killed = killPoints.map(
    (point): Scenario => ({
      name: `gc after an ADD that was killed after ${point[0]}`,
      setting: {},
      pod: c1,
      wish: everything,
      arrange: (story) => killedAdd(story, point),
      act: (story, fault) => story.gcOfAll(true, fault),
      followUps: [then],
    }),
  );
  return [...dead, ...killed];
}

/** The operator takes a VF out of a running container. */
export function releaseScenarios(): Scenario[] {
  const wanted = [
    ...requests(),
    { name: "isolation", wish: isolated, setting: { rdma: "exclusive" } as const },
  ];
  const scenario = (
    { name, wish, setting }: NamedRequest,
    what: string,
    after: (story: SimulatedNode) => void,
  ): Scenario => ({
    name: `release --force of ${what} (${name})`,
    setting,
    pod: c1,
    wish,
    arrange: (story) => {
      story.mustAdd(c1, wish);
      after(story);
    },
    act: (story, fault) => story.release(c1, true, fault),
    followUps: [again("then again", (story) => story.release(c1, true))],
  });
  return [
    ...wanted.map((each) => scenario(each, "a living container", () => {})),
    ...wanted
      .filter(({ name }) => ["nothing in particular", "everything"].includes(name))
      .map((each) => scenario(each, "a container that has moved its netdev", moveNetdev)),
    ...isolatedWishes.map((each) => scenario(each, "a container that has moved its RDMA device", moveRdma)),
  ];
}

/** What has an RDMA device of its own, with the VF's GUID and with another one. */
const isolatedWishes: readonly NamedRequest[] = [
  { name: "isolation", wish: isolated, setting: { rdma: "exclusive" } },
  { name: "isolation only", wish: { vf, rdmaIsolation: true }, setting: { rdma: "exclusive" } },
  {
    name: "isolation only, newer kernel",
    wish: { vf, rdmaIsolation: true },
    setting: { rdma: "netdev follows" },
  },
];

/** The container gives its interface to a container of its own, in a namespace that no runtime knows. */
function moveNetdev({ machine }: SimulatedNode): void {
  const [pod, other] = [machine.paths.get(c1.netns), machine.paths.get(c3.netns)];
  const index = pod?.named(c1.ifname)?.[0];
  if (pod === undefined || other === undefined || index === undefined) throw new Error("no interface");
  changeNamespace(pod, index, other, "moved");
}

/** The same with its RDMA device. */
function moveRdma({ machine }: SimulatedNode): void {
  const [pod, other] = [machine.paths.get(c1.netns), machine.paths.get(c3.netns)];
  const device = machine.bus.vfs.get(vf)?.probed?.devices[0];
  if (pod === undefined || other === undefined || device === undefined) throw new Error("no RDMA device");
  machine.bus.moveRdma(pod, device.index, other);
}
