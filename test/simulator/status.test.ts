// STATUS, with everything that can befall it: it says what is in the way of an ADD, and changes nothing.
import { afterAll, expect, test } from "vitest";
import { ipamCallOfNetwork } from "../../src/attachment/ipam/ipam.ts";
import { status as statusVerb } from "../../src/attachment/verbs/status.ts";
import { CniError, codes } from "../../src/cni/errors.ts";
import { unobserved } from "../support/unobserved.ts";
import { pf } from "./harness/default-node.ts";
import { faultsOf } from "./harness/faults.ts";
import { pluginPath } from "./harness/requests.ts";
import { messageChain, type Run, run } from "./harness/run.ts";
import { SimulatedNode } from "./harness/simulated-node.ts";
import { report } from "./harness/test-scenarios.ts";
import type { Fault } from "./node/gate.ts";

let total = 0;
afterAll(() => report("STATUS", total));

const plugin = `${pluginPath}/host-local`;

/** STATUS of a network on a node. */
function status(story: SimulatedNode, fault?: Fault, rdmaIsolation = false): Run {
  total++;
  const stdin = JSON.stringify({ cniVersion: "1.1.0", name: "mynet", ipam: { type: "host-local" } });
  const nobody = { containerId: "", ifname: "", netns: "" };
  const before = story.lines();
  const ran = run(
    story.machine,
    nobody,
    "STATUS",
    (node, warn) => {
      const ipam = ipamCallOfNetwork({ stdin, args: "", path: pluginPath });
      const deadline = node.clock.now() + 1000;
      statusVerb(node, { cniVersion: "1.1.0", rdmaIsolation, ipam, deadline, warn, observe: unobserved });
      return undefined;
    },
    fault,
  );
  story.requireUnchanged(before, "after STATUS");
  return ran;
}

/** An IPAM plugin that answers so. */
function answering(
  answers: Readonly<Record<string, readonly [status: number, stdout: object]>>,
): SimulatedNode {
  const story = new SimulatedNode({});
  story.machine.programs.set(plugin, (child) => {
    const [exit, stdout] = answers[child.environment.get("CNI_COMMAND") ?? ""] ?? [1, {}];
    child.exit(exit, JSON.stringify(stdout));
  });
  return story;
}

/** What the Go libraries of before CNI 1.1 say to STATUS. */
const unknown = [1, { code: 3, msg: "missing containerID" }] as const;

test("a node with VFs is ready, and nothing is to be said of it", () => {
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

test("a node without VFs is ready, and it is logged", () => {
  const story = new SimulatedNode({});
  story.happens((machine) => void machine.bus.removeVfs(pf));
  expect(status(story)).toMatchObject({
    end: "done",
    warnings: [expect.stringMatching(/no InfiniBand VF/)],
    violations: [],
  });
});

test("a node on which nothing was ever attached is ready", () => {
  const story = new SimulatedNode({});
  story.happens(({ files }) => {
    for (const path of [...files.texts.keys()]) if (path.includes("/ib-sriov/")) files.texts.delete(path);
    for (const path of [...files.directories]) if (path.includes("ib-sriov")) files.directories.delete(path);
  });
  expect(status(story)).toMatchObject({ end: "done", violations: [] });
});

test.each([
  ["has no such IPAM plugin", undefined, codes.notAvailable, /failed to find plugin .*host-local/],
  ["has one that is not ready", { STATUS: [1, { code: 50, msg: "full" }] }, codes.notAvailable, /full/],
  ["has one that fails", { STATUS: [1, { code: 7, msg: "bad" }] }, codes.notAvailable, /bad/],
  [
    "has one that says that pods have limited connectivity",
    { STATUS: [1, { code: 51, msg: "half" }] },
    codes.notAvailableLimited,
    /half/,
  ],
  [
    "has one that is young enough for STATUS, and fails at it",
    { STATUS: unknown, VERSION: [0, { supportedVersions: ["1.0.0", "1.1.0"] }] },
    codes.notAvailable,
    /missing containerID/,
  ],
  [
    "has one that is older than STATUS, and than the network's version",
    { STATUS: unknown, VERSION: [0, { supportedVersions: ["0.4.0", "1.0.0"] }] },
    codes.notAvailable,
    /host-local does not speak CNI 1\.1\.0.*0\.4\.0, 1\.0\.0/,
  ],
] as const)("a node that %s is not ready", (_, answers, code, says) => {
  const story = answers === undefined ? new SimulatedNode({}) : answering(answers);
  if (answers === undefined) story.machine.programs.delete(plugin);
  const { end, error, violations } = status(story);
  expect({ end, violations }).toEqual({ end: "failed", violations: [] });
  expect(error).toBeInstanceOf(CniError);
  expect(error).toMatchObject({ code });
  expect(messageChain(error)).toMatch(says);
});

test("everything that is in the way is told", () => {
  const story = new SimulatedNode({});
  story.machine.programs.delete(plugin);
  const { error } = status(story, ({ call }) =>
    call === "files.requireWritable"
      ? { end: Object.assign(new Error("read-only"), { code: "EROFS" }) }
      : undefined,
  );
  for (const text of ["cannot write to the state directory: read-only", "failed to find plugin"]) {
    expect(messageChain(error)).toContain(text);
  }
});

test("whatever befalls it, it says that it is not ready, and changes nothing", () => {
  const { crossings } = status(new SimulatedNode({}));
  expect(crossings.length).toBeLessThan(20);
  for (const each of faultsOf(crossings)) {
    const { end, error, violations } = status(new SimulatedNode({}), each.fault);
    expect(violations, each.name).toEqual([]);
    if (end !== "failed") continue;
    expect(error, each.name).toMatchObject({ code: codes.notAvailable });
    if (each.mustTell !== undefined) expect(messageChain(error), each.name).toContain(each.mustTell);
  }
});
