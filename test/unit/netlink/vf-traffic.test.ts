import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type Attribute,
  bytesAttribute,
  encodeAttributes,
  nestedAttribute,
  u32Attribute,
  u64Attribute,
  wordsAttribute,
} from "../../../src/netlink/attributes.ts";
import { MalformedReply } from "../../../src/netlink/errors.ts";
import { parseLink } from "../../../src/netlink/link.ts";
import { type Message, parseMessages } from "../../../src/netlink/message.ts";
import { parseVfTraffic } from "../../../src/netlink/vf-traffic.ts";
import { packU32 } from "../../support/attributes.ts";
import { vector } from "../vectors/vectors.ts";

const [linkState, stats] = [5, 8];
const vfInfo = (vf: number, ...counters: bigint[]) =>
  nestedAttribute(1, [
    wordsAttribute(linkState, [vf, 0]),
    nestedAttribute(
      stats,
      counters.map((value, type) => u64Attribute(type, value)),
    ),
  ]);

test("the counters of each VF", () => {
  const list = encodeAttributes([vfInfo(0, 1n, 2n, 3n, 4n, 5n), vfInfo(3, 0n, 0n, 1n << 40n)]);
  expect(parseVfTraffic({ name: "ib0", vfs: list })).toEqual([
    { index: 0, receivedPackets: 1, transmittedPackets: 2, receivedBytes: 3, transmittedBytes: 4 },
    { index: 3, receivedPackets: 0, transmittedPackets: 0, receivedBytes: 2 ** 40, transmittedBytes: 0 },
  ]);
});

test("a real answer without statistics has no counters", () => {
  const message = parseMessages(vector("get-pf-with-vfs").received[0] as Uint8Array)[0] as Message;
  expect(parseVfTraffic(parseLink(message))).toEqual([]);
  expect(parseVfTraffic({ name: "ib0", vfs: undefined })).toEqual([]);
});

test("a link state without an index, and counters of a wrong length, are refused", () => {
  const vfOf =
    (state: Uint8Array, ...counters: Attribute[]) =>
    () =>
      parseVfTraffic({
        name: "ib0",
        vfs: encodeAttributes([
          nestedAttribute(1, [bytesAttribute(linkState, state), nestedAttribute(stats, counters)]),
        ]),
      });
  expect(vfOf(new Uint8Array(2))).toThrow(
    new MalformedReply("IFLA_VF_LINK_STATE of a VF of ib0 has 2 bytes, not at least 4"),
  );
  expect(vfOf(packU32(3, 0), u64Attribute(2, 1n), u32Attribute(0, 1))).toThrow(
    new MalformedReply("IFLA_VF_STATS_RX_PACKETS of VF 3 of ib0 has 4 bytes, not 8"),
  );
});

test("any bytes changed: decoded or refused", () => {
  const list = encodeAttributes([vfInfo(0, 1n, 2n, 3n, 4n)]);
  fc.assert(
    fc.property(fc.nat(list.length - 1), fc.nat(0xff), (at, byte) => {
      const changed = list.slice();
      changed[at] = byte;
      try {
        parseVfTraffic({ name: "ib0", vfs: changed });
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedReply);
      }
    }),
  );
});
