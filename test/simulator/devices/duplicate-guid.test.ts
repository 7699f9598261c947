// A GUID serves one port: ADD refuses a GUID that another attachment has, or that another function runs with.
import { describe, expect, test } from "vitest";
import { STATE_DIRECTORY } from "../../../src/attachment/record/state-directory.ts";
import { codes } from "../../../src/cni/errors.ts";
import { derivedGuid } from "../../../src/infiniband/derived-guid.ts";
import { everything, requestedGuid } from "../harness/common-requests.ts";
import {
  administratorsGuids,
  c1,
  c2,
  freshGuid,
  freshVf,
  ownGuids,
  pf,
  type Setting,
  vf,
} from "../harness/default-node.ts";
import { notePath } from "../harness/other-container.ts";
import type { AttachmentRequest } from "../harness/requests.ts";
import { messageChain } from "../harness/run.ts";
import { SimulatedNode } from "../harness/simulated-node.ts";
import { interleave } from "../harness/sweep.ts";
import { pfGuid } from "../model/bus.ts";

type Options = Pick<Setting, "rdma"> & { readonly rdmaIsolation?: true };

const second = { vf: freshVf, guid: requestedGuid };

test("a GUID that a VF of another container runs with is refused, naming the container", () => {
  const simulated = new SimulatedNode({});
  const added = simulated.mustAdd(c1, everything);
  const before = simulated.lines();
  const { end, error } = simulated.add(c2, second);
  expect(end).toBe("failed");
  expect(error).toMatchObject({ code: codes.badConfiguration });
  expect(messageChain(error)).toMatch(new RegExp(`${requestedGuid} .* .* VF ${vf} has it.* container c1`));
  expect(simulated.lines()).toEqual(before);
  simulated.mustDel(c2, second);
  simulated.requireAttached(c1, everything, added);
  simulated.mustDel(c1, everything);
  simulated.mustAdd(c2, second);
  simulated.mustDel(c2, second);
  simulated.requireAsBefore("after DEL");
});

test("the port GUID of the PF is refused", () => {
  const simulated = new SimulatedNode({});
  const { error } = simulated.add(c2, { vf: freshVf, guid: pfGuid });
  expect(error).toMatchObject({ code: codes.badConfiguration });
  expect(messageChain(error)).toContain(`of its PF ${pf} runs with it`);
  simulated.requireAsBefore("after the refusal");
});

test.each([
  ["port", ownGuids.port, /: netdev \S+ of 0000:01:10.0 runs with it;/],
  ["node", ownGuids.node, /: RDMA device \S+ runs with it;/],
])("the %s GUID of a VF that no container has is refused", (_, guid, why) => {
  const simulated = new SimulatedNode({});
  const { error } = simulated.add(c2, { vf: freshVf, guid });
  expect(error).toMatchObject({ code: codes.badConfiguration });
  expect(messageChain(error)).toMatch(why);
  simulated.requireAsBefore("after the refusal");
  // The GUID is this VF's own, so it is not a duplicate here.
  simulated.mustAdd(c2, { vf, guid: ownGuids.port });
  simulated.mustDel(c2, { vf, guid: ownGuids.port });
  simulated.requireAsBefore("after DEL");
});

test("the GUID of an attachment that has ended stays with its VF, until the VF is released", () => {
  const simulated = new SimulatedNode({});
  simulated.mustAdd(c1, everything);
  simulated.deleteNamespace(c1);
  expect(simulated.add(c2, second).error).toMatchObject({ code: codes.badConfiguration });
  simulated.mustDel(c1, everything, null);
  simulated.mustAdd(c2, second);
  simulated.mustDel(c2, second);
  simulated.requireAsBefore("after DEL");
});

test.each([
  ["", {}],
  [" with devices in containers", { rdma: "exclusive", rdmaIsolation: true }],
] as const)(
  "of two simultaneous ADDs with one GUID exactly one succeeds%s",
  (_, { rdmaIsolation, ...setting }: Options) => {
    const [first, other] = [
      { ...everything, rdmaIsolation },
      { ...second, rdmaIsolation, timeout: 50 },
    ];
    const { cases, problems } = interleave({
      name: "two ADDs with one GUID",
      setting,
      verb: (simulated, fault) => simulated.add(c1, first, fault),
      beforeCall: (simulated) => simulated.add(c2, other),
      afterwards(simulated, ran, otherRun) {
        const ends = [ran.end, otherRun?.end];
        if (ends.filter((end) => end === "done").length !== 1) simulated.problems.push(`they ended: ${ends}`);
        simulated.mustDel(c2, other);
        simulated.mustDel(c1, first);
        simulated.requireAsBefore("after both DELs");
      },
    });
    expect(problems.slice(0, 5)).toEqual([]);
    expect(cases).toBeGreaterThan(50);
  },
);

/** Kinds of attachments that keep the GUIDs that their VFs had, node and port GUID. */
const keeping: readonly (readonly [name: string, setting: Setting, request: AttachmentRequest])[] = [
  ["in shared mode", {}, { vf }],
  ["in exclusive mode", { rdma: "exclusive" }, { vf, rdmaIsolation: true }],
  ["without a netdev", { rdmaOnly: true }, { vf, rdmaOnly: true }],
  ["that has a link state", {}, { vf, linkState: "enable" }],
  ['with "guid": "auto"', {}, { vf, guid: "auto" }],
  ["with the GUID of its network", {}, { vf, guid: requestedGuid }],
];

