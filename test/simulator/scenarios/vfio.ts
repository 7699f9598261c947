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

/** Requests of such containers; they get no addresses. */
const wanted: NamedRequest[] = [
  { name: "vfio, everything", request: whole, setting },
  { name: "vfio, no settings", request: { vf }, setting },
  {
    name: "vfio, a kernel that cannot report VFs",
    request: everything,
    setting: { ...setting, vfConfigUnreadable: true },
  },
];

/** Requests for a whole PF; settings that a PF does not have are ignored. */
const wholes: NamedRequest[] = [
  { name: "a PF, everything", request: { ...whole, vf: wholePf }, setting: {} },
  { name: "a PF, a derived GUID", request: { vf: wholePf, guid: "auto" }, setting: {} },
];

/** Returns ADD, DEL, and the verbs after a killed ADD, with all their faults. */
export function vfioScenarios(): Scenario[] {
  const [everywhere, plain, blind] = wanted as [NamedRequest, NamedRequest, NamedRequest];
  const points = [
    ["links.setVfConfig", 1],
    ["links.setVfConfig", 2],
    ["files.create", 1],
  ] as const;
  const after = points.flatMap((point) =>
    afterKilledAdd(`a vfio ADD was killed after ${point[0]} ${point[1]}`, { request: whole, setting }, point),
  );
  return [
    ...addScenarios([everywhere], [thenDel, thenDelWithoutNamespace, thenAnother(c2, same, true), thenAgain]),
    ...addScenarios([plain, blind], [thenDel, thenAnother(c2, same, false)]),
    ...delScenarios([everywhere, plain], [thenDel, thenAnother(c2, contrary, true)]),
    // Afterwards such a VF has no GUID, and no container gets it without one.
    ...delScenarios([blind], [thenDel, thenAnother(c2, same, true)]),
    ...delWithoutNamespaceScenarios(wanted),
    ...after,
    ...addScenarios(wholes, [thenDel, thenDelWithoutNamespace, thenAnother(c2, same, true), thenAgain]),
    ...delScenarios(wholes, [thenDel, thenAnother(c2, same, true)]),
    ...delWithoutNamespaceScenarios(wholes),
  ];
}
