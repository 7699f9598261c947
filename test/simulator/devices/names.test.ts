// Names of netdevs and RDMA devices, which udev changes at any moment, and which the kernel assigns again with each
// rebind and each move.
import { afterAll, describe, expect, test } from "vitest";
import { CniError, codes } from "../../../src/cni/errors.ts";
import { guid } from "../../support/records.ts";
import { everything, isolated, kernels, requests } from "../harness/common-requests.ts";
import { c1, c2, freshVf, vf } from "../harness/default-node.ts";
import { driver } from "../harness/prepare.ts";
import { messageChain } from "../harness/run.ts";
import { SimulatedNode } from "../harness/simulated-node.ts";
import { report } from "../harness/sweep.ts";
import { addAltnames } from "../model/link-requests.ts";
import { Refusal } from "../model/refusal.ts";

/** Longest delay, ms: every call takes 1 ms, so that each gap between two calls of either verb has a delay. */
const LONGEST = 120;
/** Further delays, of a udev that renames after the end of the verb. */
const late = [200, 500, 1_000, 1_900, 2_500, 4_100, 8_000];

describe("a udev", () => {
  let total = 0;
  afterAll(() => report("udev", total));
  const delays = [...Array.from({ length: LONGEST }, (_, delay) => delay), ...late];

  test.each([
    ["on a kernel that renames only netdevs that are down", {}],
    ["on a kernel that renames any netdev", { renamesUp: true }],
    ["seen from a container that does not have the host's /run", { withoutRun: true }],
  ])("that renames at any moment, %s", (_, setting) => {
    for (const udev of delays) {
      total++;
      const simulated = new SimulatedNode({ udev, ...setting });
      // Plugin and udev must not rename a device at the same time: if there is a udev, the plugin waits for it.
      const ran = [simulated.mustAdd(c1, everything), simulated.del(c1, everything)];
      const renames = ran
        .flatMap(({ calls }) => calls)
        .filter(
          (each) =>
            each.call === "rdma.rename" || (each.call === "links.set" && each.subject.includes("name")),
        );
      expect(renames, `udev after ${udev} ms`).toEqual([]);
      simulated.requireAsBefore("after DEL");
      expect(simulated.problems, `udev after ${udev} ms`).toEqual([]);
    }
  });

  test("gives a netdev that returns to the host its alternative name, at any moment", () => {
    const calls = (() => {
      const simulated = new SimulatedNode({});
      simulated.mustAdd(c1, { vf });
      return simulated.del(c1, { vf }).calls;
    })();
    for (const { at, call } of calls) {
      total++;
      const simulated = new SimulatedNode({});
      const { host } = simulated.machine;
      simulated.changeNode((machine) => {
        for (const [, netdev] of machine.host.ofFunction(vf)) addAltnames(machine.host, netdev, ["another"]);
      });
      simulated.mustAdd(c1, { vf });
      const { warnings } = simulated.del(c1, { vf }, (nodeCall) => {
        const [found] = host.ofFunction(vf);
        if (nodeCall.at === at && found !== undefined && !found[1].altnames.includes("another"))
          addAltnames(host, found[1], ["another"]);
        return undefined;
      });
      simulated.requireAsBefore(`after DEL, with a udev before call ${at}, ${call}`);
      expect([...simulated.problems, ...warnings]).toEqual([]);
    }
  });

  test("does not matter for a VF that is not rebound", () => {
    for (const { request, setting } of requests().filter((each) => each.request.guid === undefined)) {
      total++;
      const simulated = new SimulatedNode({ ...setting, udev: 5 });
      simulated.mustAdd(c1, request);
      simulated.mustDel(c1, request);
      simulated.requireAsBefore("after DEL");
    }
  });
});

/** Returns the VF's RDMA devices. */
const devicesOf = ({ machine }: SimulatedNode) => machine.bus.vf(vf, "look at it").probed?.devices ?? [];

