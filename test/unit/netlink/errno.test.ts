import { constants } from "node:os";
import { describe, expect, it } from "vitest";
import { errnoName, errnoText } from "../../../src/netlink/errno.ts";

describe("errno", () => {
  it("names what this machine's C library names", () => {
    expect(Object.keys(constants.errno).length).toBeGreaterThan(70);
    // Two names of one number: the other one is Linux' own.
    const aliases = { EWOULDBLOCK: "EAGAIN", ENOTSUP: "EOPNOTSUPP" };
    for (const [name, number] of Object.entries(constants.errno)) {
      const expected = name in aliases ? aliases[name as keyof typeof aliases] : name;
      expect(errnoName(number)).toBe(expected);
    }
  });

  it("names the last one, which a gap before it would shift, and numbers what it does not know", () => {
    expect(errnoName(133)).toBe("EHWPOISON");
    expect(errnoName(97)).toBe("EAFNOSUPPORT");
    expect(errnoName(524)).toBe("E524");
    expect(errnoName(0)).toBe("E0");
  });

  it("has words for what netdevs are refused for", () => {
    expect(errnoText(17)).toBe("it exists already");
    expect(errnoText(524)).toBe("the kernel refused");
  });
});
