// RDMA devices that belong to one container (rdmaIsolation), on both kinds of kernel: ADD, DEL and later calls, with
// all their faults.
import {
  contrary,
  everything,
  isolated,
  kernels,
  type NamedRequest,
  requestedGuid,
  same,
} from "../harness/common-requests.ts";
import { c1, c2, c3, freshVf, vf } from "../harness/default-node.ts";
import { delOrOtherAdd, thenAgain, thenAnother, thenDel, thenDelOfBoth } from "../harness/follow-ups.ts";
import {
  addScenarios,
  delScenarios,
  delWithoutNamespaceScenarios,
  lostRecordScenarios,
} from "../harness/scenarios.ts";
import type { SimulatedNode } from "../harness/simulated-node.ts";
import { type Scenario, testScenarios } from "../harness/sweep.ts";

/** Returns ADD and DEL, with all their faults. */
function isolationScenarios(): Scenario[] {
  return Object.entries(kernels).flatMap(([kernel, setting]): Scenario[] => {
    const bare: NamedRequest = { name: `isolation ${kernel}`, request: { vf, rdmaIsolation: true }, setting };
    const whole: NamedRequest = { name: `isolation and everything ${kernel}`, request: isolated, setting };
    const others: NamedRequest[] = [
      { name: "the GUID that it has", request: isolated, setting: { ...setting, guid: requestedGuid } },
      { name: "two RDMA devices", request: isolated, setting: { ...setting, rdmaDevices: 2 } },
      { name: "udev renames soon", request: isolated, setting: { ...setting, udev: 8 } },
    ].map((each) => ({ ...each, name: `isolation, ${each.name} ${kernel}` }));
    return [
      ...addScenarios([whole], delOrOtherAdd()),
      ...delScenarios([whole], delOrOtherAdd()),
      ...addScenarios([bare, ...others], [thenDel]),
      ...delScenarios([bare, ...others], [thenDel]),
      ...delWithoutNamespaceScenarios([bare, ...others.slice(1, 2)]),
      ...lostRecordScenarios([bare, ...others.slice(1, 2)]),
    ];
  });
}

/** Returns ADD if isolation is requested but impossible, and if it is needed but not requested. */
function impossibleAndMissingScenarios(): Scenario[] {
  const refused: NamedRequest = {
    name: "isolation, and all containers have all devices",
    request: isolated,
    setting: {},
  };
  const warned: NamedRequest = {
    name: "no isolation, and each RDMA device belongs to one container",
    request: everything,
    setting: { rdma: "exclusive" },
  };
  return [
    ...addScenarios([refused], [thenDel]).map((each): Scenario => ({ ...each, ends: "failed" })),
    ...addScenarios([warned], [thenDel]),
  ];
}

/** Returns the verbs after a killed ADD: its DEL, its ADD again, and another container's ADD. */
function isolationAfterKillScenarios(): Scenario[] {
  const calls = ["rdma.move", "links.move", "links.set", "functions.unbind"] as const;
  return Object.entries(kernels).flatMap(([kernel, setting]) =>
    calls.flatMap((call): Scenario[] => {
      // A netdev that was created with its RDMA device is not moved, but set; otherwise the move also brings it up.
      if (call === (setting.rdma === "netdev follows" ? "links.move" : "links.set")) return [];
      const base = {
        setting: { ...setting, rdmaDevices: 2 },
        arrange: (simulated: SimulatedNode) => simulated.killAdd(c1, isolated, { call }),
      };
      const after = `after an isolating ADD was killed after ${call} ${kernel}`;
      const plain = { vf, linkState: "enable" } as const;
      return [
        {
          ...base,
          name: `DEL ${after}`,
          pod: c1,
          request: isolated,
          verb: "DEL",
          followUps: [thenDel],
        },
        {
          ...base,
          name: `ADD again ${after}`,
          pod: c1,
          request: isolated,
          verb: "ADD",
          followUps: [thenDel, thenAgain],
        },
        ...[isolated, contrary(isolated), plain].map(
          (request, number): Scenario => ({
            ...base,
            name: `another's ADD (${["the same", "something else", "no settings"][number]}) ${after}`,
            pod: c2,
            request,
            verb: "ADD",
            followUps: [
              thenDelOfBoth(c1, isolated, "the earlier one first"),
              ...(number === 0 ? [thenAnother(c3, same)] : []),
            ],
          }),
        ),
      ];
    }),
  );
}

/** Returns ADD of a VF without any settings, which gets a GUID and goes to the container with its RDMA device. */
function freshIsolationScenarios(): Scenario[] {
  return addScenarios(
    [
      {
        name: "isolation of a fresh VF",
        request: { ...isolated, vf: freshVf },
        setting: { rdma: "exclusive" },
      },
    ],
    [thenDel],
  );
}

testScenarios("isolation", [
  ...isolationScenarios(),
  ...impossibleAndMissingScenarios(),
  ...isolationAfterKillScenarios(),
  ...freshIsolationScenarios(),
]);
