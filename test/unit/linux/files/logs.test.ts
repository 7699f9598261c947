import { beforeEach, expect, test, vi } from "vitest";
import { linuxLogs } from "../../../../src/linux/files/logs.ts";

const sent = vi.hoisted(() => ({
  calls: [] as unknown[][],
  error: undefined as Error | undefined,
  isHeard: true,
  nextSocket: 7,
}));
vi.mock("../../../../src/linux/files/log-file.ts", () => ({
  appendToLog: (...call: unknown[]) => void sent.calls.push(call),
}));
vi.mock("host", async (pure) => ({
  ...(await pure<typeof import("host")>()),
  socket: () => sent.nextSocket++,
  close: (fd: number) => void sent.calls.push(["close", fd]),
  sendTo: (fd: number, bytes: Uint8Array, _flags: number, address: Uint8Array) => {
    sent.calls.push([fd, new TextDecoder().decode(bytes), new TextDecoder().decode(address)]);
    if (sent.error !== undefined) throw sent.error;
    return sent.isHeard ? bytes.length : undefined;
  },
}));

beforeEach(() => {
  sent.calls = [];
  sent.error = undefined;
});

test("a line goes to the file, which belongs to root, and has at most 10 MiB", () => {
  linuxLogs.append("/var/log/x", '{"time":1}\n', '{"time":');
  const file = { path: "/var/log/x", mark: '{"time":', mode: 0o600, limit: 10 * 1024 * 1024 };
  expect(sent.calls).toEqual([[file, '{"time":1}\n']]);
});

test("entries go to journald through one socket; a journald that is missing or not running is not an error", () => {
  for (sent.isHeard of [true, false]) linuxLogs.send("MESSAGE=x\n");
  const call = [7, "MESSAGE=x\n", "\u0001\0/run/systemd/journal/socket"];
  expect(sent.calls).toEqual([call, call]);
});

test.each(["EAGAIN", "EACCES", "EMSGSIZE"])("%s of journald is an error", (code) => {
  sent.error = Object.assign(new Error(code), { code });
  expect(() => linuxLogs.send("MESSAGE=x\n")).toThrow(code);
});
