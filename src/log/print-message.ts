import { print } from "host";
import { printableLines } from "./printable.ts";

/** Prints a message of this program on stderr, {@link printableLines printable}. */
export function printMessage(message: string): void {
  print(2, printableLines(`ib-sriov: ${message.trimEnd()}\n`));
}
