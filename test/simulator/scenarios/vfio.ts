// VFs that are bound to vfio-pci, for virtual machines.
import { killedAfter } from "../harness/faults.ts";
import {
  thenAgain,
  thenAnother,
  thenDel,
  thenDelOfBoth,
  thenDelWithoutNamespace,
} from "../harness/follow-ups.ts";
import type { Scenario } from "../harness/sweep.ts";
import { c1, c2, type Setting, vf } from "../harness/world.ts";
import { addScenarios } from "./add.ts";
import { delScenarios, delWithoutNamespaceScenarios } from "./del.ts";
import { contrary, everything, same, type Wanted } from "./wishes.ts";

const setting: Setting = { vfio: true };
const whole = { ...everything, vfioPciMode: true } as const;

/** What such a container can want; addresses it does not get. */
const wanted: Wanted[] = [
  { name: "vfio, everything", wish: whole, setting },
  { name: "vfio, nothing in particular", wish: { vf }, setting },
  {
    name: "vfio, the kernel cannot tell",
    wish: everything,
    setting: { ...setting, vfConfigUnreadable: true },
  },
];

/** ADD, DEL, and what a killed ADD leaves, with everything that can befall them. */
export function vfioScenarios(): Scenario[] {
  const [everywhere, plain, blind] = wanted as [Wanted, Wanted, Wanted];
  const after: Scenario[] = [
    ["links.setVfConfig", 1],
    ["links.setVfConfig", 2],
    ["files.create", 1],
  ].flatMap(([call, nth]) => {
    const base = {
      setting,
      arrange: (story: Parameters<NonNullable<Scenario["arrange"]>>[0]) => {
        const { end } = story.add(c1, whole, killedAfter(String(call), Number(nth)));
        if (end !== "killed") story.problems.push(`ADD was not killed after ${call}, but ${end}`);
      },
    };
    const wish = contrary(whole);
    const what = `after a vfio ADD was killed after ${call} ${nth}`;
    return [
      {
        ...base,
        name: `DEL ${what}`,
        pod: c1,
        wish: whole,
        act: (story, fault) => story.del(c1, whole, fault),
        followUps: [thenDel],
      },
      {
        ...base,
        name: `another's ADD ${what}`,
        pod: c2,
        wish,
        act: (story, fault) => story.add(c2, wish, fault),
        followUps: [thenDelOfBoth(c1, whole, "the earlier one first")],
      },
    ] satisfies Scenario[];
  });
  return [
    ...addScenarios([everywhere], [thenDel, thenDelWithoutNamespace, thenAnother(c2, same, true), thenAgain]),
    ...addScenarios([plain, blind], [thenDel, thenAnother(c2, same, false)]),
    ...delScenarios([everywhere, plain], [thenDel, thenAnother(c2, contrary, true)]),
    // Afterwards such a VF has no GUID, and cannot be had without one.
    ...delScenarios([blind], [thenDel, thenAnother(c2, same, true)]),
    ...delWithoutNamespaceScenarios(wanted),
    ...after,
  ];
}
