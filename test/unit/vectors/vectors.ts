import { readFileSync } from "node:fs";

/** One exchange with a real kernel, see README.md. */
export interface Vector {
  /** Datagrams to the kernel. */
  readonly sent: readonly Uint8Array[];
  /** Datagrams from it. */
  readonly received: readonly Uint8Array[];
}

/** Reads a vector by its name, e.g. "get-pf". */
export function vector(name: string): Vector {
  const text = readFileSync(new URL(`${name}.txt`, import.meta.url), "utf8");
  const lines = text.split("\n").filter((line) => !line.startsWith("#"));
  // A datagram begins with its direction, and continues in lines without direction.
  const datagrams = lines.join("").split(/(?=[<>])/);
  const of = (direction: string) =>
    datagrams.filter((one) => one.startsWith(direction)).map((one) => hexBytes(one.slice(2)));
  return { sent: of(">"), received: of("<") };
}

/** @throws if the text is not pairs of hexadecimal digits: a vector must not lose bytes silently. */
export function hexBytes(hex: string): Uint8Array {
  const bytes = Uint8Array.from(Buffer.from(hex, "hex"));
  if (bytes.length * 2 !== hex.length) throw new Error(`not hexadecimal: ${hex.slice(0, 40)}…`);
  return bytes;
}
