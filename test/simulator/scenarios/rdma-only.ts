// VFs without a netdev.
import { killedAfter } from "../harness/faults.ts";
import {
  thenAgain,
  thenAnother,
  thenDel,
  thenDelOfBoth,
  thenDelWithoutNamespace,
} from "../harness/follow-ups.ts";
import type { Scenario } from "../harness/sweep.ts";
import { c1, c2, deviceInfo, type Setting, vf } from "../harness/world.ts";
import { addScenarios } from "./add.ts";
import { delScenarios, delWithoutNamespaceScenarios } from "./del.ts";
import { contrary, everything, partition, same, type Wanted } from "./wishes.ts";

const setting: Setting = { rdmaOnly: true, partition: { pkey: 0x5, delay: 300 } };
const isolating: Setting = { ...setting, rdma: "exclusive", rdmaDevices: 2 };
const whole = { ...everything, rdmaOnly: true, partition, deviceInfo } as const;
const isolated = { ...whole, rdmaIsolation: true } as const;

/** ADD, DEL, and what a killed ADD leaves, with everything that can befall them. */
export function rdmaOnlyScenarios(): Scenario[] {
  const plain: Wanted = { name: "RDMA only, nothing in particular", wish: { vf, rdmaOnly: true }, setting };
  const shared: Wanted = { name: "RDMA only, everything", wish: whole, setting };
  const alone: Wanted = { name: "RDMA only, isolated", wish: isolated, setting: isolating };
  const points = [
    ["rdma.move", 1],
    ["functions.unbind", 1],
    ["functions.bind", 1],
  ] as const;
  const after = points.flatMap(([call, nth]): Scenario[] => {
    const wish = contrary(isolated);
    const base = {
      setting: isolating,
      arrange: (story: Parameters<NonNullable<Scenario["arrange"]>>[0]) => {
        const { end } = story.add(c1, isolated, killedAfter(call, nth));
        if (end !== "killed") story.problems.push(`ADD was not killed after ${call}, but ${end}`);
      },
    };
    const what = `after an RDMA-only ADD was killed after ${call}`;
    return [
      {
        ...base,
        name: `DEL ${what}`,
        pod: c1,
        wish: isolated,
        act: (story, fault) => story.del(c1, isolated, fault),
        followUps: [thenDel],
      },
      {
        ...base,
        name: `another's ADD ${what}`,
        pod: c2,
        wish,
        act: (story, fault) => story.add(c2, wish, fault),
        followUps: [thenDelOfBoth(c1, isolated, "the earlier one first")],
      },
    ];
  });
  return [
    ...addScenarios([alone], [thenDel, thenDelWithoutNamespace, thenAnother(c2, contrary, true), thenAgain]),
    ...addScenarios([plain, shared], [thenDel, thenAnother(c2, same, false)]),
    ...delScenarios([plain, shared, alone], [thenDel, thenAnother(c2, contrary, true)]),
    ...delWithoutNamespaceScenarios([plain, alone]),
    ...after,
  ];
}
