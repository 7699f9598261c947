import { beforeEach, expect, test, vi } from "vitest";
import { linuxLogs } from "../../../../src/linux/files/logs.ts";

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

test("a line goes to the file, which belongs to root, and has at most 10 MiB", () => {
  linuxLogs.append("/var/log/x", '{"time":1}\n', '{"time":');
  expect(sent.calls).toEqual([["/var/log/x", '{"time":1}\n', '{"time":', 0o600, 10 * 1024 * 1024]]);
});

test("an entry goes to journald; a journald that is missing or not running is not an error", () => {
  for (sent.isHeard of [true, false]) linuxLogs.send("MESSAGE=x\n");
  expect(sent.calls).toEqual(Array(2).fill(["/run/systemd/journal/socket", "MESSAGE=x\n"]));
});

test.each(["EAGAIN", "EACCES", "EMSGSIZE"])("%s of journald is an error", (code) => {
  sent.error = Object.assign(new Error(code), { code });
  expect(() => linuxLogs.send("MESSAGE=x\n")).toThrow(code);
});
