// RDMA devices of the container's own (rdmaIsolation), on both kinds of kernel.

import { c1, c2, c3, freshVf, type Setting, vf } from "../harness/default-node.ts";
import { killedAfter } from "../harness/faults.ts";
import { thenAgain, thenAnother, thenDel, thenDelOfBoth } from "../harness/follow-ups.ts";
import type { Scenario } from "../harness/sweep.ts";
import { addScenarios } from "./add.ts";
import { delScenarios, delWithoutNamespaceScenarios } from "./del.ts";
import { something } from "./next.ts";
import { contrary, everything, type NamedRequest, requestedGuid, same } from "./requests.ts";
import { lostRecordScenarios } from "./unrecorded.ts";

/** Kernels that make the netdev of a moved RDMA device in the initial namespace, and in that of the device. */
export const kernels: Readonly<Record<string, Setting>> = {
  "on older kernels": { rdma: "exclusive" },
  "on newer kernels": { rdma: "netdev follows" },
};

/** All that there is, and its RDMA device. */
export const isolated = { ...everything, rdmaIsolation: true } as const;

/** ADD and DEL, with everything that can befall them. */
export function isolationScenarios(): Scenario[] {
  return Object.entries(kernels).flatMap(([kernel, setting]): Scenario[] => {
    const bare: NamedRequest = { name: `isolation ${kernel}`, wish: { vf, rdmaIsolation: true }, setting };
    const whole: NamedRequest = { name: `isolation and everything ${kernel}`, wish: isolated, setting };
    const others: NamedRequest[] = [
      { name: "the GUID that it has", wish: isolated, setting: { ...setting, guid: requestedGuid } },
      { name: "two RDMA devices", wish: isolated, setting: { ...setting, rdmaDevices: 2 } },
      { name: "udev renames soon", wish: isolated, setting: { ...setting, udev: 8 } },
    ].map((each) => ({ ...each, name: `isolation, ${each.name} ${kernel}` }));
    return [
      ...addScenarios([whole], something()),
      ...delScenarios([whole], something()),
      ...addScenarios([bare, ...others], [thenDel]),
      ...delScenarios([bare, ...others], [thenDel]),
      ...delWithoutNamespaceScenarios([bare, ...others.slice(1, 2)]),
      ...lostRecordScenarios([bare, ...others.slice(1, 2)]),
    ];
  });
}

/** ADD where it is refused, and where it is needed and not asked for. */
export function unlikelyScenarios(): Scenario[] {
  const refused: NamedRequest = {
    name: "isolation, and all containers have all devices",
    wish: isolated,
    setting: {},
  };
  const warned: NamedRequest = {
    name: "no isolation, and each has its own",
    wish: everything,
    setting: { rdma: "exclusive" },
  };
  return [
    ...addScenarios([refused], [thenDel]).map((each): Scenario => ({ ...each, ends: "failed" })),
    ...addScenarios([warned], [thenDel]),
  ];
}

/** What a killed ADD leaves: its DEL, its ADD again, and another's. */
export function isolationAftermaths(): Scenario[] {
  const points = [
    ["rdma.move", 1],
    ["links.move", 1],
    ["links.set", 1],
    ["functions.unbind", 1],
  ] as const;
  return Object.entries(kernels).flatMap(([kernel, setting]) =>
    points.flatMap(([call, nth]): Scenario[] => {
      // A netdev that came with its RDMA device is not moved any more; one that is moved comes up with that.
      if (call === (setting.rdma === "netdev follows" ? "links.move" : "links.set")) return [];
      const base = {
        setting: { ...setting, rdmaDevices: 2 },
        arrange: (story: Parameters<NonNullable<Scenario["arrange"]>>[0]) => {
          const { end } = story.add(c1, isolated, killedAfter(call, nth));
          if (end !== "killed") story.problems.push(`ADD was not killed after ${call}, but ${end}`);
        },
      };
      const after = `after an isolating ADD was killed after ${call} ${kernel}`;
      const plain = { vf, linkState: "enable" } as const;
      return [
        {
          ...base,
          name: `DEL ${after}`,
          pod: c1,
          wish: isolated,
          act: (story, fault) => story.del(c1, isolated, fault),
          followUps: [thenDel],
        },
        {
          ...base,
          name: `ADD again ${after}`,
          pod: c1,
          wish: isolated,
          act: (story, fault) => story.add(c1, isolated, fault),
          followUps: [thenDel, thenAgain],
        },
        ...[isolated, contrary(isolated), plain].map(
          (wish, number): Scenario => ({
            ...base,
            name: `another's ADD (${["the same", "something else", "nothing in particular"][number]}) ${after}`,
            pod: c2,
            wish,
            act: (story, fault) => story.add(c2, wish, fault),
            followUps: [
              thenDelOfBoth(c1, isolated, "the earlier one first"),
              ...(number === 0 ? [thenAnother(c3, same, false)] : []),
            ],
          }),
        ),
      ];
    }),
  );
}

/** A VF that was never given anything, and is given a GUID and to a container with its RDMA device. */
export function freshIsolationScenarios(): Scenario[] {
  return addScenarios(
    [
      {
        name: "isolation of a fresh VF",
        wish: { ...isolated, vf: freshVf },
        setting: { rdma: "exclusive" },
      },
    ],
    [thenDel],
  );
}
