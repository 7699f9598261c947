// VFs that are bound to vfio-pci, for virtual machines.

import { c2, type Setting, vf, wholePf } from "../harness/default-node.ts";
import { thenAgain, thenAnother, thenDel, thenDelWithoutNamespace } from "../harness/follow-ups.ts";
import type { Scenario } from "../harness/sweep.ts";
import { addScenarios } from "./add.ts";
import { afterKilledAdd } from "./after-killed-add.ts";
import { delScenarios, delWithoutNamespaceScenarios } from "./del.ts";
import { contrary, everything, type NamedRequest, same } from "./requests.ts";

const setting: Setting = { vfio: true };
const whole = { ...everything, vfioPciMode: true } as const;

/** What such a container can want; addresses it does not get. */
const wanted: NamedRequest[] = [
  { name: "vfio, everything", wish: whole, setting },
  { name: "vfio, nothing in particular", wish: { vf }, setting },
  {
    name: "vfio, the kernel cannot tell",
    wish: everything,
    setting: { ...setting, vfConfigUnreadable: true },
  },
];

/** A whole PF; what of it cannot be set is not set. */
const wholes: NamedRequest[] = [
  { name: "a PF, everything", wish: { ...whole, vf: wholePf }, setting: {} },
  { name: "a PF, a derived GUID", wish: { vf: wholePf, guid: "auto" }, setting: {} },
];

/** ADD, DEL, and what a killed ADD leaves, with everything that can befall them. */
export function vfioScenarios(): Scenario[] {
  const [everywhere, plain, blind] = wanted as [NamedRequest, NamedRequest, NamedRequest];
  const points = [
    ["links.setVfConfig", 1],
    ["links.setVfConfig", 2],
    ["files.create", 1],
  ] as const;
  const after = points.flatMap((point) =>
    afterKilledAdd(`a vfio ADD was killed after ${point[0]} ${point[1]}`, { wish: whole, setting }, point),
  );
  return [
    ...addScenarios([everywhere], [thenDel, thenDelWithoutNamespace, thenAnother(c2, same, true), thenAgain]),
    ...addScenarios([plain, blind], [thenDel, thenAnother(c2, same, false)]),
    ...delScenarios([everywhere, plain], [thenDel, thenAnother(c2, contrary, true)]),
    // Afterwards such a VF has no GUID, and cannot be had without one.
    ...delScenarios([blind], [thenDel, thenAnother(c2, same, true)]),
    ...delWithoutNamespaceScenarios(wanted),
    ...after,
    ...addScenarios(wholes, [thenDel, thenDelWithoutNamespace, thenAnother(c2, same, true), thenAgain]),
    ...delScenarios(wholes, [thenDel, thenAnother(c2, same, true)]),
    ...delWithoutNamespaceScenarios(wholes),
  ];
}
