import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Connection } from "../../../src/netlink/connection.ts";
import { MalformedReply, NetlinkError } from "../../../src/netlink/errors.ts";
import { dumpLinks, getLinkByIndex, getLinkByName, parseLink } from "../../../src/netlink/link.ts";
import { setLink } from "../../../src/netlink/link-changes.ts";
import type { Message } from "../../../src/netlink/message.ts";
import { concat } from "../../support/attributes.ts";
import { vector } from "../vectors/vectors.ts";
import { ack, done, FakeTransport, message } from "./fake-transport.ts";

const up = (index: number) => setLink(index, { up: true });
const data = Uint8Array.of(1, 2, 3, 4);
/** Keeps all messages of a dump. */
const whole = (message: Message) => message;

/** A connection whose peer answers each message. */
function to(answer: (message: Message) => readonly Uint8Array[]) {
  const transport = new FakeTransport((messages) => messages.flatMap(answer));
  return { transport, connection: new Connection(transport) };
}

/** Acknowledges each request for an acknowledgement. */
const acknowledge = ({ flags, sequence }: Message) => ((flags & 4) !== 0 ? [ack(sequence)] : []);

describe("a connection", () => {
  it("sends several requests in one datagram, numbered, and needs one acknowledgement", () => {
    const { transport, connection } = to(acknowledge);
    connection.request([up(1), up(2), up(3)]);
    connection.request([up(4)]);
    expect(transport.sent.map((datagram) => datagram.map((one) => one.sequence))).toEqual([[1, 2, 3], [4]]);
    expect(transport.queue).toEqual([]);
  });

  it("matches replies by number, also several in a datagram and out of order", () => {
    const transport = new FakeTransport((messages) => {
      const [first, second] = messages.map((one) =>
        message(16, 0, one.sequence, Uint8Array.of(one.sequence, 0, 0, 0)),
      );
      return [concat([second as Uint8Array, first as Uint8Array])];
    });
    const outcomes = new Connection(transport).exchange([getLinkByIndex(1), getLinkByIndex(2)]);
    expect(outcomes.map(({ replies }) => replies.map((reply) => reply.payload[0]))).toEqual([[1], [2]]);
  });

  it("throws the first error, but only after reading all replies, and can be used afterwards", () => {
    const { transport, connection } = to(({ sequence, flags }) =>
      sequence === 2 || sequence === 3
        ? [ack(sequence, 16 + sequence)]
        : acknowledge({ sequence, flags } as Message),
    );
    expect(() => connection.request([up(1), up(2), up(3), up(4)])).toThrow(
      // The error of request 2, not the ENODEV of request 3.
      expect.objectContaining({ code: "EXDEV", subject: "up on link 2" }),
    );
    expect(transport.queue).toEqual([]);
    connection.request([up(5)]);
  });

  it("returns all outcomes to a caller that wants them", () => {
    const { connection } = to(({ sequence, flags }) =>
      sequence === 1
        ? [ack(1, 19)]
        : sequence === 2
          ? [message(16, 0, 2, data)]
          : acknowledge({ sequence, flags } as Message),
    );
    const outcomes = connection.exchange([getLinkByName("a"), getLinkByName("b"), up(3)]);
    expect(outcomes.map(({ error, replies }) => [error?.code, replies.length])).toEqual([
      ["ENODEV", 0],
      [undefined, 1],
      [undefined, 0],
    ]);
  });

  it("decodes a real kernel's answer to requests of which some fail", () => {
    const { received } = vector("batch-with-errors");
    const transport = new FakeTransport(() => received);
    const outcomes = new Connection(transport).exchange([up(1), up(2), up(3), up(4)]);
    expect(outcomes.map(({ error }) => error?.reason)).toEqual([
      "ipv4: Address already assigned",
      undefined,
      "mtu greater than device maximum",
      undefined,
    ]);
    expect(transport.queue).toEqual([]);
  });

  it("decodes the list of a real kernel", () => {
    const transport = new FakeTransport(() => vector("dump-links").received);
    const names = new Connection(transport).dump(dumpLinks(), (one) => parseLink(one).name);
    expect(names).toEqual(["lo", "ib0", "ib1", "ib2", "ib3", "ib2.8005", "ib2.8006"]);
  });

  it("returns an empty list without entries, and throws the error that ends a list", () => {
    const empty = new FakeTransport(() => [done(1)]);
    expect(new Connection(empty).dump(dumpLinks(), whole)).toEqual([]);
    const failing = new FakeTransport(() => [message(16, 2, 1, data), done(1, 2, -19)]);
    expect(() => new Connection(failing).dump(dumpLinks(), whole)).toThrow(
      expect.objectContaining({ code: "ENODEV" }),
    );
  });

  it("lists again if entries changed during the list, whichever message reports it, but not endlessly", () => {
    const changing = (times: number, inDone: boolean) =>
      new FakeTransport(([request]) => {
        const sequence = request?.sequence ?? 0;
        const interrupted = sequence <= times ? 0x10 : 0;
        return [
          message(16, 2 | (inDone ? 0 : interrupted), sequence, Uint8Array.of(sequence, 0, 0, 0)),
          done(sequence, 2 | (inDone ? interrupted : 0)),
        ];
      });
    for (const inDone of [false, true]) {
      const four = changing(4, inDone);
      expect(new Connection(four).dump(dumpLinks(), whole)[0]?.payload[0]).toBe(5);
      expect(four.sent).toHaveLength(5);
      const always = changing(99, inDone);
      expect(() => new Connection(always).dump(dumpLinks(), whole)).toThrow(
        expect.objectContaining({ code: "EAGAIN" }),
      );
      expect(always.sent).toHaveLength(5);
    }
  });

  it("skips events and answers to abandoned requests", () => {
    const { connection, transport } = to(acknowledge);
    transport.queue.push(ack(77), message(16, 0, 0, data), message(16, 2, 99, data));
    connection.request([up(1)]);
    expect(transport.queue).toEqual([]);
  });

  it("can be used after an exception between replies", () => {
    let broken = true;
    const transport = new FakeTransport((messages) => {
      const answers = messages.flatMap(acknowledge);
      if (!broken) return answers;
      broken = false;
      return [new Error("ENOBUFS"), ...answers];
    });
    const connection = new Connection(transport);
    expect(() => connection.request([up(1)])).toThrow("ENOBUFS");
    // The answer to the first request is still in the socket, and is not taken for the second request's.
    expect(transport.queue).toHaveLength(1);
    expect(connection.exchange([up(2)])[0]?.error).toBeUndefined();
    expect(transport.queue).toEqual([]);
  });

  it("sends at most 64 requests at once, and nothing for an empty list", () => {
    const { transport, connection } = to(acknowledge);
    expect(connection.exchange(Array.from({ length: 130 }, (_, i) => up(i)))).toHaveLength(130);
    expect(transport.sent.map((datagram) => datagram.length)).toEqual([64, 64, 2]);
    expect(connection.exchange([])).toEqual([]);
    connection.request([]);
    expect(transport.sent).toHaveLength(3);
  });

  it("does not take silence for an answer", () => {
    const { connection } = to(acknowledge);
    expect(() => connection.request([getLinkByIndex(1), up(2)])).toThrow(/no answer to RTM_GETLINK link 1/);
    const acknowledging = new Connection(new FakeTransport(() => [ack(1)]));
    expect(() => acknowledging.get(getLinkByIndex(1))).toThrow(MalformedReply);
  });

  it("distinguishes a missing netdev from all other refusals", () => {
    const refusing = (errno: number) => new Connection(new FakeTransport(() => [ack(1, errno)]));
    expect(refusing(19).get(getLinkByIndex(1))).toBeUndefined();
    expect(() => refusing(1).get(getLinkByIndex(1))).toThrow(/RTM_GETLINK link 1: .*\(EPERM\)/);
    expect(() => refusing(19).request([getLinkByIndex(1)])).toThrow(/\(ENODEV\)/);
    expect(refusing(19).exchange([getLinkByIndex(1)])).toMatchObject([
      { errno: 19, error: { code: "ENODEV" } },
    ]);
  });

  it("ends if the peer never does", () => {
    const { connection, transport } = to(() => []);
    transport.receive = () => message(16, 2, 4711, new Uint8Array(1 << 22));
    expect(() => connection.request([up(1)])).toThrow("does not end");
  });

  it("ends a dump if the peer sends datagrams without a reply to it", () => {
    const { connection, transport } = to(() => []);
    let received = 0;
    transport.receive = () => {
      if (++received > 100_000) throw new Error("the dump goes on");
      return message(16, 2, received < 10 ? 1 : 4711, new Uint8Array(4));
    };
    expect(() => connection.dump(dumpLinks(), whole)).toThrow("does not end");
  });

  it("reads a dump to its end, whatever its length, and keeps the selected messages", () => {
    const { connection, transport } = to(() => []);
    let left = 70_000;
    transport.receive = () => (left-- > 0 ? message(16, 2, 1, new Uint8Array(1024)) : done(1));
    expect(connection.dump(dumpLinks(), () => (left < 2 ? left : undefined))).toEqual([1, 0]);
  });

  it("reports lost data, and skips messages without content", () => {
    const noop = new FakeTransport(() => [message(1, 0, 1, new Uint8Array(0)), ack(1)]);
    new Connection(noop).request([up(1)]);
    const overrun = new FakeTransport(() => [message(4, 0, 1, new Uint8Array(0))]);
    expect(() => new Connection(overrun).request([up(1)])).toThrow(MalformedReply);
  });

  it("counts beyond 32 bits without 0, which is the number of events", () => {
    const { transport, connection } = to(acknowledge);
    Object.assign(connection, { sequence: 0xfffffffe });
    connection.request([up(1), up(2)]);
    connection.request([up(3)]);
    expect(transport.sent.flat().map((one) => one.sequence)).toEqual([1, 2, 3]);
  });

  it("answers any bytes with its own error, or a result, and always ends", () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc
        .tuple(fc.constantFrom(1, 2, 3, 4, 16), fc.nat(0x3ff), fc.nat(3), fc.uint8Array({ maxLength: 40 }))
        .map(([type, flags, sequence, payload]) => message(type, flags, sequence, payload)),
    );
    fc.assert(
      fc.property(
        fc.array(fc.array(piece, { maxLength: 3 }).map(concat)),
        fc.boolean(),
        (datagrams, list) => {
          const transport = new FakeTransport(() => datagrams);
          const connection = new Connection(transport);
          try {
            if (list) connection.dump(dumpLinks(), whole);
            else connection.request([up(1), getLinkByIndex(2)]);
          } catch (error) {
            const known =
              error instanceof MalformedReply ||
              error instanceof NetlinkError ||
              (error instanceof Error && error.message === "nothing more comes");
            if (!known) throw error;
          }
        },
      ),
    );
  });
});
