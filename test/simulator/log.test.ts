// What is left of a call when it is over: its log entry and the counters. Whatever befalls them, the call is as it was.
import { afterAll, describe, expect, test } from "vitest";
import { add } from "../../src/attachment/verbs/add.ts";
import { del } from "../../src/attachment/verbs/del.ts";
import { COUNTERS_BYTES, sumOf } from "../../src/log/counters.ts";
import type { LogConfig } from "../../src/log/log-config.ts";
import { Trace } from "../../src/log/trace.ts";
import { writeLogEntry } from "../../src/log/write-entry.ts";
import { c1, c2, deviceInfo, pf, type Setting } from "./harness/default-node.ts";
import { faultsOf } from "./harness/faults.ts";
import {
  type AttachmentRequest,
  addRequest,
  delRequest,
  environmentOf,
  type Pod,
} from "./harness/requests.ts";
import { type Run, run, type Verb } from "./harness/run.ts";
import { SimulatedNode } from "./harness/simulated-node.ts";
import { stateDirectory } from "./harness/state.ts";
import { report } from "./harness/test-scenarios.ts";
import { Refusal } from "./model/refusal.ts";
import type { Fault } from "./node/gate.ts";
import { everything, partition, partitioned, requestedGuid } from "./scenarios/requests.ts";

let total = 0;
afterAll(() => report("log", total));

const journal: LogConfig = { level: "info", file: undefined, warnings: [] };
const file: LogConfig = { ...journal, file: "/var/log/ib-sriov.log" };
const counters = `${stateDirectory}/.calls`;

/** A verb with its log, as the face has it, in a process of its own. */
function logged(
  story: SimulatedNode,
  command: "ADD" | "DEL",
  log = journal,
  fault?: Fault,
  pod: Pod = c1,
  wish: AttachmentRequest = everything,
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
      if (command === "ADD") add(node, { ...addRequest(node, pod, wish, warn), observe }, answer);
      else del(node, { ...delRequest(node, pod, wish, warn), observe });
    } catch (cause) {
      error = cause;
      throw cause;
    } finally {
      const network = { name: "mynet", deviceID: wish.vf };
      const trouble = writeLogEntry(
        node,
        { getenv: (name) => environment.get(name), network, trace, error },
        log,
      );
      if (trouble !== undefined) warn(trouble);
    }
  };
  return run(story.machine, pod, command, verb, fault);
}

/** What the file of the counters says. */
const countedIn = (story: SimulatedNode): Record<string, number[]> =>
  Object.fromEntries(sumOf(story.machine.files.texts.get(counters) ?? ""));

/** How many calls of a verb those are. */
const callsIn = (numbers: Record<string, number[]>, verb: string): number =>
  (numbers[verb] ?? []).slice(1).reduce((all, each) => all + each, 0);

/** The members of the journal's last entry. */
function lastEntry(story: SimulatedNode): Record<string, string> {
  const lines = (story.machine.journal.at(-1) ?? "").trimEnd().split("\n");
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
}

const stepsOf = (entry: Record<string, string>, action: string): string[] =>
  JSON.parse(entry.CNI_STEPS ?? "[]").flatMap((each: { step: string; action: string }) =>
    each.action === action ? [each.step] : [],
  );

