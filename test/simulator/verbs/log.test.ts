// The log entry and the counters of a call. Their faults do not change the call.
import { afterAll, describe, expect, test } from "vitest";
import { add as addVerb } from "../../../src/attachment/cni-verbs/add.ts";
import { del as delVerb } from "../../../src/attachment/cni-verbs/del.ts";
import { STATE_DIRECTORY } from "../../../src/attachment/record/state-directory.ts";
import { COUNTERS_BYTES, sumOf } from "../../../src/log/counters.ts";
import type { LogConfig } from "../../../src/log/log-config.ts";
import { Trace } from "../../../src/log/trace.ts";
import { writeLogEntry } from "../../../src/log/write-entry.ts";
import { everything, partition, partitioned, requestedGuid } from "../harness/common-requests.ts";
import { c1, c2, deviceInfo, pf, type Setting } from "../harness/default-node.ts";
import { faultsOf, killAt, refuseAt } from "../harness/faults.ts";
import type { Fault } from "../harness/gate.ts";
import {
  type AttachmentRequest,
  addRequest,
  delRequest,
  environmentOf,
  type Pod,
} from "../harness/requests.ts";
import { type Run, run, type Verb } from "../harness/run.ts";
import { SimulatedNode } from "../harness/simulated-node.ts";
import { report } from "../harness/sweep.ts";

let total = 0;
afterAll(() => report("log", total));

const journal: LogConfig = { level: "info", file: undefined, warnings: [] };
const file: LogConfig = { ...journal, file: "/var/log/ib-sriov.log" };
const counters = `${STATE_DIRECTORY}/.calls`;

/** Runs a verb with its log entry, as the plugin does, in a new process. */
function logged(
  simulated: SimulatedNode,
  command: "ADD" | "DEL",
  log = journal,
  fault?: Fault,
  pod: Pod = c1,
  request: AttachmentRequest = everything,
): Run {
  total++;
  const environment = new Map(
    environmentOf(pod, command).map((each) => [
      each.slice(0, each.indexOf("=")),
      each.slice(each.indexOf("=") + 1),
    ]),
  );
  const verb: Verb = (node, warn, answer) => {
    const trace = new Trace(node.clock);
    let error: unknown;
    try {
      const { observe } = trace;
      if (command === "ADD") addVerb(node, { ...addRequest(node, pod, request, warn), observe }, answer);
      else delVerb(node, { ...delRequest(node, pod, request, warn), observe });
    } catch (cause) {
      error = cause;
      throw cause;
    } finally {
      const network = { name: "mynet", deviceID: request.vf };
      const trouble = writeLogEntry(
        node,
        { getenv: (name) => environment.get(name), network, trace, error },
        log,
      );
      if (trouble !== undefined) warn(trouble);
    }
  };
  return run(simulated.machine, pod, command, verb, fault);
}

/** Returns the sums of the file of the counters. */
const countedIn = (simulated: SimulatedNode): Record<string, number[]> =>
  Object.fromEntries(sumOf(simulated.machine.files.texts.get(counters) ?? ""));

/** Returns the number of calls of a verb. */
const callsIn = (numbers: Record<string, number[]>, verb: string): number =>
  (numbers[verb] ?? []).slice(1).reduce((all, each) => all + each, 0);

/** Returns the members of the journal's last entry. */
function lastEntry(simulated: SimulatedNode): Record<string, string> {
  const lines = (simulated.machine.journal.at(-1) ?? "").trimEnd().split("\n");
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
}

const stepsOf = (entry: Record<string, string>, action: string): string[] =>
  JSON.parse(entry.CNI_STEPS ?? "[]").flatMap((each: { step: string; action: string }) =>
    each.action === action ? [each.step] : [],
  );

