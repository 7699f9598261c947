import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CniError, codes } from "../../../src/cni/errors.ts";
import { entryOf, type FinishedCall, outcomeOf } from "../../../src/log/entry.ts";
import { pushBounded, Trace } from "../../../src/log/trace.ts";
import { aRecord } from "../../support/records.ts";

const clock = { now: () => 5, wall: () => Date.UTC(2026, 10, 24, 22, 4, 19, 999.5) };
const environment: Record<string, string> = {
  CNI_COMMAND: "ADD",
  CNI_CONTAINERID: "c1",
  CNI_IFNAME: "net1",
  CNI_NETNS: "/run/netns/c1",
  CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0",
};

/** The entry of a call; `variables` of its environment. */
function entry(call: Partial<FinishedCall> = {}, variables: Record<string, string> = environment) {
  const ended = {
    getenv: (name: string) => variables[name],
    network: { name: "mynet", deviceID: "0000:03:00.2" },
    trace: new Trace({ now: () => 0 }),
    error: undefined,
    ...call,
  };
  return entryOf(clock, ended, outcomeOf(clock, ended));
}

test("it names the caller, the request and the result", () => {
  expect(entry()).toEqual({
    // Whole milliseconds, rounded down: no entry comes from a second that has not begun.
    time: Date.UTC(2026, 10, 24, 22, 4, 19, 999),
    level: "info",
    msg: "ADD default/web-0 net1 mynet 0000:03:00.2: done (5 ms)",
    command: "ADD",
    containerID: "c1",
    ifname: "net1",
    netns: "/run/netns/c1",
    podNamespace: "default",
    podName: "web-0",
    network: "mynet",
    vf: "0000:03:00.2",
    guid: "",
    trace_id: "",
    span_id: "",
    ms: 5,
    steps: "",
    warnings: [],
    others: [],
    error: undefined,
  });
});

test("it has the span of the runtime, and ignores an invalid TRACEPARENT", () => {
  const [traceId, spanId] = ["4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"];
  const traced = (traceparent: string) => entry({}, { ...environment, TRACEPARENT: traceparent });
  expect(traced(`00-${traceId}-${spanId}-01`)).toMatchObject({ trace_id: traceId, span_id: spanId });
  expect(traced(`00-${traceId}-${spanId}`)).toMatchObject({ trace_id: "", span_id: "" });
});

test("a call whose input cannot be read has an entry, too", () => {
  const error = new CniError(codes.badEnvironment, "required env variables\n[CNI_NETNS] missing");
  expect(entry({ network: undefined, error }, { CNI_COMMAND: "AD" })).toMatchObject({
    level: "error",
    msg: "AD: failed with code 4: required env variables [CNI_NETNS] missing (5 ms)",
    containerID: "",
    vf: "",
    error: { code: 4, msg: "required env variables\n[CNI_NETNS] missing", details: "" },
  });
});

describe("the record", () => {
  const orphaned = aRecord({ containerId: "orphaned", vf: { ...aRecord().vf, pci: "0000:03:00.3" } });
  const observed = (...records: ReturnType<typeof aRecord>[]) => {
    const trace = new Trace({ now: () => 0 });
    for (const record of records) trace.observe("undo", "GUID", record, () => {});
    return trace;
  };

  test("of the call's own attachment provides the VF and its GUID, which DEL is not called with", () => {
    const network = { name: "mynet", deviceID: undefined };
    expect(entry({ trace: observed(aRecord()), network })).toMatchObject({
      vf: "0000:03:00.2",
      guid: "02:00:00:00:00:00:00:01",
      others: [],
    });
  });

  test("that comes last is the current one, if an orphaned attachment had the same name", () => {
    const before = aRecord({ desired: {} });
    expect(entry({ trace: observed(before, aRecord()) }).guid).toBe("02:00:00:00:00:00:00:01");
    expect(entry({ trace: observed(aRecord(), before) }).guid).toBe("");
  });

  test("of other attachments is named", () => {
    const gc = { CNI_COMMAND: "GC" };
    expect(entry({ trace: observed(orphaned, aRecord()) }, gc)).toMatchObject({
      guid: "",
      others: ["orphaned net1 0000:03:00.3", "c1 net1 0000:03:00.2"],
    });
    expect(entry({ trace: observed(orphaned, aRecord()) }).others).toEqual(["orphaned net1 0000:03:00.3"]);
  });
});

describe("the level", () => {
  const warned = new Trace({ now: () => 0 });
  pushBounded(warned.warnings, "odd");

  test.each([
    ["success", {}, "ADD", "info"],
    ["success with a warning", { trace: warned }, "ADD", "warning"],
    ["any STATUS that succeeds", { trace: warned }, "STATUS", "debug"],
    ["a STATUS that fails", { error: new CniError(codes.notAvailable, "no") }, "STATUS", "error"],
    ["a failure", { error: new CniError(codes.tryAgain, "busy"), trace: warned }, "ADD", "error"],
    ["999 with a reason", { error: new CniError(codes.internal, "as Go has it") }, "ADD", "error"],
    ["an unexpected error", { error: new TypeError("undefined is not a function") }, "ADD", "panic"],
    [
      "a system call's error",
      { error: new Error("stdout", { cause: new CniError(5, "io") }) },
      "ADD",
      "error",
    ],
  ])("of %s is %s", (_, call, command, level) => {
    expect(entry(call, { ...environment, CNI_COMMAND: command }).level).toBe(level);
  });
});

test("no text is longer than its limit, and any text can be logged", () => {
  const long = "x".repeat(1 << 20);
  const trace = new Trace({ now: () => 0 });
  pushBounded(trace.warnings, long);
  const variables = Object.fromEntries(Object.keys(environment).map((name) => [name, long]));
  const error = new CniError(codes.node, long, { details: long });
  const size = JSON.stringify(
    entry({ trace, error, network: { name: long, deviceID: long } }, variables),
  ).length;
  expect(size).toBeLessThan(20_000);
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom(...Object.keys(environment)), fc.string()),
      fc.anything(),
      (some, any) => {
        entry({ network: { name: "n", deviceID: any }, error: any }, some);
      },
    ),
  );
});
