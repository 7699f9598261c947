// VFs without a netdev.

import { c2, deviceInfo, type Setting, vf } from "../harness/default-node.ts";
import { thenAgain, thenAnother, thenDel, thenDelWithoutNamespace } from "../harness/follow-ups.ts";
import type { Scenario } from "../harness/sweep.ts";
import { addScenarios } from "./add.ts";
import { afterKilledAdd } from "./after-killed-add.ts";
import { delScenarios, delWithoutNamespaceScenarios } from "./del.ts";
import { contrary, everything, type NamedRequest, partition, same } from "./requests.ts";

const setting: Setting = { rdmaOnly: true, partition: { pkey: 0x5, delay: 300 } };
const isolating: Setting = { ...setting, rdma: "exclusive", rdmaDevices: 2 };
const whole = { ...everything, rdmaOnly: true, partition, deviceInfo } as const;
const isolated = { ...whole, rdmaIsolation: true } as const;

/** Returns ADD, DEL, and the verbs after a killed ADD, with all their faults. */
export function rdmaOnlyScenarios(): Scenario[] {
  const plain: NamedRequest = {
    name: "RDMA only, no settings",
    request: { vf, rdmaOnly: true },
    setting,
  };
  const shared: NamedRequest = { name: "RDMA only, everything", request: whole, setting };
  const alone: NamedRequest = { name: "RDMA only, isolated", request: isolated, setting: isolating };
  const points = [
    ["rdma.move", 1],
    ["functions.unbind", 1],
    ["functions.bind", 1],
  ] as const;
  const after = points.flatMap((point) =>
    afterKilledAdd(`an RDMA-only ADD was killed after ${point[0]}`, alone, point),
  );
  return [
    ...addScenarios([alone], [thenDel, thenDelWithoutNamespace, thenAnother(c2, contrary, true), thenAgain]),
    ...addScenarios([plain, shared], [thenDel, thenAnother(c2, same, false)]),
    ...delScenarios([plain, shared, alone], [thenDel, thenAnother(c2, contrary, true)]),
    ...delWithoutNamespaceScenarios([plain, alone]),
    ...after,
  ];
}