describe.each(keeping)("an attachment %s", (_, setting, request) => {
  test.each(["port", "node"] as const)("keeps the VF's %s GUID from other VFs, until it ends", (kind) => {
    const simulated = new SimulatedNode(setting);
    const guid = ownGuids[kind];
    const added = simulated.mustAdd(c1, request);
    const before = simulated.lines();
    const { end, error } = simulated.add(c2, { vf: freshVf, guid });
    expect(end).toBe("failed");
    expect(error).toMatchObject({ code: codes.badConfiguration });
    expect(messageChain(error)).toMatch(new RegExp(`${guid} .* VF ${vf} has it, which container c1`));
    expect(simulated.lines()).toEqual(before);
    simulated.requireAttached(c1, request, added);
    simulated.mustDel(c1, request);
    simulated.requireAsBefore("after DEL");
  });

  // With the notes only: they are what other PFs' VFs are found by.
  test("has a note of each GUID as long as it exists, also if its ADD is killed", () => {
    const simulated = new SimulatedNode(setting);
    const { files } = simulated.machine;
    simulated.mustAdd(c1, request);
    for (const guid of [ownGuids.node, ownGuids.port]) expect(files.read(notePath(guid))).toBe(vf);
    simulated.mustDel(c1, request);
    for (const guid of [ownGuids.node, ownGuids.port]) expect(files.read(notePath(guid))).toBeUndefined();
    simulated.killAdd(c1, request, { call: "files.patch" });
    for (const guid of [ownGuids.node, ownGuids.port]) expect(files.read(notePath(guid))).toBe(vf);
    simulated.mustDel(c1, request);
    simulated.requireAsBefore("after the second DEL");
  });
});

test.each([
  ["a GUID that the PF has for another VF, not in effect", administratorsGuids.node, {}],
  ["the GUID of a virtual machine's VF without a record", ownGuids.port, { vfio: true }],
])("%s is refused", (_, guid, setting: Setting) => {
  const simulated = new SimulatedNode(setting);
  simulated.changeNode(({ bus }) => {
    const target = bus.vf(vf, "set its GUIDs at the PF");
    if (setting.vfio !== true) target.adminNodeGuid = guid;
  });
  const { error } = simulated.add(c2, { vf: freshVf, guid });
  expect(error).toMatchObject({ code: codes.badConfiguration });
  expect(messageChain(error)).toMatch(
    `PF ${pf} has it for VF ${vf}; no attachment has VF ${vf}: to take the GUID from it, run: ib-sriov provision --replace ${vf}`,
  );
  simulated.requireAsBefore("after the refusal");
});

test('a GUID that "guid": "auto" is about to give is refused during the rebind', () => {
  const { problems, cases } = interleave({
    name: "auto, and an explicit GUID",
    setting: {},
    verb: (simulated, fault) => {
      simulated.allowDifference("derived GUID");
      return simulated.add(c1, { vf: freshVf, guid: "auto" }, fault);
    },
    beforeCall(simulated) {
      const ran = simulated.add(c2, { vf, guid: freshGuid, timeout: 50 });
      // The other ADD then derives the next GUID.
      if (ran.end === "done") simulated.autoGuid = derivedGuid(pfGuid, 2, 1);
      return ran;
    },
    afterwards(simulated, ran, otherRun) {
      const both = ran.end === "done" && otherRun?.end === "done";
      const [first, second] = [freshVf, vf].map(
        (pci) => simulated.machine.bus.vf(pci, "look").probed?.portGuid,
      );
      if (both && first === second) simulated.problems.push(`both have ${first}`);
      simulated.mustDel(c2, { vf, guid: freshGuid });
      simulated.mustDel(c1, { vf: freshVf, guid: "auto" });
    },
  });
  expect(problems.slice(0, 5)).toEqual([]);
  expect(cases).toBeGreaterThan(50);
});

test("the own GUID of a VF, if another container has it, is refused with the command that replaces it", () => {
  const simulated = new SimulatedNode({});
  const { files } = simulated.machine;
  simulated.mustAdd(c1, { vf: freshVf, guid: requestedGuid });
  files.write(notePath(ownGuids.port), freshVf);
  const name = `${STATE_DIRECTORY}/c1-net1`;
  files.write(name, files.read(name)?.replaceAll(requestedGuid, ownGuids.port) ?? "");
  const { error } = simulated.add(c2, { vf });
  expect(error).toMatchObject({ code: codes.badConfiguration });
  expect(messageChain(error)).toMatch(
    new RegExp(
      `VF ${vf} .*own GUID ${ownGuids.port}: VF ${freshVf} has it.*container c1.*provision --replace ${vf}`,
    ),
  );
});

test("attachments whose notes are lost keep their GUIDs all the same", () => {
  const simulated = new SimulatedNode({ rdma: "exclusive" });
  simulated.mustAdd(c1, { vf, rdmaIsolation: true });
  const { files } = simulated.machine;
  for (const path of [...files.texts.keys()]) {
    if (path.startsWith(`${STATE_DIRECTORY}/.guid/`) || path.endsWith(".guid")) files.remove(path);
  }
  // Its PF does not report them, as another PF does not.
  simulated.machine.vfConfigReadable = false;
  const { error } = simulated.add(c2, { vf: freshVf, guid: ownGuids.port });
  expect(messageChain(error)).toMatch(`VF ${vf} has it, which container c1`);
  simulated.mustDel(c1, { vf, rdmaIsolation: true });
  expect(files.read(notePath(ownGuids.port))).toBeUndefined();
});

test("a GUID file that a lost record leaves behind does not reserve the GUID", () => {
  const simulated = new SimulatedNode({});
  const { files } = simulated.machine;
  files.write(notePath(requestedGuid), vf);
  simulated.mustAdd(c2, second);
  simulated.mustDel(c2, second);
  simulated.requireAsBefore("after DEL");
});
