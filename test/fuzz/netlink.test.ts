// Invalid replies of a kernel: the codec reports them as malformed, and has no other errors.
import { readdirSync } from "node:fs";
import { dumpAddresses, parseNewAddress } from "../../src/netlink/address.ts";
import { encodeAttributes, stringAttribute, u32Attribute } from "../../src/netlink/attributes.ts";
import { Connection, type Transport } from "../../src/netlink/connection.ts";
import { MalformedReply, NetlinkError } from "../../src/netlink/errors.ts";
import { dumpLinks, getLinkByIndex, getLinkByName, parseLink } from "../../src/netlink/link.ts";
import { addAltnames, setLink } from "../../src/netlink/link-changes.ts";
import { encodeRequests, type Message } from "../../src/netlink/message.ts";
import { parseVfConfig } from "../../src/netlink/vf.ts";
import { errnoOf } from "../../src/node/node.ts";
import { concat, packU32 } from "../support/attributes.ts";
import { ack, done, message } from "../unit/netlink/fake-transport.ts";
import { vector } from "../unit/vectors/vectors.ts";
import { fuzz } from "./fuzz.ts";
import { mutate } from "./mutate.ts";
import type { Random } from "./random.ts";

const directory = new URL("../unit/vectors/", import.meta.url);
const names = readdirSync(directory).filter((name) => name.endsWith(".txt"));
/** Datagrams of a real kernel. */
const seeds = names.flatMap((name) => vector(name.slice(0, -4)).received);

/** The error of a receive when no datagrams are left. */
class Exhausted extends Error {}

/** How long an endless kernel answers, ms: a list has no other limit. */
const ANSWER_TIME = 500;

/** A kernel that sends any datagrams: a few, or so many that the caller's limits, or the deadline, end them. */
class HostileTransport implements Transport {
  readonly #datagrams: readonly Uint8Array[];
  readonly #isEndless: boolean;
  readonly #deadline = performance.now() + ANSWER_TIME;
  #next = 0;

  constructor(random: Random) {
    this.#datagrams = Array.from({ length: 1 + random.below(4) }, () => datagram(random));
    // Rarely, because a caller must read for some time if the kernel repeats the same datagram endlessly.
    this.#isEndless = random.once(3000);
  }

  send(): void {}

  receive(): Uint8Array {
    const next = this.#datagrams[this.#isEndless ? this.#next++ % this.#datagrams.length : this.#next++];
    // A real kernel would let it wait until its deadline.
    if (next === undefined || (this.#isEndless && performance.now() > this.#deadline))
      throw new Exhausted("nothing more comes");
    return next;
  }
}

/** Returns a datagram, in most cases an answer to an early request. */
function datagram(random: Random): Uint8Array {
  const number = random.pick([1, 1, 1, 2, 3]);
  const seed = random.pick([...seeds, ...answers(number)]);
  const answer = random.once(4) ? seed : numbered(seed, number);
  return random.once(10) ? answer : mutate(answer, random, seeds);
}

/** Acknowledgements and errors, also with the whole request repeated (NLM_F_ACK_TLVS only). */
function answers(number: number): Uint8Array[] {
  const request = encodeRequests([setLink(2, { name: "ib0" })], number);
  const text = encodeAttributes([stringAttribute(1, "name is taken"), u32Attribute(2, 36)]);
  const whole = concat([packU32(-16 >>> 0), request, text]);
  return [ack(number), ack(number, 16), done(number), done(number, 0x12), message(2, 0x200, number, whole)];
}

/** Sets the sequence number of all messages of a datagram. */
function numbered(bytes: Uint8Array, sequence: number): Uint8Array {
  const copy = bytes.slice();
  const view = new DataView(copy.buffer);
  for (let at = 0; at + 16 <= copy.length; ) {
    view.setUint32(at + 8, sequence, true);
    at += Math.max(16, (view.getUint32(at, true) + 3) & ~3);
  }
  return copy;
}

const optional = <T>(message: Message | undefined, read: (message: Message) => T) => message && read(message);

/** All requests to the kernel. */
const questions: readonly ((connection: Connection) => unknown)[] = [
  (connection) => optional(connection.get(getLinkByIndex(2)), parseLink),
  (connection) => optional(connection.get(getLinkByName("ib0")), parseLink),
  (connection) => connection.dump(dumpLinks(), parseLink),
  (connection) => connection.dump(dumpAddresses(2), parseNewAddress),
  (connection) =>
    optional(connection.get(getLinkByName("ib0", { withVfs: true })), (message) =>
      parseVfConfig(parseLink(message), 1),
    ),
  (connection) => connection.exchange([getLinkByName("ib0"), getLinkByName("ib1"), getLinkByName("ib2")]),
  (connection) => connection.request([setLink(2, { up: false }), setLink(2, { mtu: 1800, up: true })]),
  (connection) => connection.request([addAltnames(2, ["a", "b"])]),
];

/** Errors that the codec means; any other error, such as a RangeError of a DataView, is a bug. */
function tolerate(action: () => unknown): void {
  try {
    action();
  } catch (error) {
    const isKnown =
      error instanceof MalformedReply || error instanceof NetlinkError || error instanceof Exhausted;
    if (!isKnown) throw error;
    if (error instanceof NetlinkError && errnoOf(error) === undefined) throw error;
  }
}

fuzz("netlink replies", { cases: 30_000, share: 0.2 }, (random) => {
  tolerate(() => random.pick(questions)(new Connection(new HostileTransport(random))));
});

const lists = ["get-pf-with-vfs", "get-pf"].flatMap((name) => vector(name).received);

fuzz("VF lists", { cases: 10_000, share: 0.05 }, (random) => {
  tolerate(() =>
    parseVfConfig(
      { name: "ib0", vfs: mutate(random.pick(lists).subarray(random.below(600)), random, lists) },
      random.below(4),
    ),
  );
});