describe("an entry", () => {
  test("of ADD has its steps, what was waited for, and how long each took; that of DEL, too", () => {
    const story = new SimulatedNode({ slowIpam: 500 });
    expect(logged(story, "ADD")).toMatchObject({ end: "done", warnings: [] });
    const added = lastEntry(story);
    expect(added).toMatchObject({
      PRIORITY: "6",
      CNI_COMMAND: "ADD",
      CNI_VF: everything.vf,
      CNI_GUID: everything.guid,
    });
    expect(stepsOf(added, "apply")).toEqual(
      "host netdev,lease,link state,GUID,RDMA device,netdev settings,interface,addresses".split(","),
    );
    const steps = JSON.parse(added.CNI_STEPS ?? "") as { step: string; action: string; ms: number }[];
    // In the model each call takes 1 ms, also one that has a lock at once.
    const waits = steps.filter(({ action, ms }) => action === "wait" && ms > 10);
    expect(waits.map(({ step }) => step)).toEqual(["IPAM plugin host-local"]);
    const ms = (name: string) => steps.find(({ step }) => step === name)?.ms ?? 0;
    expect(ms("addresses")).toBeGreaterThan(ms("IPAM plugin host-local"));
    expect(steps.reduce((sum, each) => sum + each.ms, 0)).toBeLessThan(
      Number(added.CNI_MS) + ms("IPAM plugin host-local"),
    );
    expect(logged(story, "DEL").end).toBe("done");
    expect(stepsOf(lastEntry(story), "undo")).toContain("GUID");
    expect(lastEntry(story)).toMatchObject({ CNI_COMMAND: "DEL", CNI_GUID: everything.guid });
    story.requireAsBefore("after DEL");
  });

  test.each<[wanted: string, wish: AttachmentRequest, setting: Setting, steps: string]>([
    [
      "nothing in particular",
      { vf: everything.vf },
      {},
      "host netdev,GUID,RDMA device,netdev settings,interface,addresses",
    ],
    [
      "all that there is",
      { ...everything, mtu: 1700, carrierTime: 5_000, deviceInfo, partition },
      partitioned,
      "host netdev,lease,link state,GUID,partition,RDMA device,device information,netdev settings,interface,carrier,addresses",
    ],
  ])(
    "of who wants %s has the steps that he needs, in the order of ADD, and DEL undoes no other",
    (_, wish, setting, steps) => {
      const story = new SimulatedNode(setting);
      expect(logged(story, "ADD", journal, undefined, c1, wish)).toMatchObject({ end: "done", warnings: [] });
      expect(stepsOf(lastEntry(story), "apply")).toEqual(steps.split(","));
      expect(logged(story, "DEL", journal, undefined, c1, wish).end).toBe("done");
      expect(steps.split(",")).toEqual(expect.arrayContaining(stepsOf(lastEntry(story), "undo")));
      story.requireAsBefore("after DEL");
    },
  );

  test("of a DEL whose VF is another one by now still says whose it was, where nothing is to be undone", () => {
    const story = new SimulatedNode({});
    const wish = { vf: everything.vf, guid: requestedGuid };
    expect(logged(story, "ADD", journal, undefined, c1, wish).end).toBe("done");
    story.happens(({ bus }) => bus.makeVfsAnew(pf));
    expect(logged(story, "DEL", journal, undefined, c1, wish).end).toBe("done");
    expect(stepsOf(lastEntry(story), "undo")).toEqual(["lease"]);
    expect(lastEntry(story)).toMatchObject({ CNI_COMMAND: "DEL", CNI_GUID: wish.guid });
  });

  test("of an ADD that failed says at which step, and what was put back", () => {
    const story = new SimulatedNode({});
    const ran = logged(story, "ADD", journal, ({ call }) =>
      call === "links.move" ? { end: new Refusal("EBUSY", "move") } : undefined,
    );
    expect(ran.end).toBe("failed");
    const entry = lastEntry(story);
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

  test("names the lock that was waited for", () => {
    const story = new SimulatedNode({ slowIpam: 2_000 });
    let waited: Record<string, string> = {};
    logged(story, "ADD", journal, ({ call }) => {
      if (call === "child.wait" && story.machine.journal.length === 0) {
        logged(story, "ADD", journal, undefined, c2, { ...everything, patience: 50 });
        waited = lastEntry(story);
      }
      return undefined;
    });
    expect(stepsOf(waited, "wait")).toEqual([`VF ${everything.vf}`]);
    expect(waited.MESSAGE).toContain("failed with code 11");
  });

  test("goes to a file where one is named, and nowhere where it is not serious enough", () => {
    const story = new SimulatedNode({});
    logged(story, "ADD", file);
    logged(story, "DEL", file);
    const lines = (story.machine.logs.get("/var/log/ib-sriov.log") ?? "").trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line).command)).toEqual(["ADD", "DEL"]);
    logged(story, "ADD", { ...journal, level: "warning" });
    logged(story, "DEL", { ...journal, level: "error" });
    expect(story.machine.journal).toEqual([]);
  });
});

