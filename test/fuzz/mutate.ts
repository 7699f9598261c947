import type { Random } from "./random.ts";

/** Numbers at which lengths and indices overflow. */
const edges = [0, 1, 2, 3, 4, 7, 8, 15, 16, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0xffffffff];

/** Texts that are hard to parse. */
const snippets = [
  ...["\0", "\u{2028}", "é", "💥", "\\u0000", "\\ud800", "\r\n", "%s%n", "{", "}", "[", "]", '"', ",", ":"],
  ...["../", "/", "..", "null", "true", "-1", "1e999", "0.5", "18446744073709551616", "{}", "[]", '""'],
  ...['"__proto__":{"a":1},', '"constructor":1,', '"toString":1,', '"attachment":null,', '"code":0,'],
];

/** Bytes that are invalid UTF-8. */
const invalid = [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82]];

type Mutation = (bytes: Uint8Array, random: Random, others: readonly Uint8Array[]) => Uint8Array;

function spliced(bytes: Uint8Array, from: number, to: number, piece: Uint8Array): Uint8Array {
  return Buffer.concat([bytes.subarray(0, from), piece, bytes.subarray(to)]);
}

/** Returns a number of times; rarely more than any limit, because that takes long. */
function often(random: Random): number {
  return random.once(20) ? 20_000 : random.pick([8, 600]);
}

/** Returns an offset in the bytes, including the end. */
const place = (bytes: Uint8Array, random: Random) => random.below(bytes.length + 1);

const mutations: readonly Mutation[] = [
  // Changes a bit or a byte.
  (bytes, random) => changed(bytes, random, (byte) => byte ^ (1 << random.below(8))),
  (bytes, random) => changed(bytes, random, () => random.below(256)),
  // Changes lengths: 16 and 32 bits, at offsets at which structures have them.
  (bytes, random) => number(bytes, random, 2),
  (bytes, random) => number(bytes, random, 4),
  // Truncates, or removes a part.
  (bytes, random) => bytes.slice(0, place(bytes, random)),
  (bytes, random) => {
    const from = place(bytes, random);
    return spliced(bytes, from, Math.min(bytes.length, from + 1 + random.below(32)), new Uint8Array(0));
  },
  // Repeats a part, once or very often.
  (bytes, random) => {
    const from = place(bytes, random);
    const to = Math.min(bytes.length, from + 1 + random.below(64));
    return spliced(bytes, to, to, bytes.subarray(from, to));
  },
  (bytes, random) => {
    const at = place(bytes, random);
    const piece = bytes.subarray(at, at + 1 + random.below(4));
    return spliced(bytes, at, at, Buffer.alloc(piece.length * often(random), piece));
  },
  // Inserts a part of another seed.
  (bytes, random, others) => {
    if (others.length === 0) return bytes;
    const other = random.pick(others);
    const from = place(other, random);
    const at = place(bytes, random);
    return spliced(
      bytes,
      at,
      Math.min(bytes.length, at + random.below(64)),
      other.subarray(from, from + random.below(256)),
    );
  },
  // Inserts text.
  (bytes, random) => {
    const at = place(bytes, random);
    return spliced(bytes, at, at, Buffer.from(random.pick(snippets)));
  },
  (bytes, random) => {
    const at = place(bytes, random);
    return spliced(bytes, at, at, Uint8Array.from(random.pick(invalid)));
  },
  (bytes, random) => {
    const at = place(bytes, random);
    return spliced(bytes, at, at, Buffer.from(random.pick(["[", '{"a":']).repeat(often(random))));
  },
  // Replaces a number or another value of a JSON text.
  (bytes, random) => {
    const text = Buffer.from(bytes).toString("latin1");
    const values = [...text.matchAll(/-?\d+|"[^"]*"|true|false|null/g)];
    if (values.length === 0) return bytes;
    const { 0: value, index } = random.pick(values);
    return spliced(
      bytes,
      index,
      index + value.length,
      Buffer.from(random.pick([...snippets, String(random.pick(edges))])),
    );
  },
];

function changed(bytes: Uint8Array, random: Random, change: (byte: number) => number): Uint8Array {
  const copy = bytes.slice();
  const at = random.below(copy.length);
  if (copy.length > 0) copy[at] = change(copy[at] ?? 0);
  return copy;
}

function number(bytes: Uint8Array, random: Random, size: 2 | 4): Uint8Array {
  const copy = bytes.slice();
  if (copy.length < size) return copy;
  const at = random.below(Math.floor(copy.length / size)) * size;
  const value = random.pick([...edges, copy.length, copy.length - at]);
  const view = new DataView(copy.buffer);
  if (size === 2) view.setUint16(at, value & 0xffff, true);
  else view.setUint32(at, value >>> 0, true);
  return copy;
}

/** Changes bytes in one to four ways. `others`: seeds of the same kind, whose parts can be inserted. */
export function mutate(bytes: Uint8Array, random: Random, others: readonly Uint8Array[] = []): Uint8Array {
  let result = bytes;
  for (let times = 1 + random.below(4); times > 0; times--) {
    result = random.pick(mutations)(result, random, others);
  }
  return result;
}

/** Does the same for text. Invalid UTF-8 becomes U+FFFD, as in the engine. */
export function mutateText(text: string, random: Random, others: readonly string[] = []): string {
  const seeds = others.map((other) => Buffer.from(other));
  return Buffer.from(mutate(Buffer.from(text), random, seeds)).toString("utf8");
}
