import { expect, test } from "vitest";
import { readCallLog } from "../../../../src/cli/calls/call-log.ts";
import type { ChildCommand, ChildOutcome } from "../../../../src/node/processes.ts";
import { aDoctorContext } from "../doctor/doctor-context.ts";

const entry = (time: string, command: string) => JSON.stringify({ time, command });

/** Returns a machine whose shell answers each script, and the scripts. */
function machineWith(answer: (script: string) => Partial<ChildOutcome>) {
  const scripts: string[] = [];
  const start = ({ path, stdin }: ChildCommand) => {
    expect(path).toBe("/bin/sh");
    scripts.push(stdin);
    const outcome = { status: 0, signal: 0, stdout: "", stderr: "", ...answer(stdin) };
    return { wait: () => outcome, kill: () => {} };
  };
  const files = { "/var/log/ib.log": "x", "/var/log/it's.log": "x" };
  const machine = aDoctorContext(files, {}, { processes: { start }, clock: { now: () => 0 } });
  return { machine, scripts };
}

test("the entries of all logs are read, the newest first", () => {
  const { machine, scripts } = machineWith((script) => ({
    stdout: script.includes("journalctl")
      ? `{"__REALTIME_TIMESTAMP":"1764281940000000","CNI_COMMAND":"DEL"}\n`
      : `half a line\n${entry("2025-11-27T22:18:00Z", "ADD")}\n${entry("2025-11-27T22:20:00Z", "GC")}\n`,
  }));
  const log = readCallLog(machine, ["/var/log/ib.log", "/var/log/none.log"], "failed");
  expect(log.calls.map(({ time, command }) => `${time} ${command}`)).toEqual([
    "2025-11-27T22:20:00Z GC",
    "2025-11-27T22:19:00Z DEL",
    "2025-11-27T22:18:00Z ADD",
  ]);
  expect(log).toMatchObject({ sources: ["journal", "/var/log/ib.log"], unread: [] });
  expect(scripts).toHaveLength(2);
});

test("a log that cannot be read is reported, and the others are read", () => {
  const { machine } = machineWith((script) =>
    script.includes("journalctl") ? { status: 1, stderr: "journalctl is not installed\n" } : {},
  );
  expect(readCallLog(machine, ["/var/log/ib.log"], "failed")).toEqual({
    calls: [],
    sources: ["/var/log/ib.log"],
    unread: ["journal: journalctl is not installed"],
  });
});

test("names of pods and files are not commands", () => {
  const { machine, scripts } = machineWith(() => ({}));
  readCallLog(machine, ["/var/log/it's.log"], { namespace: "a b", name: "$(reboot)" });
  expect(scripts[0]).toContain("'CNI_PODNAMESPACE=a b' 'CNI_PODNAME=$(reboot)'");
  expect(scripts[1]).toContain(`grep -h -F '"podNamespace":"a b","podName":"$(reboot)"'`);
  expect(scripts[1]).toContain(`'/var/log/it'\\''s.log.1'`);
});