describe("an entry", () => {
  test("of ADD has its steps and its waits with their durations; that of DEL, too", () => {
    const simulated = new SimulatedNode({ slowIpam: 500 });
    expect(logged(simulated, "ADD")).toMatchObject({ end: "done", warnings: [] });
    const added = lastEntry(simulated);
    expect(added).toMatchObject({
      PRIORITY: "6",
      CNI_COMMAND: "ADD",
      CNI_VF: everything.vf,
      CNI_GUID: everything.guid,
    });
    expect(stepsOf(added, "apply")).toEqual(
      "lease,link state,GUID,RDMA device,interface,addresses".split(","),
    );
    const steps = JSON.parse(added.CNI_STEPS ?? "") as { step: string; action: string; ms: number }[];
    // In the model each call takes 1 ms, also a call that gets a lock at once.
    const waits = steps.filter(({ action, ms }) => action === "wait" && ms > 10);
    expect(waits.map(({ step }) => step)).toEqual(["driver unbind", "driver bind", "IPAM plugin host-local"]);
    const ms = (name: string) => steps.find(({ step }) => step === name)?.ms ?? 0;
    expect(ms("addresses")).toBeGreaterThan(ms("IPAM plugin host-local"));
    // The waits are parts of the steps.
    const applied = steps.filter(({ action }) => action === "apply");
    expect(applied.reduce((sum, each) => sum + each.ms, 0)).toBeLessThan(Number(added.CNI_MS));
    expect(logged(simulated, "DEL").end).toBe("done");
    expect(stepsOf(lastEntry(simulated), "undo")).toContain("GUID");
    expect(lastEntry(simulated)).toMatchObject({ CNI_COMMAND: "DEL", CNI_GUID: everything.guid });
    simulated.requireAsBefore("after DEL");
  });

  test.each<[what: string, request: AttachmentRequest, setting: Setting, steps: string]>([
    ["no settings", { vf: everything.vf }, {}, "GUID,RDMA device,interface,addresses"],
    [
      "everything",
      { ...everything, mtu: 1700, carrierTime: 5_000, deviceInfo, partition },
      partitioned,
      "lease,link state,GUID,partition,RDMA device,device information,interface,carrier,addresses",
    ],
  ])(
    "of an ADD with %s has its steps in the order of ADD; DEL undoes no others, except what a container can change",
    (_, request, setting, steps) => {
      const simulated = new SimulatedNode(setting);
      expect(logged(simulated, "ADD", journal, undefined, c1, request)).toMatchObject({
        end: "done",
        warnings: [],
      });
      expect(stepsOf(lastEntry(simulated), "apply")).toEqual(steps.split(","));
      expect(logged(simulated, "DEL", journal, undefined, c1, request).end).toBe("done");
      const undone = [...steps.split(","), "netdev settings", "host netdev"];
      expect(undone).toEqual(expect.arrayContaining(stepsOf(lastEntry(simulated), "undo")));
      simulated.requireAsBefore("after DEL");
    },
  );

  test("of a DEL whose VF was created again still contains the GUID, although only the lease is released", () => {
    const simulated = new SimulatedNode({});
    const request = { vf: everything.vf, guid: requestedGuid };
    expect(logged(simulated, "ADD", journal, undefined, c1, request).end).toBe("done");
    simulated.changeNode(({ bus }) => bus.recreateVfs(pf));
    expect(logged(simulated, "DEL", journal, undefined, c1, request).end).toBe("done");
    expect(stepsOf(lastEntry(simulated), "undo")).toEqual(["lease"]);
    expect(lastEntry(simulated)).toMatchObject({ CNI_COMMAND: "DEL", CNI_GUID: request.guid });
  });

  test("of an ADD that failed names the step, and what was restored", () => {
    const simulated = new SimulatedNode({});
    const ran = logged(simulated, "ADD", journal, refuseAt("links.move", "EBUSY"));
    expect(ran.end).toBe("failed");
    const entry = lastEntry(simulated);
    expect(entry).toMatchObject({
      PRIORITY: "3",
      MESSAGE: expect.stringMatching(/^ADD c1 net1 .*failed with code 100: .*EBUSY/),
    });
    expect(JSON.parse(entry.CNI_STEPS ?? "")).toContainEqual({
      step: "interface",
      action: "apply",
      ms: expect.any(Number),
      failed: 1,
    });
    expect(stepsOf(entry, "undo")).toContain("GUID");
  });

  test("names the lock for which the call waited", () => {
    const simulated = new SimulatedNode({ slowIpam: 2_000 });
    let waited: Record<string, string> = {};
    logged(simulated, "ADD", journal, ({ call }) => {
      if (call === "child.wait" && simulated.machine.journal.length === 0) {
        logged(simulated, "ADD", journal, undefined, c2, { ...everything, timeout: 50 });
        waited = lastEntry(simulated);
      }
      return undefined;
    });
    expect(stepsOf(waited, "wait")).toEqual([`VF ${everything.vf}`]);
    expect(waited.MESSAGE).toContain("failed with code 11");
  });

  test("goes to the configured file, and is omitted below the configured level", () => {
    const simulated = new SimulatedNode({});
    logged(simulated, "ADD", file);
    logged(simulated, "DEL", file);
    const lines = (simulated.machine.logs.get("/var/log/ib-sriov.log") ?? "").trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line).command)).toEqual(["ADD", "DEL"]);
    logged(simulated, "ADD", { ...journal, level: "warning" });
    logged(simulated, "DEL", { ...journal, level: "error" });
    expect(simulated.machine.journal).toEqual([]);
  });
});

