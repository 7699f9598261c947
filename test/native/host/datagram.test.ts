import { describe, expect, test } from "vitest";
import { evaluate, failure, fileWith, freshPath } from "../harness.ts";

describe("sendDatagram", () => {
  test("sends a text to a listener at a path", () => {
    const body = `
      const fd = probe.listenAt(input);
      const sent = [linux.sendDatagram(linux.unixAddress(input), "A=é\\n"), linux.sendDatagram(linux.unixAddress(input), "")];
      return [...sent, probe.receive(fd), probe.receive(fd)];`;
    expect(evaluate(body, freshPath("socket"))).toEqual([true, true, "A=é\n", ""]);
  });

  test("does not wait for a listener that does not read", () => {
    const body = `
      probe.listenAt(input);
      for (let i = 0; i < 10000; i++) linux.sendDatagram(linux.unixAddress(input), "x");`;
    expect(failure(body, freshPath("socket"))).toMatchObject({ code: "EAGAIN", call: "sendto" });
  });

  test("fails without a listener, and for a text that is too long", () => {
    const path = freshPath("socket");
    const send = "return linux.sendDatagram(linux.unixAddress(input), 'x');";
    expect(evaluate(send, path)).toBe(false);
    expect(evaluate(`host.close(probe.listenAt(input)); ${send}`, path)).toBe(false);
    expect(evaluate(send, fileWith(""))).toBe(false);
    expect(failure(send, "/dev/null/socket")).toMatchObject({ code: "ENOTDIR", call: "sendto" });
    expect(
      failure('linux.sendDatagram(linux.unixAddress(input), "x");', `/${"x".repeat(107)}`),
    ).toMatchObject({
      code: "ENAMETOOLONG",
    });
    const long = "probe.listenAt(input); linux.sendDatagram(linux.unixAddress(input), 'x'.repeat(1 << 20));";
    expect(failure(long, freshPath("socket"))).toMatchObject({ code: "EMSGSIZE" });
  });

  test("leaves no descriptor open", () => {
    const body = `
      const before = linux.readDirectory("/proc/self/fd").length;
      try { linux.sendDatagram(linux.unixAddress(input), "x"); } catch { /* as it should be */ }
      return linux.readDirectory("/proc/self/fd").length - before;`;
    expect(evaluate(body, freshPath("socket"))).toBe(0);
  });
});
