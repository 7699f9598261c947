/* A small kernel behind the double of `host`: it has netdevs, and acknowledges all other requests. */

import { encodeAttributes, readString, stringAttribute, viewOf } from "../../../src/netlink/attributes.ts";
import { type Message, parseMessages } from "../../../src/netlink/message.ts";
import { attributesIn, concat, findAttribute } from "../../support/attributes.ts";
import { ack, done, message } from "../netlink/fake-transport.ts";
import { machine } from "./machine.ts";

/** A netdev of the small kernel. */
export interface Netdev {
  index: number;
  name: string;
  pci?: string;
}
export const kernel = { host: [] as Netdev[], pod: [] as Netdev[] };

/** Returns RTM_NEWLINK of a netdev. */
function newLink(sequence: number, flags: number, { index, name, pci }: Netdev): Uint8Array {
  const header = new Uint8Array(16);
  viewOf(header).setInt32(4, index, true);
  const parent = pci === undefined ? [] : [stringAttribute(56, pci), stringAttribute(57, "pci")];
  return message(
    16,
    flags,
    sequence,
    concat([header, encodeAttributes([stringAttribute(3, name), ...parent])]),
  );
}

/** Answers RTM_GETLINK as a kernel with these netdevs does, and acknowledges other requests. */
export function answer(namespace: string, datagram: Uint8Array): Uint8Array[] {
  const netdevs = namespace === "pod" ? kernel.pod : kernel.host;
  return parseMessages(datagram).flatMap(({ type, flags, sequence, payload }) => {
    if (type !== 18) return (flags & 4) !== 0 ? [ack(sequence)] : [];
    if ((flags & 0x300) === 0x300)
      return [...netdevs.map((one) => newLink(sequence, 2, one)), done(sequence)];
    const name = findAttribute(attributesIn(payload.subarray(16)), 3);
    const index = viewOf(payload).getInt32(4, true);
    const found = netdevs.find((one) =>
      name === undefined ? one.index === index : one.name === readString(name),
    );
    return [found === undefined ? ack(sequence, 19) : newLink(sequence, 0, found)];
  });
}

/** Returns the messages that were sent, with the namespace of each. */
export function record() {
  const sent: (Message & { readonly to: string })[] = [];
  machine.answer = (to, datagram) => {
    sent.push(...parseMessages(datagram).map((one) => ({ ...one, to })));
    return answer(to, datagram);
  };
  return sent;
}

/** Returns the calls of a kind. */
export const calls = (start: string) => machine.calls.filter((call) => call.startsWith(start));
