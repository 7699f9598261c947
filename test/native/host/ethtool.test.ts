import { expect, test } from "vitest";
import { evaluate, failure } from "../harness.ts";

/** ETHTOOL_GFEATURES of linux/ethtool.h with room for four blocks, in words. */
const FEATURES = [0x3a, 4];

const ask = "host.ethtool(linux.netlinkSocket(0), input[0], new Uint8Array(new Uint32Array(input[1]).buffer)";

test("the kernel fills the structure of a command; zeros at its end are left out", () => {
  const words = evaluate(`return [...new Uint32Array(${ask}).buffer)];`, ["lo", FEATURES]) as number[];
  expect(words.at(-1)).not.toBe(0);
  // Linux has two blocks of features.
  expect(words.slice(0, 2)).toEqual([0x3a, 2]);
  // The loopback device has features that can be changed.
  expect(words[2]).not.toBe(0);
});

test.each(["nothing", "a".repeat(15), "lo-and-sixteen-bytes"])("netdev %s does not exist", (name) => {
  expect(failure(`${ask});`, [name, FEATURES])).toMatchObject({
    code: "ENODEV",
    call: "ioctl SIOCETHTOOL",
    subject: name,
  });
  expect(evaluate(`return ${ask}, ["ENODEV"]) ?? "none";`, [name, FEATURES])).toBe("none");
});

test("a structure that is too long is a TypeError", () => {
  expect(failure(`${ask});`, ["lo", new Array(65).fill(0)])).toMatchObject({
    message: "a structure of ethtool must have at most 256 bytes",
  });
});
