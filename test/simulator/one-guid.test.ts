// A GUID serves one port: ADD refuses one that another attachment was given, or that another function runs with.
import { expect, test } from "vitest";
import { codes } from "../../src/cni/errors.ts";
import { c1, c2, freshVf, ownGuids, pf, type Setting, vf } from "./harness/default-node.ts";
import { interleave } from "./harness/interleave.ts";
import { messageChain } from "./harness/run.ts";
import { SimulatedNode } from "./harness/simulated-node.ts";
import { stateDirectory } from "./harness/state.ts";
import { pfGuid } from "./model/bus.ts";
import { everything, requestedGuid } from "./scenarios/requests.ts";

type Wishes = Pick<Setting, "rdma"> & { readonly rdmaIsolation?: true };

const second = { vf: freshVf, guid: requestedGuid };

test("a GUID that a VF of another container runs with is refused, naming the container", () => {
  const story = new SimulatedNode({});
  const added = story.mustAdd(c1, everything);
  const before = story.lines();
  const { end, error } = story.add(c2, second);
  expect(end).toBe("failed");
  expect(error).toMatchObject({ code: codes.badConfiguration });
  expect(messageChain(error)).toMatch(new RegExp(`${requestedGuid} .* .* VF ${vf} has it.* container c1`));
  expect(story.lines()).toEqual(before);
  story.mustDel(c2, second);
  story.requireAttached(c1, everything, added);
  story.mustDel(c1, everything);
  story.mustAdd(c2, second);
  story.mustDel(c2, second);
  story.requireAsBefore("after DEL");
});

test("the port GUID of the PF is refused", () => {
  const story = new SimulatedNode({});
  const { error } = story.add(c2, { vf: freshVf, guid: pfGuid });
  expect(error).toMatchObject({ code: codes.badConfiguration });
  expect(messageChain(error)).toContain(`of its PF ${pf} runs with it`);
  story.requireAsBefore("after the refusal");
});

test.each([
  ["port", ownGuids.port, /: netdev \S+ of 0000:01:10.0 runs with it;/],
  ["node", ownGuids.node, /: RDMA device \S+ runs with it;/],
])("the %s GUID of a VF that no container has is refused", (_, guid, why) => {
  const story = new SimulatedNode({});
  const { error } = story.add(c2, { vf: freshVf, guid });
  expect(error).toMatchObject({ code: codes.badConfiguration });
  expect(messageChain(error)).toMatch(why);
  story.requireAsBefore("after the refusal");
  // It is the VF's own, so there it is no second one.
  story.mustAdd(c2, { vf, guid: ownGuids.port });
  story.mustDel(c2, { vf, guid: ownGuids.port });
  story.requireAsBefore("after DEL");
});

test("the GUID of an attachment that has ended stays with its VF, until the VF is released", () => {
  const story = new SimulatedNode({});
  story.mustAdd(c1, everything);
  story.deleteNamespace(c1);
  expect(story.add(c2, second).error).toMatchObject({ code: codes.badConfiguration });
  story.mustDel(c1, everything, null);
  story.mustAdd(c2, second);
  story.mustDel(c2, second);
  story.requireAsBefore("after DEL");
});

test.each([
  ["", {}],
  [" with devices in containers", { rdma: "exclusive", rdmaIsolation: true }],
] as const)(
  "of two ADDs with one GUID at once exactly one succeeds%s",
  (_, { rdmaIsolation, ...setting }: Wishes) => {
    const [first, other] = [
      { ...everything, rdmaIsolation },
      { ...second, rdmaIsolation, patience: 50 },
    ];
    const { cases, problems } = interleave({
      name: "two ADDs with one GUID",
      setting,
      verb: (story, fault) => story.add(c1, first, fault),
      meanwhile: (story) => story.add(c2, other),
      afterwards(story, ran, meanwhile) {
        const ends = [ran.end, meanwhile?.end];
        if (ends.filter((end) => end === "done").length !== 1) story.problems.push(`they ended: ${ends}`);
        story.mustDel(c2, other);
        story.mustDel(c1, first);
        story.requireAsBefore("after both DELs");
      },
    });
    expect(problems.slice(0, 5)).toEqual([]);
    expect(cases).toBeGreaterThan(50);
  },
);

test("a note that a lost record leaves keeps the GUID from nobody", () => {
  const story = new SimulatedNode({});
  const { files } = story.machine;
  files.makeDirectory(`${stateDirectory}/.guid`);
  files.write(`${stateDirectory}/.guid/${requestedGuid.replaceAll(":", "")}`, vf);
  story.mustAdd(c2, second);
  story.mustDel(c2, second);
  story.requireAsBefore("after DEL");
});
