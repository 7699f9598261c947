// A GUID serves one port: ADD refuses a GUID that another attachment has, or that another function runs with.
import { expect, test } from "vitest";
import { STATE_DIRECTORY } from "../../../src/attachment/record/state-directory.ts";
import { codes } from "../../../src/cni/errors.ts";
import { everything, requestedGuid } from "../harness/common-requests.ts";
import { c1, c2, freshVf, ownGuids, pf, type Setting, vf } from "../harness/default-node.ts";
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

test("a GUID file that a lost record leaves behind does not reserve the GUID", () => {
  const simulated = new SimulatedNode({});
  const { files } = simulated.machine;
  files.makeDirectory(`${STATE_DIRECTORY}/.guid`);
  files.write(`${STATE_DIRECTORY}/.guid/${requestedGuid.replaceAll(":", "")}`, vf);
  simulated.mustAdd(c2, second);
  simulated.mustDel(c2, second);
  simulated.requireAsBefore("after DEL");
});
