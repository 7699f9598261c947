// The commands of an operator, with all their faults.

import { c1, c2, c3, freshVf, vf } from "../harness/default-node.ts";
import { type FollowUp, thenAnother } from "../harness/follow-ups.ts";
import type { SimulatedNode } from "../harness/simulated-node.ts";
import type { Scenario } from "../harness/sweep.ts";
import { changeNamespace } from "../model/link-requests.ts";
import { provided } from "./auto.ts";
import { killedAdd, killPoints } from "./del.ts";
import { leaveOrphaned } from "./gc.ts";
import { isolated } from "./isolation.ts";
import { everything, type NamedRequest, requests, same } from "./requests.ts";

/** Returns a follow-up that repeats a command until it succeeds. */
function again(name: string, action: (simulated: SimulatedNode) => { readonly end: string }): FollowUp {
  return {
    name,
    run(simulated) {
      for (let i = 0; i < 3 && action(simulated).end !== "done"; i++);
      if (action(simulated).end !== "done") simulated.problems.push("every attempt fails");
      simulated.requireAsBefore("in the end");
    },
  };
}

/** Returns `provision` of free VFs, which gives them their GUIDs. */
export function provisionScenarios(): Scenario[] {
  const arrange = (simulated: SimulatedNode) => simulated.allowDifference("derived GUID");
  const cases = [
    ["a fresh VF", freshVf, {}, arrange],
    ["a VF that has a GUID", vf, {}, arrange],
    ["a VF for virtual machines", vf, { vfio: true }, arrange],
    ["a VF without a netdev", vf, { rdmaOnly: true }, arrange],
    [
      "a VF that a killed ADD has left behind",
      vf,
      {},
      (simulated: SimulatedNode) => {
        arrange(simulated);
        killedAdd(simulated, ["links.move", 1]);
      },
    ],
  ] as const;
  return cases.map(([name, pci, setting, before]) => ({
    name: `provision of ${name}`,
    setting,
    pod: c1,
    request: { ...provided, vf: pci },
    arrange: before,
    act: (simulated, fault) => simulated.provision(pci, fault),
    followUps: [
      {
        name: "then again",
        run(simulated) {
          if (simulated.provision(pci).end !== "done") simulated.problems.push("every provision fails");
          simulated.releasePending();
          simulated.requireAsBefore("after provision");
        },
      },
      ...(pci === freshVf ? [thenAnother(c2, same, false)] : []),
    ],
  }));
}

/** Returns `gc`, without any DEL or GC of the runtime. */
export function gcOfAllScenarios(): Scenario[] {
  const then = again("then again", (simulated) => simulated.gcOfAll());
  const stale = requests().map(
    ({ name, request, setting }): Scenario => ({
      name: `gc of a container whose namespace is gone (${name})`,
      setting,
      pod: c1,
      request,
      arrange: leaveOrphaned(request),
      act: (simulated, fault) => simulated.gcOfAll(true, fault),
      followUps: [then],
    }),
  );
  const killed = killPoints.map(
    (point): Scenario => ({
      name: `gc after an ADD that was killed after ${point[0]}`,
      setting: {},
      pod: c1,
      request: everything,
      arrange: (simulated) => killedAdd(simulated, point),
      act: (simulated, fault) => simulated.gcOfAll(true, fault),
      followUps: [then],
    }),
  );
  return [...stale, ...killed];
}

/** Returns `attachments release --force` of a running container's VF. */
export function releaseScenarios(): Scenario[] {
  const wanted = [
    ...requests(),
    { name: "isolation", request: isolated, setting: { rdma: "exclusive" } as const },
  ];
  const scenario = (
    { name, request, setting }: NamedRequest,
    what: string,
    after: (simulated: SimulatedNode) => void,
  ): Scenario => ({
    name: `release --force of ${what} (${name})`,
    setting,
    pod: c1,
    request,
    arrange: (simulated) => {
      simulated.mustAdd(c1, request);
      after(simulated);
    },
    act: (simulated, fault) => simulated.release(c1, true, fault),
    followUps: [again("then again", (simulated) => simulated.release(c1, true))],
  });
  return [
    ...wanted.map((each) => scenario(each, "a running container", () => {})),
    ...wanted
      .filter(({ name }) => ["no settings", "everything"].includes(name))
      .map((each) => scenario(each, "a container that has moved its netdev", moveNetdev)),
    ...isolatedRequests.map((each) => scenario(each, "a container that has moved its RDMA device", moveRdma)),
  ];
}

/** Requests with an RDMA device. */
const isolatedRequests: readonly NamedRequest[] = [
  { name: "isolation", request: isolated, setting: { rdma: "exclusive" } },
  { name: "isolation only", request: { vf, rdmaIsolation: true }, setting: { rdma: "exclusive" } },
  {
    name: "isolation only, newer kernel",
    request: { vf, rdmaIsolation: true },
    setting: { rdma: "netdev follows" },
  },
];

/** The container moves its interface to a nested container, in a namespace that no runtime knows. */
function moveNetdev({ machine }: SimulatedNode): void {
  const [pod, other] = [machine.paths.get(c1.netns), machine.paths.get(c3.netns)];
  const index = pod?.named(c1.ifname)?.[0];
  if (pod === undefined || other === undefined || index === undefined) throw new Error("no interface");
  changeNamespace(pod, index, other, "moved");
}

/** The container does the same with its RDMA device. */
function moveRdma({ machine }: SimulatedNode): void {
  const [pod, other] = [machine.paths.get(c1.netns), machine.paths.get(c3.netns)];
  const device = machine.bus.vfs.get(vf)?.probed?.devices[0];
  if (pod === undefined || other === undefined || device === undefined) throw new Error("no RDMA device");
  machine.bus.moveRdma(pod, device.index, other);
}
