// Whether a VF is in use, on the model: the evidence that is gathered, and when.
import { expect, test } from "vitest";
import { c1, c2, vf } from "../harness/default-node.ts";
import { SimulatedNode } from "../harness/simulated-node.ts";

const request = { vf };

/** Returns a node with an attachment whose namespace was deleted. */
function orphaned(): SimulatedNode {
  const simulated = new SimulatedNode({});
  simulated.mustAdd(c1, request);
  simulated.deleteNamespace(c1);
  simulated.machine.time.settle();
  return simulated;
}

const deviceOf = ({ machine }: SimulatedNode) => {
  const device = machine.bus.vf(vf, "its device").probed?.devices[0];
  if (device === undefined) throw new Error("no RDMA device");
  return device;
};

test.each<[string, (simulated: SimulatedNode) => () => void, RegExp]>([
  [
    "a process has a device file open",
    (simulated) => {
      const files = [`231:${192 + deviceOf(simulated).uverbs}`];
      const process = simulated.machine.startOther("trainer", { files });
      return () => simulated.machine.endOther(process);
    },
    /process \d+ \(trainer\) has \/dev\/infiniband\/uverbs\d+ open/,
  ],
  [
    "a process has queue pairs",
    (simulated) => {
      deviceOf(simulated).queuePairs.push({ pid: 4711, module: undefined });
      return () => deviceOf(simulated).endObjects();
    },
    /process 4711 has queue pairs on its RDMA device/,
  ],
  [
    "a process in another PID namespace has a context",
    (simulated) => {
      deviceOf(simulated).contexts = 1;
      return () => deviceOf(simulated).endObjects();
    },
    /a process uses its RDMA device/,
  ],
  [
    "a kernel module has queue pairs",
    (simulated) => {
      const device = deviceOf(simulated);
      device.queuePairs.push({ pid: undefined, module: "ib_core" }, { pid: undefined, module: "rdma_cm" });
      return () => device.queuePairs.splice(0);
    },
    /the kernel module rdma_cm uses its RDMA device/,
  ],
  [
    "the processes of the host are not visible",
    ({ machine }) => {
      machine.showsProcesses = false;
      return () => {
        machine.showsProcesses = true;
      };
    },
    /does not see the processes of the host.*hostPID: true/,
  ],
])("a VF whose container is gone is left by gc, GC and ADD if %s", (_, use, why) => {
  const simulated = orphaned();
  const end = use(simulated);
  expect(simulated.gc([]).warnings).toContainEqual(expect.stringMatching(why));
  simulated.gcOfAll();
  expect(simulated.records(vf)).toHaveLength(1);
  expect(simulated.add(c2, request)).toMatchObject({
    end: "failed",
    error: { code: 101, message: expect.stringMatching(why) },
  });
  expect(simulated.release(c1, { force: false })).toMatchObject({ end: "failed", error: { code: 101 } });
  end();
  simulated.mustGc([]);
  expect(simulated.records(vf)).toEqual([]);
});

test("an ADD of a free VF reads no process", () => {
  const simulated = new SimulatedNode({});
  const calls = simulated.mustAdd(c1, request).calls.map(({ call }) => call);
  for (const costly of ["processes.openersOf", "namespaces.processIn", "rdma.queuePairs"])
    expect(calls).not.toContain(costly);
  simulated.mustDel(c1, request);
});

test("DEL rebinds a VF whose RDMA device a process uses", () => {
  const simulated = new SimulatedNode({});
  simulated.mustAdd(c1, request);
  deviceOf(simulated).contexts = 1;
  expect(simulated.del(c1, request).warnings).toContainEqual(
    expect.stringMatching(/a process still uses the RDMA device .* bound again/),
  );
  expect(deviceOf(simulated).contexts).toBe(0);
});