test("calls are counted", () => {
  const story = new SimulatedNode({});
  logged(story, "ADD");
  logged(story, "DEL");
  logged(story, "DEL");
  const numbers = countedIn(story);
  expect(numbers).toMatchObject({
    "apply GUID": [1, 0, expect.any(Number)],
    "undo GUID": [1, 0, expect.any(Number)],
  });
  expect([callsIn(numbers, "ADD"), callsIn(numbers, "DEL")]).toEqual([1, 2]);
});

test.each([
  ["the journal", journal],
  ["a file", file],
])("whatever befalls %s and the counters, ADD is done, and DEL finds its way back", (_, log) => {
  const before = new SimulatedNode({});
  const whole = logged(before, "ADD", log);
  const begin = whole.crossings.findLastIndex(({ call }) => call === "answer") + 1;
  const end = whole.crossings.slice(begin);
  const cases = faultsOf(end);
  for (const call of ["files.addLine", "logs."])
    expect(cases.filter(({ name, kills }) => !kills && name.includes(call)).length, call).toBeGreaterThan(0);
  for (const each of cases) {
    const story = new SimulatedNode({});
    expect(`${each.name}: ${logged(story, "ADD", log, each.fault).end}`).toBe(
      `${each.name}: ${each.kills ? "killed" : "done"}`,
    );
    story.mustDel(c1, everything);
    story.requireAsBefore(each.name);
  }
});

test("counters that somebody else has for too long are left alone, and so is what is no file", () => {
  const story = new SimulatedNode({});
  logged(story, "ADD");
  const counts = story.machine.files.texts.get(counters);
  const ran = logged(story, "DEL", journal, ({ call, subject }) =>
    call === "files.addLine" && subject === counters ? { part: "time is up", end: "return" } : undefined,
  );
  expect(ran.end).toBe("done");
  expect(story.machine.files.texts.get(counters)).toBe(counts);
  expect(lastEntry(story)).toMatchObject({ CNI_COMMAND: "DEL" });
});

test("a line that is damaged costs no other one", () => {
  const story = new SimulatedNode({});
  story.machine.files.makeDirectory(stateDirectory);
  story.machine.files.write(counters, '{"ADD":[1,2\n{"DEL":[3,1]}\n');
  logged(story, "ADD");
  expect([callsIn(countedIn(story), "ADD"), countedIn(story).DEL]).toEqual([1, [3, 1]]);
});

describe("a file that is full", () => {
  const full = '{"ADD":[1000,1],"apply GUID":[1,0,7]}\n'.repeat(COUNTERS_BYTES / 38);
  const before = full.split("\n").length - 1;
  const fullStory = () => {
    const story = new SimulatedNode({});
    story.machine.files.makeDirectory(stateDirectory);
    story.machine.files.write(counters, full);
    return story;
  };

  test("becomes one line that says the same", () => {
    const story = fullStory();
    logged(story, "ADD");
    expect(story.machine.files.texts.get(counters)).toMatch(/^[^\n]+\n$/);
    const numbers = countedIn(story);
    expect([callsIn(numbers, "ADD"), numbers["apply GUID"]?.[0]]).toEqual([before + 1, before + 1]);
    logged(story, "DEL");
    expect([callsIn(countedIn(story), "ADD"), callsIn(countedIn(story), "DEL")]).toEqual([before + 1, 1]);
  });

  test.each(["nothing", "temporary", "all"])("loses no other call to a kill: %s has happened", (part) => {
    const story = fullStory();
    const fault: Fault = ({ call }) => (call === "files.addLine" ? { part, end: "kill" } : undefined);
    expect(logged(story, "ADD", journal, fault).end).toBe("killed");
    expect(callsIn(countedIn(story), "ADD")).toBe(before + (part === "all" ? 1 : 0));
    logged(story, "DEL");
    const numbers = countedIn(story);
    expect([callsIn(numbers, "ADD"), callsIn(numbers, "DEL")]).toEqual([
      before + (part === "all" ? 1 : 0),
      1,
    ]);
    story.requireAsBefore(part);
  });
});
