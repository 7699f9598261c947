// Decodes rtnetlink messages for snapshot.ts. It is independent of src/netlink/, which it helps to test.

/** The types of the messages (linux/rtnetlink.h). */
export const message = { link: 16, address: 20, route: 24 } as const;

/** The attributes of a message or of another attribute, in their order; some occur several times. */
export class Attributes {
  readonly all: readonly (readonly [type: number, value: Buffer])[];

  constructor(bytes: Buffer) {
    const all: [number, Buffer][] = [];
    for (let at = 0; at + 4 <= bytes.length; ) {
      const length = bytes.readUInt16LE(at);
      // Without NLA_F_NESTED and NLA_F_NET_BYTEORDER.
      all.push([bytes.readUInt16LE(at + 2) & 0x3fff, bytes.subarray(at + 4, at + length)]);
      at += (length + 3) & ~3;
    }
    this.all = all;
  }

  get(type: number): Buffer | undefined {
    return this.all.find(([each]) => each === type)?.[1];
  }

  nested(type: number): Attributes {
    return new Attributes(this.get(type) ?? Buffer.alloc(0));
  }

  number(type: number): number | undefined {
    return this.get(type)?.readUInt32LE();
  }

  text(type: number): string | undefined {
    return textOf(this.get(type));
  }
}

/** A message, after its header: the fixed part, and the attributes. */
export interface Message {
  readonly header: Buffer;
  readonly attributes: Attributes;
}

/** Sizes of the fixed parts: struct ifinfomsg, ifaddrmsg and rtmsg. */
const sizes: Readonly<Record<number, number>> = {
  [message.link]: 16,
  [message.address]: 8,
  [message.route]: 12,
};

export function decodeMessage(type: number, hex: string): Message {
  const bytes = Buffer.from(hex, "hex");
  const size = sizes[type];
  if (size === undefined) throw new Error(`message of the unknown type ${type}`);
  return { header: bytes.subarray(0, size), attributes: new Attributes(bytes.subarray(size)) };
}

/** Returns the text of an attribute that ends with a NUL byte. */
export function textOf(value: Buffer | undefined): string | undefined {
  return value?.toString("utf8").replace(/\0$/, "");
}

/** Returns bytes as "0a:00:…". */
export function withColons(value: Buffer | undefined): string {
  return (value?.toString("hex") ?? "").replace(/..(?=.)/g, "$&:");
}

/** Returns an IPv4 address with dots, and an IPv6 address in full. */
export function ipAddress(value: Buffer): string {
  return value.length === 4 ? value.join(".") : value.toString("hex").replace(/.{4}(?=.)/g, "$&:");
}
