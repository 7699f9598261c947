/**
 * Replaces the module `host` on Node: the functions that make no system call. test/native/text.test.ts compares them
 * with the real ones.
 */
import type * as host from "host";

/** Half surrogates in place of single bytes, as {@link utf8Decode} makes them. */
const escaped = { first: 0xdc80, last: 0xdcff, base: 0xdc00 };

export const utf8Encode: typeof host.utf8Encode = (text) => {
  if (!/[\udc80-\udcff]/u.test(text)) return new TextEncoder().encode(text);
  return Uint8Array.from(
    [...text].flatMap((character) => {
      const code = character.codePointAt(0) ?? 0;
      if (code >= escaped.first && code <= escaped.last) return [code - escaped.base];
      return [...new TextEncoder().encode(character)];
    }),
  );
};

export const packU32: typeof host.packU32 = (words) => {
  const bytes = words.flatMap((each): number[] => {
    if (Array.isArray(each)) return [...packU32(each)];
    if (typeof each === "number") return [...new Uint8Array(Uint32Array.of(each).buffer)];
    return [...(each as Uint8Array), 0, 0, 0].slice(0, Math.ceil((each as Uint8Array).length / 4) * 4);
  });
  return Uint8Array.from(bytes);
};

export const utf8Decode: typeof host.utf8Decode = (bytes) => {
  const whole = decoded(bytes);
  if (whole !== undefined) return whole;
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const length = [1, 2, 3, 4].find((each) => decoded(bytes.subarray(at, at + each)) !== undefined);
    text +=
      length === undefined
        ? String.fromCharCode(escaped.base + (bytes[at] ?? 0))
        : decoded(bytes.subarray(at, at + length));
    at += length ?? 1;
  }
  return text;
};

/** Returns the text of bytes; `undefined` if they are not UTF-8. */
function decoded(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { ignoreBOM: true, fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

export const inetPton: typeof host.inetPton = (family, text) =>
  family === 4 ? ipv4Bytes(text) : ipv6Bytes(text);

export const inetNtop: typeof host.inetNtop = (bytes) => {
  if (bytes.length === 4) return bytes.join(".");
  if (bytes.length === 16) return ipv6Text(bytes);
  throw Object.assign(new Error("inet_ntop: Invalid argument (EINVAL)"), { code: "EINVAL", errno: 22 });
};

export const netlinkAttributes: typeof host.netlinkAttributes = (bytes, start, wanted) => {
  if (start < 0 || start > bytes.length) throw new TypeError(`start must be from 0 to ${bytes.length}`);
  const found = new Map<number, Uint8Array>();
  for (let at = start; at < bytes.length; ) {
    const header = bytes.subarray(at, at + 4);
    const [low = 0, high = 0, typeLow = 0, typeHigh = 0] = header;
    const length = low + 256 * high;
    if (header.length < 4 || length < 4 || length > bytes.length - at) return undefined;
    found.set(typeLow + 256 * (typeHigh & 0x3f), bytes.subarray(at + 4, at + length));
    at += Math.ceil(length / 4) * 4;
  }
  const pairs = Array.from({ length: wanted.length >> 1 }, (_, i) => ({
    value: found.get(wanted[2 * i] as number),
    how: wanted[2 * i + 1] as number,
  }));
  const isNumber = (how: number) => how !== 0 && how !== 255;
  if (pairs.some(({ value, how }) => value && isNumber(how) && value.length !== how)) return undefined;
  return pairs.map(({ value, how }) => {
    if (value === undefined || how === 0) return value;
    if (how === 255) return utf8Decode(value.subarray(0, [...value, 0].indexOf(0)));
    if (how > 4) throw new TypeError(`a value cannot be read in way ${how}`);
    return value.reduce((number, byte, i) => number + byte * 256 ** i, 0);
  });
};

function ipv4Bytes(text: string): Uint8Array | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)) {
    return undefined;
  }
  return Uint8Array.from(parts, Number);
}

function ipv6Bytes(text: string): Uint8Array | undefined {
  const [head, tail, ...more] = text.split("::");
  if (head === undefined || more.length > 0) return undefined;
  const before = groups(head, tail === undefined);
  const after = tail === undefined ? [] : groups(tail, true);
  if (before === undefined || after === undefined) return undefined;
  const missing = 16 - before.length - after.length;
  if (tail === undefined ? missing !== 0 : missing < 2) return undefined;
  return Uint8Array.from([...before, ...new Array<number>(missing).fill(0), ...after]);
}

/** Parses bytes of groups between colons; the last group may be an IPv4 address. */
function groups(text: string, mayEndInIpv4: boolean): number[] | undefined {
  if (text === "") return [];
  const bytes: number[] = [];
  const parts = text.split(":");
  for (const [index, part] of parts.entries()) {
    const ipv4 = mayEndInIpv4 && index === parts.length - 1 ? ipv4Bytes(part) : undefined;
    if (ipv4 !== undefined) bytes.push(...ipv4);
    else if (/^[0-9a-f]{1,4}$/i.test(part))
      bytes.push(Number.parseInt(part, 16) >> 8, Number.parseInt(part, 16) & 255);
    else return undefined;
  }
  return bytes;
}

function ipv6Text(bytes: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0));
  const run = longestZeroRun(words);
  const isMapped = run.start === 0 && (run.length === 6 || (run.length === 5 && words[5] === 0xffff));
  const texts = words.map((word) => word.toString(16));
  if (isMapped) texts.splice(6, 2, bytes.slice(12).join("."));
  if (run.length < 2) return texts.join(":");
  return `${texts.slice(0, run.start).join(":")}::${texts.slice(run.start + run.length).join(":")}`;
}

/** Returns the first of the longest runs of zero words. */
function longestZeroRun(words: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < words.length; start++) {
    let length = 0;
    while (words[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}

export const isTerminal: typeof host.isTerminal = () => false;

export const getenv: typeof host.getenv = (name) => process.env[name];

export const formatTime: typeof host.formatTime = (milliseconds) =>
  new Date(milliseconds).toISOString().replace(/\.\d+Z$/, "Z");
