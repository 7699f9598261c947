import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesAttribute, encodeAttributes, u32Attribute } from "../../../src/netlink/attributes.ts";
import { MalformedReply } from "../../../src/netlink/errors.ts";
import { encodeRequests, NLM_F_CREATE, parseMessages, type Request } from "../../../src/netlink/message.ts";
import { concat, packU32 } from "../../support/attributes.ts";

const kind = fc.constantFrom("get", "change", "list") satisfies fc.Arbitrary<Request["kind"]>;
const request: fc.Arbitrary<Request> = fc.record({
  type: fc.nat(0xffff),
  kind,
  flags: fc.constantFrom(0, NLM_F_CREATE),
  header: fc.array(fc.nat(0xffffffff), { maxLength: 5 }),
  attributes: fc.array(
    fc
      .tuple(fc.nat(0x3fff), fc.uint8Array({ maxLength: 20 }))
      .map(([type, value]) => bytesAttribute(type, value)),
  ),
  name: fc.constant("RTM_TEST"),
  subject: fc.constant("nothing"),
});

describe("messages", () => {
  it("are decoded as they were encoded, several in one datagram", () => {
    fc.assert(
      fc.property(
        fc.array(request, { minLength: 1 }),
        fc.integer({ min: 1, max: 1 << 30 }),
        (requests, first) => {
          const messages = parseMessages(encodeRequests(requests, first));
          expect(messages.map((message) => message.sequence)).toEqual(requests.map((_, i) => first + i));
          expect(messages.map((message) => message.type)).toEqual(requests.map((one) => one.type));
          messages.forEach((message, i) => {
            const { header, attributes } = requests[i] as Request;
            expect(message.payload).toEqual(concat([packU32(...header), encodeAttributes(attributes)]));
          });
        },
      ),
    );
  });

  it("request an acknowledgement in the last one only, and a list with the flags of a dump", () => {
    const base = {
      type: 16,
      flags: NLM_F_CREATE,
      header: [],
      attributes: [],
      name: "",
      subject: "",
    };
    const flagsOf = (...kinds: Request["kind"][]) =>
      parseMessages(
        encodeRequests(
          kinds.map((one) => ({ ...base, kind: one })),
          1,
        ),
      ).map((one) => one.flags);
    expect(flagsOf("change", "change", "change")).toEqual([0x401, 0x401, 0x405]);
    expect(flagsOf("change", "get")).toEqual([0x401, 0x401]);
    expect(flagsOf("list")).toEqual([0x701]);
  });

  it.each([
    ["empty", []],
    ["cut short in its header", [16, 0, 0, 0, 1, 0]],
    ["shorter than its header", [15, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
    ["of length 0, which would never end", [...new Array(32).fill(0)]],
    ["longer than the rest", [17, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
    ["4 GB long", [0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]],
  ])("in a datagram that is %s are refused", (_, bytes) => {
    expect(() => parseMessages(Uint8Array.from(bytes))).toThrow(MalformedReply);
  });

  it("may end without padding", () => {
    const datagram = Uint8Array.of(17, 0, 0, 0, 1, 0, 2, 0, 3, 0, 0, 0, 0, 0, 0, 0, 9);
    expect(parseMessages(datagram)).toEqual([{ type: 1, flags: 2, sequence: 3, payload: Uint8Array.of(9) }]);
  });

  it("of any bytes are refused, or are inside of the bytes", () => {
    const lengths = fc.array(fc.tuple(fc.nat(40), fc.uint8Array({ maxLength: 40 })), { maxLength: 4 });
    // Bytes that begin like a message get further into the parser than random bytes.
    const likely = lengths.map((parts) =>
      concat(parts.map(([length, rest]) => concat([encodeAttributes([u32Attribute(length, 0)]), rest]))),
    );
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), likely), (bytes) => {
        let total = 0;
        try {
          for (const message of parseMessages(bytes)) total += 16 + message.payload.length;
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedReply);
          return;
        }
        expect(total).toBeLessThanOrEqual(bytes.length);
      }),
    );
  });
});