describe("a VF whose numbers below /dev/infiniband would change, because lower ones are free,", () => {
  test.each([
    ["with its GUID, by a rebind", { ...everything, vf: freshVf }, {}],
    ["with its RDMA device, by a move", { vf: freshVf, rdmaIsolation: true }, { rdma: "exclusive" }],
  ] as const)("is not attached %s, and the error reports the cause", (_, request, setting) => {
    const simulated = new SimulatedNode(setting);
    // ADD would refuse a VF without a GUID.
    simulated.changeNode(({ bus }) => {
      const target = bus.vf(freshVf, "set it up");
      target.adminNodeGuid = target.adminPortGuid = guid("0a:00:00:00:00:00:00:09");
      bus.unbind(freshVf, driver);
      bus.bind(freshVf, driver);
    });
    // Another VF, whose numbers are lower, loses its driver.
    simulated.changeNode(({ bus }) => bus.unbind(vf, driver));
    const { end, error } = simulated.add(c1, request);
    expect(end).toBe("failed");
    expect(error).toBeInstanceOf(CniError);
    expect(error).toMatchObject({
      code: codes.node,
      message: expect.stringMatching(/had uverbs2, umad2, and now it has uverbs0, umad0.*device plugin/),
    });
    expect(simulated.machine.host.ofFunction(freshVf)).toHaveLength(1);
    expect(simulated.lines().filter((line) => line.includes("c1-net1") || line.includes("of c1 "))).toEqual(
      [],
    );
    // The container keeps the files that it was given, until it is deleted.
    expect(messageChain(simulated.add(c1, request).error)).toMatch(
      /had uverbs2, umad2, and now it has uverbs0/,
    );
    simulated.mustDel(c1, request);
    expect(simulated.add(c2, request).end).toBe("done");
  });
});

describe("a name", () => {
  test("that a container has given to its RDMA device is not kept on the host", () => {
    const simulated = new SimulatedNode({ rdma: "exclusive", rdmaDevices: 2 });
    const request = { vf, rdmaIsolation: true } as const;
    simulated.mustAdd(c1, request);
    for (const device of devicesOf(simulated)) device.name = `mine${device.index}`;
    simulated.mustDel(c1, request);
    simulated.requireAsBefore("after DEL");
  });

  // Sysfs does not show a device of such a name.
  test.each(["..", ".", "a/b"])(
    "%s of an RDMA device is replaced by the original one, also by ADD of an orphan's VF",
    (name) => {
      const cases = [
        [
          { rdma: "exclusive", rdmaDevices: 2 },
          { vf, rdmaIsolation: true },
        ],
        [{ rdma: "exclusive" }, { ...everything, rdmaIsolation: true }],
        [{}, { vf }],
        [{}, everything],
      ] as const;
      for (const [setting, request] of cases) {
        for (const end of ["DEL", "DEL without a namespace", "ADD"]) {
          const simulated = new SimulatedNode(setting);
          simulated.mustAdd(c1, request);
          for (const device of devicesOf(simulated)) device.name = device.index % 2 ? name : `${name}/`;
          if (end !== "DEL") simulated.deleteNamespace(c1);
          if (end === "ADD") simulated.mustAdd(c2, request);
          simulated.mustDel(end === "ADD" ? c2 : c1, request);
          simulated.requireAsBefore(`after ${end}`);
        }
      }
    },
  );

  test("of an RDMA device, such as .., gets another if the original one is taken", () => {
    const simulated = new SimulatedNode({});
    simulated.mustAdd(c1, { vf });
    const otherDevice = simulated.machine.bus.vf(freshVf, "look at it").probed?.devices[0];
    const own = devicesOf(simulated)[0];
    if (otherDevice === undefined || own === undefined) throw new Error("the VFs have no RDMA devices");
    [own.name, otherDevice.name] = ["..", own.name];
    const { end, warnings } = simulated.del(c1, { vf });
    expect(end).toBe("done");
    expect(own.name).toBe(`rdma${own.index}`);
    expect(warnings).toContainEqual(expect.stringMatching(/^cannot rename RDMA device rdma\d+ .*EEXIST/));
    simulated.expectProblems(expect.stringMatching(/rdma/));
  });

  test(".. of the RDMA device of a VF without a record: ADD refuses the VF, and the error names a remedy", () => {
    const simulated = new SimulatedNode({});
    const [own] = devicesOf(simulated);
    if (own === undefined) throw new Error("the VF has no RDMA device");
    own.name = "..";
    expect(simulated.add(c1, { vf }).error).toMatchObject({
      message: expect.stringMatching(/has the name "\.\.".*ib-sriov bind/),
    });
    simulated.expectProblems(expect.stringMatching(/rdma/));
  });

  test("that another device has is not restored, and a warning reports that", () => {
    const simulated = new SimulatedNode({});
    simulated.mustAdd(c1, everything);
    const otherDevice = simulated.machine.bus.vf(freshVf, "look at it").probed?.devices[0];
    const own = devicesOf(simulated)[0];
    if (otherDevice === undefined || own === undefined) throw new Error("the VFs have no RDMA devices");
    [own.name, otherDevice.name] = ["mlx5_9", own.name];
    const { end, warnings } = simulated.del(c1, everything);
    expect(end).toBe("done");
    expect(warnings).toContainEqual(expect.stringMatching(/^cannot rename RDMA device .*EEXIST/));
    const swapped =
      /^at the end .*:\n +- vf \S+10\.0 .* rdma ibp1s0f0v0 .*\n +- vf \S+10\.4 .* rdma mlx5_2 .*\n +\+ vf \S+10\.0 .* rdma mlx5_0 .*\n +\+ vf \S+10\.4 .* rdma ibp1s0f0v0 .*$/;
    simulated.expectProblems(expect.stringMatching(swapped));
  });

  // rdma_rename would not recognize the VF if the plugin renamed its device at the same time.
  test.each([500, 4_000, 8_000])("that udev is about to restore, in %i ms, is left to udev", (udev) => {
    const simulated = new SimulatedNode({ udev });
    const ran = [simulated.mustAdd(c1, everything), simulated.del(c1, everything)];
    const renames = ran.flatMap(({ calls }) => calls).filter(({ call }) => call === "rdma.rename");
    expect(renames).toEqual([]);
    simulated.requireAsBefore("after DEL");
  });

  test("that udev does not restore is restored, even if udev is always busy with other devices", () => {
    const simulated = new SimulatedNode({});
    simulated.changeNode(({ files }) => {
      files.makeDirectory("/run/udev");
      for (const name of ["control", "queue"]) files.write(`/run/udev/${name}`, "");
    });
    const start = simulated.machine.time.now;
    simulated.mustAdd(c1, everything);
    simulated.mustDel(c1, everything);
    // Each of the two rebinds waits for the RDMA device, and DEL also waits for the netdev.
    expect(simulated.machine.time.now - start).toBeLessThan(3 * 20_000 + 5_000);
    simulated.requireAsBefore("after DEL");
  });
});

