import { viewOf } from "../../../src/netlink/attributes.ts";
import type { Transport } from "../../../src/netlink/connection.ts";
import { type Message, parseMessages } from "../../../src/netlink/message.ts";
import { concat, packU32 } from "../../support/attributes.ts";

/** A kernel in a test: a function answers each sent datagram with datagrams or errors. */
export class FakeTransport implements Transport {
  /** The messages that were sent, one list for each datagram. */
  readonly sent: Message[][] = [];
  readonly queue: (Uint8Array | Error)[] = [];

  constructor(private readonly answer: (messages: readonly Message[]) => readonly (Uint8Array | Error)[]) {}

  send(datagram: Uint8Array): void {
    const messages = parseMessages(datagram);
    this.sent.push(messages);
    this.queue.push(...this.answer(messages));
  }

  /** @throws if nothing is left: a real socket would wait endlessly. */
  receive(): Uint8Array {
    const next = this.queue.shift();
    if (next === undefined) throw new Error("nothing more comes");
    if (next instanceof Error) throw next;
    return next;
  }
}

/** Returns the bytes of a message. */
export function message(type: number, flags: number, sequence: number, payload: Uint8Array): Uint8Array {
  const head = new Uint8Array(16);
  const view = viewOf(head);
  view.setUint32(0, 16 + payload.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  view.setUint32(8, sequence, true);
  return concat([head, payload, new Uint8Array((4 - (payload.length % 4)) % 4)]);
}

/** Returns NLMSG_ERROR of an errno, 0 for an acknowledgement. */
export function ack(sequence: number, errno = 0): Uint8Array {
  return message(2, 0x100, sequence, concat([packU32(-errno >>> 0), new Uint8Array(16)]));
}

/** Returns NLMSG_DONE. */
export function done(sequence: number, flags = 2, status = 0): Uint8Array {
  return message(3, flags, sequence, packU32(status >>> 0));
}
