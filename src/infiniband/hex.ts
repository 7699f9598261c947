/** The two lower-case digits of each byte. */
const PAIRS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Bytes as lower-case pairs with colons between them, "" for none. */
export function colonPairs(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i++) text += `${i === 0 ? "" : ":"}${PAIRS[bytes[i] as number]}`;
  return text;
}