describe("the namespace mode", () => {
  test("shared: isolation is refused, and the error names a temporary and a permanent remedy", () => {
    const simulated = new SimulatedNode({});
    const { end, error } = simulated.add(c1, isolated);
    expect(end).toBe("failed");
    expect(error).toMatchObject({
      message: expect.stringMatching(/rdma system set netns exclusive.*netns_mode=0/),
    });
    simulated.requireAsBefore("after ADD");
  });

  test("exclusive: without isolation a warning reports that the container cannot use its RDMA device", () => {
    const simulated = new SimulatedNode({ rdma: "exclusive" });
    expect(simulated.mustAdd(c1, everything).warnings).toEqual([
      expect.stringMatching(/EPERM.*rdmaIsolation/),
    ]);
  });

  test("an ADD without a problem does not warn", () => {
    expect(new SimulatedNode({}).mustAdd(c1, everything).warnings).toEqual([]);
    expect(new SimulatedNode({ rdma: "exclusive" }).mustAdd(c1, isolated).warnings).toEqual([]);
  });
});

test.each(Object.entries(kernels))(
  "if the second RDMA device cannot be moved, the first returns (%s)",
  (_, setting) => {
    const simulated = new SimulatedNode({ ...setting, rdmaDevices: 2 });
    let moves = 0;
    const { end } = simulated.add(c1, { vf, rdmaIsolation: true }, ({ call }) =>
      call === "rdma.move" && ++moves === 2 ? { end: new Refusal("EBUSY", "move") } : undefined,
    );
    expect([end, moves]).toEqual(["failed", 2 + 1]);
    expect(devicesOf(simulated).map(({ where }) => where)).toEqual([
      simulated.machine.host,
      simulated.machine.host,
    ]);
    simulated.requireAsBefore("after ADD");
  },
);