test("calls are counted", () => {
  const simulated = new SimulatedNode({});
  logged(simulated, "ADD");
  logged(simulated, "DEL");
  logged(simulated, "DEL");
  const numbers = countedIn(simulated);
  expect(numbers).toMatchObject({
    "apply GUID": [1, 0, expect.any(Number)],
    "undo GUID": [1, 0, expect.any(Number)],
  });
  expect([callsIn(numbers, "ADD"), callsIn(numbers, "DEL")]).toEqual([1, 2]);
});

test.each([
  ["the journal", journal],
  ["a file", file],
])("with every fault of %s and the counters, ADD succeeds, and DEL restores the node", (_, log) => {
  const before = new SimulatedNode({});
  const whole = logged(before, "ADD", log);
  const begin = whole.calls.findLastIndex(({ call }) => call === "answer") + 1;
  const end = whole.calls.slice(begin);
  const cases = faultsOf(end);
  for (const call of ["files.addLine", "logs."])
    expect(cases.filter(({ name, kills }) => !kills && name.includes(call)).length, call).toBeGreaterThan(0);
  for (const each of cases) {
    const simulated = new SimulatedNode({});
    expect(`${each.name}: ${logged(simulated, "ADD", log, each.fault).end}`).toBe(
      `${each.name}: ${each.kills ? "killed" : "done"}`,
    );
    simulated.mustDel(c1, everything);
    simulated.requireAsBefore(each.name);
  }
});

test("counters that another process has locked for too long stay as they are", () => {
  const simulated = new SimulatedNode({});
  logged(simulated, "ADD");
  const counts = simulated.machine.files.texts.get(counters);
  const ran = logged(simulated, "DEL", journal, ({ call, subject }) =>
    call === "files.addLine" && subject === counters ? { part: "time is up", end: "return" } : undefined,
  );
  expect(ran.end).toBe("done");
  expect(simulated.machine.files.texts.get(counters)).toBe(counts);
  expect(lastEntry(simulated)).toMatchObject({ CNI_COMMAND: "DEL" });
});

test("a damaged line does not affect other lines", () => {
  const simulated = new SimulatedNode({});
  simulated.machine.files.makeDirectory(STATE_DIRECTORY);
  simulated.machine.files.write(counters, '{"ADD":[1,2\n{"DEL":[3,1]}\n');
  logged(simulated, "ADD");
  expect([callsIn(countedIn(simulated), "ADD"), countedIn(simulated).DEL]).toEqual([1, [3, 1]]);
});

describe("a full file", () => {
  const full = '{"ADD":[1000,1],"apply GUID":[1,0,7]}\n'.repeat(COUNTERS_BYTES / 38);
  const before = full.split("\n").length - 1;
  const fullLogNode = () => {
    const simulated = new SimulatedNode({});
    simulated.machine.files.makeDirectory(STATE_DIRECTORY);
    simulated.machine.files.write(counters, full);
    return simulated;
  };

  test("becomes one line with the same sums", () => {
    const simulated = fullLogNode();
    logged(simulated, "ADD");
    expect(simulated.machine.files.texts.get(counters)).toMatch(/^[^\n]+\n$/);
    const numbers = countedIn(simulated);
    expect([callsIn(numbers, "ADD"), numbers["apply GUID"]?.[0]]).toEqual([before + 1, before + 1]);
    logged(simulated, "DEL");
    expect([callsIn(countedIn(simulated), "ADD"), callsIn(countedIn(simulated), "DEL")]).toEqual([
      before + 1,
      1,
    ]);
  });

  test.each(["nothing", "temporary", "all"])("loses no other call by a kill after the part: %s", (part) => {
    const simulated = fullLogNode();
    const fault = killAt({ call: "files.addLine", effect: part });
    expect(logged(simulated, "ADD", journal, fault).end).toBe("killed");
    expect(callsIn(countedIn(simulated), "ADD")).toBe(before + (part === "all" ? 1 : 0));
    logged(simulated, "DEL");
    const numbers = countedIn(simulated);
    expect([callsIn(numbers, "ADD"), callsIn(numbers, "DEL")]).toEqual([
      before + (part === "all" ? 1 : 0),
      1,
    ]);
    simulated.requireAsBefore(part);
  });
});
