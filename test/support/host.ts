/**
 * Replaces the module `host` on Node: the functions that make no system call. test/native/host/text.test.ts compares them
 * with the real ones.
 */
import { constants } from "node:fs";
import { constants as osConstants } from "node:os";
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

export const decodeText: typeof host.decodeText = (bytes) =>
  new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);

/** Node.js lacks a few of Linux' names. A second name of a number must not replace the first. */
const errnoNames = new Map(
  Object.entries({ ...osConstants.errno, EAGAIN: 11, EOPNOTSUPP: 95, EHWPOISON: 133 })
    .filter(([name]) => name !== "EWOULDBLOCK" && name !== "ENOTSUP")
    .map(([name, errno]) => [errno, name]),
);
export const errnoName: typeof host.errnoName = (errno) => errnoNames.get(errno);

export const fail: typeof host.fail = (code, call, subject) => {
  throw Object.assign(new Error(`${call} ${subject}: (${code})`), { code, call, subject });
};

export const netlinkAttributes: typeof host.netlinkAttributes = (bytes, start, wanted) => {
  if (start < 0 || start > bytes.length) throw new TypeError(`start must be from 0 to ${bytes.length}`);
  const all: { readonly type: number; readonly value: Uint8Array }[] = [];
  for (let at = start; at < bytes.length; ) {
    const [low = 0, high = 0, typeLow = 0, typeHigh = 0] = bytes.subarray(at, at + 4);
    const length = low + 256 * high;
    if (length < 4 || length > bytes.length - at) return undefined;
    all.push({ type: typeLow + 256 * (typeHigh & 0x3f), value: bytes.subarray(at + 4, at + length) });
    at += Math.ceil(length / 4) * 4;
  }
  if (wanted === undefined) return all.flatMap(({ type, value }) => [type, value]);
  const pairs = Array.from({ length: wanted.length >> 1 }, (_, i) => ({
    value: all.findLast(({ type }) => type === wanted[2 * i])?.value,
    how: wanted[2 * i + 1] as number,
  }));
  const isLength = (how: number) => how !== 0 && how !== 255;
  if (pairs.some(({ value, how }) => value && isLength(how) && value.length !== how)) return undefined;
  return pairs.map(({ value, how }) => {
    if (value === undefined || how === 0) return value;
    if (how === 255) return utf8Decode(value.subarray(0, [...value, 0].indexOf(0)));
    if (how > 4) return value;
    return value.reduce((number, byte, i) => number + byte * 256 ** i, 0);
  });
};

export const isTerminal: typeof host.isTerminal = () => false;

export const getenv: typeof host.getenv = (name) => process.env[name];

export const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_APPEND, O_NOFOLLOW, O_NONBLOCK, O_DIRECTORY } =
  constants;
export const O_TMPFILE = O_DIRECTORY | 0o20000000;
export const NS_GET_NSTYPE = 0xb703;
export const TO_EOF = 0;
export const TO_SHORT_READ = 1;
export const OF_STREAM = 2;

export const monotonic: typeof host.monotonic = () => performance.now();
/** Commands on a model of a node print nothing. */
export const print: typeof host.print = () => {};
export const printAfter: typeof host.printAfter = () => {};
export const cancelPrint: typeof host.cancelPrint = () => false;
