/** A colon and two lower-case digits, for each value of a byte. */
const PAIRS = Array.from({ length: 256 }, (_, byte) => `:${byte.toString(16).padStart(2, "0")}`);

/** Formats bytes as lower-case pairs with colons between them. */
export function colonPairs(bytes: Uint8Array): string {
  let pairs = "";
  for (let i = 0; i < bytes.length; i++) pairs += PAIRS[bytes[i] as number];
  return pairs.slice(1);
}

/** Formats a number in host order in the same way: the last byte comes first. */
export function reversedPairs(bytes: Uint8Array): string {
  let pairs = "";
  for (let i = bytes.length - 1; i >= 0; i--) pairs += PAIRS[bytes[i] as number];
  return pairs.slice(1);
}

/** The values of hexadecimal digits, by character code. */
const VALUES = new Uint8Array(128);
for (let value = 0; value < 16; value++) {
  const digit = value.toString(16);
  VALUES[digit.charCodeAt(0)] = value;
  VALUES[digit.toUpperCase().charCodeAt(0)] = value;
}

/** Returns the bytes of hexadecimal pairs with one separator between them, such as "00:1A:ff". The text is not checked. */
export function bytesOfPairs(text: string): Uint8Array {
  const bytes = new Uint8Array((text.length + 1) / 3);
  for (let i = 0; i < bytes.length; i++) {
    const high = VALUES[text.charCodeAt(3 * i)] as number;
    bytes[i] = (high << 4) | (VALUES[text.charCodeAt(3 * i + 1)] as number);
  }
  return bytes;
}
