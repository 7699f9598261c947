import { constants } from "node:os";
import { describe, expect, it } from "vitest";
import { errnoName, errnoText } from "../../../src/netlink/errno.ts";

describe("errno", () => {
  it("has the names of this machine's C library", () => {
    expect(Object.keys(constants.errno).length).toBeGreaterThan(70);
    // Two names of one number: the other one is Linux' own.
    const aliases = { EWOULDBLOCK: "EAGAIN", ENOTSUP: "EOPNOTSUPP" };
    for (const [name, number] of Object.entries(constants.errno)) {
      const expected = name in aliases ? aliases[name as keyof typeof aliases] : name;
      expect(errnoName(number)).toBe(expected);
    }
  });

  it("has numbers for unknown values", () => {
    expect(errnoName(133)).toBe("EHWPOISON");
    expect(errnoName(97)).toBe("EAFNOSUPPORT");
    expect(errnoName(524)).toBe("E524");
    expect(errnoName(0)).toBe("E0");
  });

  it("has texts for the reasons why netdev requests are refused", () => {
    expect(errnoText(17)).toBe("it exists already");
    expect(errnoText(524)).toBe("the kernel refused");
  });
});
