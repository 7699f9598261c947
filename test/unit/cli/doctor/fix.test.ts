import { describe, expect, test, vi } from "vitest";
import type { Limits } from "../../../../src/attachment/limits.ts";
import type { Finding, SafeFix } from "../../../../src/cli/doctor/finding.ts";
import { commandOf, fixAll, fixesText, safeFixesOf } from "../../../../src/cli/doctor/fix.ts";
import type { ChildCommand } from "../../../../src/node/processes.ts";
import { aDoctorContext } from "./doctor-context.ts";

const finding = (fix: SafeFix | undefined, level: Finding["level"] = "error"): Finding => ({
  id: "vf-no-driver",
  level,
  found: "it is broken",
  fix,
});
const bind = (...vfs: string[]): SafeFix => ({ kind: "bind", vfs });

describe("the safe remedies of findings", () => {
  test("are in the order in which they need each other, each once, with the VFs of all findings", () => {
    const fixes: SafeFix[] = [
      { kind: "provision", vfs: ["0000:03:00.2"] },
      bind("0000:03:00.3"),
      { kind: "gc" },
      bind("0000:03:00.4", "0000:03:00.3"),
      { kind: "load module", module: "ib_ipoib" },
      { kind: "gc" },
      { kind: "load module", module: "ib_ipoib" },
    ];
    const all = safeFixesOf([finding(undefined), ...fixes.map((fix) => finding(fix))]);
    expect(all.map((fix) => commandOf(fix, "/opt/cni/bin/ib-sriov"))).toEqual([
      "modprobe ib_ipoib",
      "/opt/cni/bin/ib-sriov gc",
      "/opt/cni/bin/ib-sriov bind 0000:03:00.3 0000:03:00.4",
      "/opt/cni/bin/ib-sriov provision 0000:03:00.2",
    ]);
  });

  test.each([
    ["an empty list of VFs, which would mean all", finding(bind())],
    ["a finding that is ok", finding(bind("0000:03:00.3"), "ok")],
  ])("do not include %s", (_, each) => {
    expect(safeFixesOf([each])).toEqual([]);
  });
});

test("a command is quoted for a shell", () => {
  expect(commandOf({ kind: "gc" }, "/opt/my bin/ib-sriov")).toBe("'/opt/my bin/ib-sriov' gc");
  expect(commandOf({ kind: "load module", module: "$(reboot)" }, "")).toBe("modprobe '$(reboot)'");
});

describe("fixing", () => {
  const limits = (): Limits => ({ deadline: 1, warn: () => {}, observe: (_a, _b, _c, act) => act() });
  /** Returns a machine whose modprobe fails for a module, and the scripts that it ran. */
  function machine(failing: string) {
    const scripts: string[] = [];
    const start = ({ stdin }: ChildCommand) => {
      scripts.push(stdin);
      const isFailing = stdin.endsWith(failing);
      const outcome = { status: isFailing ? 1 : 0, signal: 0, stdout: "", stderr: "modprobe: not found\n" };
      return { wait: () => outcome, kill: () => {} };
    };
    const { node, inventory } = aDoctorContext({}, {}, { processes: { start }, clock: { now: () => 0 } });
    return { scripts, machine: { node, inventory } };
  }
  const load = (module: string) => finding({ kind: "load module", module });

  test("examines again, carries out what this reveals, and repeats nothing", () => {
    const { machine: node, scripts } = machine("ib_uverbs");
    const examinations = [[load("ib_ipoib")], [load("ib_ipoib"), load("ib_uverbs")], [load("ib_uverbs")]];
    let round = 0;
    const { fixes, findings } = fixAll(node, "ib-sriov", limits, () => examinations[round++] ?? []);
    expect(scripts).toEqual(["exec modprobe ib_ipoib", "exec modprobe ib_uverbs"]);
    expect(fixes).toEqual([
      { command: "modprobe ib_ipoib", outcome: "done", results: [] },
      { command: "modprobe ib_uverbs", outcome: "failed", results: ["modprobe: not found"] },
    ]);
    expect([findings, round]).toEqual([[load("ib_uverbs")], 3]);
  });

  test("ends, although each examination reveals something else", () => {
    const { machine: node, scripts } = machine("none");
    let round = 0;
    fixAll(node, "ib-sriov", limits, () => [load(`module${round++}`)]);
    expect(scripts).toHaveLength(3);
  });

  test("a remedy that cannot be carried out does not prevent the others", () => {
    const { machine: node } = machine("none");
    const examinations = [[finding(bind("0000:03:00.9")), finding({ kind: "gc" })]];
    const { fixes } = fixAll(node, "ib-sriov", limits, () => examinations.shift() ?? []);
    expect(fixes).toEqual([
      { command: "ib-sriov gc", outcome: "done", results: [] },
      {
        command: "ib-sriov bind 0000:03:00.9",
        outcome: "failed",
        results: [expect.stringContaining("0000:03:00.9 is not an InfiniBand VF of this node")],
      },
    ]);
  });
});

test("results are wrapped, and commands are not", () => {
  vi.stubEnv("COLUMNS", "40");
  const command = `ib-sriov bind ${"0000:03:00.2 ".repeat(4)}`.trim();
  const text = fixesText([{ command, outcome: "failed", results: ["a: failed: ".repeat(5).trim()] }]);
  vi.unstubAllEnvs();
  expect(text.split("\n").slice(1, 4)).toEqual([
    `  ${command}: failed`,
    "      a: failed: a: failed: a: failed:",
    "      a: failed: a: failed:",
  ]);
});

test("the text has a line for each remedy and each result", () => {
  expect(fixesText([])).toBe("There is nothing that can be fixed safely.\n\n");
  expect(
    fixesText([
      { command: "modprobe ib_ipoib", outcome: "done", results: [] },
      { command: "ib-sriov gc", outcome: "failed", results: ["a\x1b: released", "b: failed: no"] },
    ]),
  ).toBe(`Remedies
  modprobe ib_ipoib: done
  ib-sriov gc: failed
      a\\u001b: released
      b: failed: no

`);
});
