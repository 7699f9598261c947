// Names and numbers of RDMA devices, which the kernel gives anew with each rebind and each move.
import { describe, expect, test } from "vitest";
import { CniError, codes } from "../../src/cni/errors.ts";
import { guid } from "../support/records.ts";
import { c1, freshVf, vf } from "./harness/default-node.ts";
import { driver } from "./harness/prepare.ts";
import { SimulatedNode } from "./harness/simulated-node.ts";
import { Refusal } from "./model/refusal.ts";
import { isolated, kernels } from "./scenarios/isolation.ts";
import { everything } from "./scenarios/requests.ts";

/** The VF's RDMA devices. */
const devicesOf = ({ machine }: SimulatedNode) => machine.bus.vf(vf, "look at it").probed?.devices ?? [];

describe("a VF whose numbers below /dev/infiniband would change, since lower ones are free,", () => {
  test.each([
    ["with its GUID, by a rebind", { ...everything, vf: freshVf }, {}],
    ["with its RDMA device, by a move", { vf: freshVf, rdmaIsolation: true }, { rdma: "exclusive" }],
  ] as const)("is not attached %s, and the error says why", (_, wish, setting) => {
    const story = new SimulatedNode(setting);
    // Else it could not be had without a GUID.
    story.happens(({ bus }) => {
      const target = bus.vf(freshVf, "set it up");
      target.adminNodeGuid = target.adminPortGuid = guid("0a:00:00:00:00:00:00:09");
      bus.unbind(freshVf, driver);
      bus.bind(freshVf, driver);
    });
    // Somebody takes another VF's driver away, whose numbers are lower.
    story.happens(({ bus }) => bus.unbind(vf, driver));
    const { end, error } = story.add(c1, wish);
    expect(end).toBe("failed");
    expect(error).toBeInstanceOf(CniError);
    expect(error).toMatchObject({
      code: codes.node,
      message: expect.stringMatching(/had uverbs2, umad2, and now it has uverbs0, umad0.*device plugin/),
    });
    expect(story.machine.host.ofFunction(freshVf)).toHaveLength(1);
    expect(story.lines().filter((line) => line.includes("c1-net1") || line.includes("of c1 "))).toEqual([]);
    // What it has now it keeps: the next one can have it.
    expect(story.add(c1, wish).end).toBe("done");
  });
});

describe("a name", () => {
  test("that a container has given to its RDMA device is not brought home", () => {
    const story = new SimulatedNode({ rdma: "exclusive", rdmaDevices: 2 });
    const wish = { vf, rdmaIsolation: true } as const;
    story.mustAdd(c1, wish);
    for (const device of devicesOf(story)) device.name = `mine${device.index}`;
    story.mustDel(c1, wish);
    story.requireAsBefore("after DEL");
  });

  test("that somebody else has by now is not given back, and the operator is told", () => {
    const story = new SimulatedNode({});
    story.mustAdd(c1, everything);
    const theirs = story.machine.bus.vf(freshVf, "look at it").probed?.devices[0];
    const own = devicesOf(story)[0];
    if (theirs === undefined || own === undefined) throw new Error("there are no RDMA devices");
    [own.name, theirs.name] = ["mlx5_9", own.name];
    const { end, warnings } = story.del(c1, everything);
    expect(end).toBe("done");
    expect(warnings).toContainEqual(expect.stringMatching(/^cannot give the RDMA device .*EEXIST/));
    const swapped =
      /^at the end .*:\n +- vf \S+10\.0 .* rdma ibp1s0f0v0 .*\n +- vf \S+10\.4 .* rdma mlx5_2 .*\n +\+ vf \S+10\.0 .* rdma mlx5_0 .*\n +\+ vf \S+10\.4 .* rdma ibp1s0f0v0 .*$/;
    story.expectProblems(expect.stringMatching(swapped));
  });

  test("that udev is about to give is waited for", () => {
    const story = new SimulatedNode({ udev: 500 });
    const ran = [story.mustAdd(c1, everything), story.del(c1, everything)];
    const renames = ran.flatMap(({ crossings }) => crossings).filter(({ call }) => call === "rdma.rename");
    expect(renames).toEqual([]);
    story.requireAsBefore("after DEL");
  });
});

describe("the namespace mode", () => {
  test("shared: isolation is refused, with the remedy for now and for good", () => {
    const story = new SimulatedNode({});
    const { end, error } = story.add(c1, isolated);
    expect(end).toBe("failed");
    expect(error).toMatchObject({
      message: expect.stringMatching(/rdma system set netns exclusive.*netns_mode=0/),
    });
    story.requireAsBefore("after ADD");
  });

  test("exclusive: without isolation the operator is told that the container has no use of its RDMA device", () => {
    const story = new SimulatedNode({ rdma: "exclusive" });
    expect(story.mustAdd(c1, everything).warnings).toEqual([expect.stringMatching(/EPERM.*rdmaIsolation/)]);
  });

  test("nobody is told anything where all is as it should be", () => {
    expect(new SimulatedNode({}).mustAdd(c1, everything).warnings).toEqual([]);
    expect(new SimulatedNode({ rdma: "exclusive" }).mustAdd(c1, isolated).warnings).toEqual([]);
  });
});

test.each(Object.entries(kernels))("of two RDMA devices one cannot be moved: none is (%s)", (_, setting) => {
  const story = new SimulatedNode({ ...setting, rdmaDevices: 2 });
  let moves = 0;
  const { end } = story.add(c1, { vf, rdmaIsolation: true }, ({ call }) =>
    call === "rdma.move" && ++moves === 2 ? { end: new Refusal("EBUSY", "move") } : undefined,
  );
  expect([end, moves]).toEqual(["failed", 2 + 1]);
  expect(devicesOf(story).map(({ where }) => where)).toEqual([story.machine.host, story.machine.host]);
  story.requireAsBefore("after ADD");
});
