// STATUS, with all its faults: it reports what would make an ADD fail, and changes nothing.
import { afterAll, expect, test } from "vitest";
import { status as statusVerb } from "../../../src/attachment/cni-verbs/status.ts";
import { ipamCallOfNetwork } from "../../../src/attachment/ipam/ipam.ts";
import { CniError, codes } from "../../../src/cni/errors.ts";
import { unobserved } from "../../support/unobserved.ts";
import { pf } from "../harness/default-node.ts";
import { faultsOf } from "../harness/faults.ts";
import type { Fault } from "../harness/gate.ts";
import { pluginPath } from "../harness/requests.ts";
import { messageChain, type Run, run } from "../harness/run.ts";
import { SimulatedNode } from "../harness/simulated-node.ts";
import { report } from "../harness/sweep.ts";

let total = 0;
afterAll(() => report("STATUS", total));

const plugin = `${pluginPath}/host-local`;

/** Runs STATUS of a network. */
function status(simulated: SimulatedNode, fault?: Fault, rdmaIsolation = false): Run {
  total++;
  const stdin = JSON.stringify({ cniVersion: "1.1.0", name: "mynet", ipam: { type: "host-local" } });
  const noPod = { containerId: "", ifname: "", netns: "" };
  const before = simulated.lines();
  const ran = run(
    simulated.machine,
    noPod,
    "STATUS",
    (node, warn) => {
      const ipam = ipamCallOfNetwork({ stdin, args: "", path: pluginPath });
      const deadline = node.clock.now() + 1000;
      statusVerb(node, { cniVersion: "1.1.0", rdmaIsolation, ipam, deadline, warn, observe: unobserved });
      return undefined;
    },
    fault,
  );
  simulated.requireUnchanged(before, "after STATUS");
  return ran;
}

/** Makes a node with an IPAM plugin that gives these answers. */
function answering(
  answers: Readonly<Record<string, readonly [status: number, stdout: object]>>,
): SimulatedNode {
  const simulated = new SimulatedNode({});
  simulated.machine.programs.set(plugin, (child) => {
    const [exit, stdout] = answers[child.environment.get("CNI_COMMAND") ?? ""] ?? [1, {}];
    child.exit(exit, JSON.stringify(stdout));
  });
  return simulated;
}

/** The answer of the CNI project's Go libraries from before CNI 1.1 to STATUS. */
const unknown = [1, { code: 3, msg: "missing containerID" }] as const;

test("a node with VFs is ready, without warnings", () => {
  expect(status(new SimulatedNode({}))).toMatchObject({ end: "done", warnings: [], violations: [] });
});

test("a node whose RDMA devices all containers share is not ready for a network that isolates them", () => {
  const { end, error } = status(new SimulatedNode({}), undefined, true);
  expect(end).toBe("failed");
  expect(error).toMatchObject({
    code: codes.notAvailable,
    message: expect.stringContaining("rdma system set netns exclusive"),
  });
  expect(status(new SimulatedNode({ rdma: "exclusive" }), undefined, true)).toMatchObject({ end: "done" });
});

test("a node without VFs is ready, and a warning reports that", () => {
  const simulated = new SimulatedNode({});
  simulated.changeNode((machine) => void machine.bus.removeVfs(pf));
  expect(status(simulated)).toMatchObject({
    end: "done",
    warnings: [expect.stringMatching(/no InfiniBand VF/)],
    violations: [],
  });
});

test("a node on which nothing was ever attached is ready", () => {
  const simulated = new SimulatedNode({});
  simulated.changeNode(({ files }) => {
    for (const path of [...files.texts.keys()]) if (path.includes("/ib-sriov/")) files.texts.delete(path);
    for (const path of [...files.directories]) if (path.includes("ib-sriov")) files.directories.delete(path);
  });
  expect(status(simulated)).toMatchObject({ end: "done", violations: [] });
});

test.each([
  ["does not have the IPAM plugin", undefined, codes.notAvailable, /failed to find plugin .*host-local/],
  [
    "has an IPAM plugin that is not ready",
    { STATUS: [1, { code: 50, msg: "full" }] },
    codes.notAvailable,
    /full/,
  ],
  ["has an IPAM plugin that fails", { STATUS: [1, { code: 7, msg: "bad" }] }, codes.notAvailable, /bad/],
  [
    "has an IPAM plugin that reports limited connectivity of pods",
    { STATUS: [1, { code: 51, msg: "half" }] },
    codes.notAvailableLimited,
    /half/,
  ],
  [
    "has an IPAM plugin that knows STATUS, and fails at it",
    { STATUS: unknown, VERSION: [0, { supportedVersions: ["1.0.0", "1.1.0"] }] },
    codes.notAvailable,
    /missing containerID/,
  ],
  [
    "has an IPAM plugin that is older than STATUS, and than the network's version",
    { STATUS: unknown, VERSION: [0, { supportedVersions: ["0.4.0", "1.0.0"] }] },
    codes.notAvailable,
    /host-local does not speak CNI 1\.1\.0.*0\.4\.0, 1\.0\.0/,
  ],
] as const)("a node that %s is not ready", (_, answers, code, pattern) => {
  const simulated = answers === undefined ? new SimulatedNode({}) : answering(answers);
  if (answers === undefined) simulated.machine.programs.delete(plugin);
  const { end, error, violations } = status(simulated);
  expect({ end, violations }).toEqual({ end: "failed", violations: [] });
  expect(error).toBeInstanceOf(CniError);
  expect(error).toMatchObject({ code });
  expect(messageChain(error)).toMatch(pattern);
});

test("51 of the IPAM plugin is the code also if the plugin itself has another problem", () => {
  const simulated = answering({ STATUS: [1, { code: 51, msg: "half" }] });
  const { error } = status(simulated, ({ call }) =>
    call === "files.requireWritable"
      ? { end: Object.assign(new Error("read-only"), { code: "EROFS" }) }
      : undefined,
  );
  expect(error).toMatchObject({ code: codes.notAvailableLimited });
  for (const text of ["half", "read-only"]) expect(messageChain(error)).toContain(text);
});

test("all problems are reported", () => {
  const simulated = new SimulatedNode({});
  simulated.machine.programs.delete(plugin);
  const { error } = status(simulated, ({ call }) =>
    call === "files.requireWritable"
      ? { end: Object.assign(new Error("read-only"), { code: "EROFS" }) }
      : undefined,
  );
  for (const text of ["cannot write to the state directory: read-only", "failed to find plugin"]) {
    expect(messageChain(error)).toContain(text);
  }
});

test("with every fault it reports that the node is not ready, and changes nothing", () => {
  const { calls } = status(new SimulatedNode({}));
  expect(calls.length).toBeLessThan(20);
  for (const each of faultsOf(calls)) {
    const { end, error, violations } = status(new SimulatedNode({}), each.fault);
    expect(violations, each.name).toEqual([]);
    if (end !== "failed") continue;
    expect(error, each.name).toMatchObject({ code: codes.notAvailable });
    if (each.expectedText !== undefined) expect(messageChain(error), each.name).toContain(each.expectedText);
  }
});
