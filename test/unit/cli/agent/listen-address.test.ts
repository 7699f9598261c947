import { describe, expect, test } from "vitest";
import { isNewRdmaDevice } from "../../../../src/cli/agent/device-events.ts";
import { parseListenAddress } from "../../../../src/cli/agent/listen-address.ts";
import { UsageError } from "../../../../src/cli/command.ts";

describe("an address to listen on", () => {
  test("IPv4: struct sockaddr_in", () => {
    const { family, bytes } = parseListenAddress("127.0.0.1:9410");
    expect([family, ...bytes]).toEqual([2, 2, 0, 0x24, 0xc2, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
  });

  test.each(["[::1]:9410", "[fd00::5]:1"])("IPv6: struct sockaddr_in6: %s", (text) => {
    const { family, bytes } = parseListenAddress(text);
    expect([family, bytes.length, bytes[0]]).toEqual([10, 28, 10]);
    expect(bytes[23]).toBe(text === "[::1]:9410" ? 1 : 5);
  });

  test("without an address: all, those of IPv4 on a kernel without IPv6", () => {
    const { withoutIpv6 } = parseListenAddress(":9410");
    expect(parseListenAddress(":9410")).toEqual(parseListenAddress("[::]:9410"));
    expect(withoutIpv6).toEqual(parseListenAddress("0.0.0.0:9410"));
    expect(parseListenAddress("[::1]:9410").withoutIpv6).toBeUndefined();
  });

  test.each([
    "",
    "9410",
    "127.0.0.1",
    "127.0.0.1:",
    "127.0.0.1:0",
    "1.2.3.4:65536",
    "::1:9410",
    "[127.0.0.1]:1",
    "node:1",
  ])("%j is refused", (text) => {
    expect(() => parseListenAddress(text)).toThrow(UsageError);
  });
});

test("an event of the kernel about a new RDMA device", () => {
  const event = (action: string, subsystem: string) =>
    `${action}@/devices/x\0ACTION=${action}\0DEVICE=/devices/x\0SUBSYSTEM=${subsystem}\0SEQNUM=1\0`;
  expect(isNewRdmaDevice(event("add", "infiniband"))).toBe(true);
  expect(isNewRdmaDevice(event("remove", "infiniband"))).toBe(false);
  expect(isNewRdmaDevice(event("add", "net"))).toBe(false);
  expect(isNewRdmaDevice("")).toBe(false);
});
