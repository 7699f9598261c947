import { describe, expect, test } from "vitest";
import { evaluate, failure, fileWith, freshPath } from "./harness.ts";

describe("sendDatagram", () => {
  test("sends a text to a listener at a path", () => {
    const body = `
      const fd = probe.listenAt(input);
      const sent = [host.sendDatagram(input, "A=é\\n"), host.sendDatagram(input, "")];
      return [...sent, probe.receive(fd), probe.receive(fd)];`;
    expect(evaluate(body, freshPath("socket"))).toEqual([true, true, "A=é\n", ""]);
  });

  test("does not wait for a listener that does not read", () => {
    const body = `
      probe.listenAt(input);
      for (let i = 0; i < 10000; i++) host.sendDatagram(input, "x");`;
    expect(failure(body, freshPath("socket"))).toMatchObject({ code: "EAGAIN", call: "sendto" });
  });

  test("fails without a listener, and for a text that is too long", () => {
    const path = freshPath("socket");
    const send = "return host.sendDatagram(input, 'x');";
    expect(evaluate(send, path)).toBe(false);
    expect(evaluate(`host.close(probe.listenAt(input)); ${send}`, path)).toBe(false);
    expect(evaluate(send, fileWith(""))).toBe(false);
    expect(failure(send, "/dev/null/socket")).toMatchObject({ code: "ENOTDIR", call: "sendto" });
    expect(failure('host.sendDatagram(input, "x");', `/${"x".repeat(107)}`)).toMatchObject({
      code: "ENAMETOOLONG",
    });
    const long = "probe.listenAt(input); host.sendDatagram(input, 'x'.repeat(1 << 20));";
    expect(failure(long, freshPath("socket"))).toMatchObject({ code: "EMSGSIZE" });
  });

  test("leaves no descriptor open", () => {
    const body = `
      const before = host.readDirectory("/proc/self/fd").length;
      try { host.sendDatagram(input, "x"); } catch { /* as it should be */ }
      return host.readDirectory("/proc/self/fd").length - before;`;
    expect(evaluate(body, freshPath("socket"))).toBe(0);
  });
});
