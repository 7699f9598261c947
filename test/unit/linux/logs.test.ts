import { beforeEach, expect, test, vi } from "vitest";
import { linuxLogs } from "../../../src/linux/files/logs.ts";

const sent = vi.hoisted(() => ({
  calls: [] as unknown[][],
  error: undefined as Error | undefined,
  isHeard: true,
}));
vi.mock("host", async (pure) => ({
  ...(await pure<typeof import("host")>()),
  appendFile: (...call: unknown[]) => void sent.calls.push(call),
  sendDatagram: (...call: unknown[]) => {
    sent.calls.push(call);
    if (sent.error !== undefined) throw sent.error;
    return sent.isHeard;
  },
}));

beforeEach(() => {
  sent.calls = [];
  sent.error = undefined;
});

test("a line goes to the file, root's alone, and within 10 MiB", () => {
  linuxLogs.append("/var/log/x", '{"time":1}\n', '{"time":');
  expect(sent.calls).toEqual([["/var/log/x", '{"time":1}\n', '{"time":', 0o600, 10 * 1024 * 1024]]);
});

test("an entry goes to journald; that there is none, or that it does not run, is no error", () => {
  for (sent.isHeard of [true, false]) linuxLogs.send("MESSAGE=x\n");
  expect(sent.calls).toEqual(Array(2).fill(["/run/systemd/journal/socket", "MESSAGE=x\n"]));
});

test.each(["EAGAIN", "EACCES", "EMSGSIZE"])("%s of it is one", (code) => {
  sent.error = Object.assign(new Error(code), { code });
  expect(() => linuxLogs.send("MESSAGE=x\n")).toThrow(code);
});
