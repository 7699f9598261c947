/** The two lower-case digits of each byte. */
const PAIRS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** The same after a colon. */
const MORE = PAIRS.map((pair) => `:${pair}`);

/** Bytes as lower-case pairs with colons between them, "" for none. */
export function colonPairs(bytes: Uint8Array): string {
  let text = bytes.length === 0 ? "" : (PAIRS[bytes[0] as number] as string);
  for (let i = 1; i < bytes.length; i++) text += MORE[bytes[i] as number];
  return text;
}
