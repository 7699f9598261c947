import * as host from "host";
import { printable } from "../../log/printable.ts";
import { errnoOf } from "../../node/node.ts";

/**
 * The log of the agent on stdout. The agent does not depend on a reader: a line that stdout does not take at once is lost,
 * and the next line that it takes reports how many were.
 */
export class AgentLog {
  private lost = 0;

  /** Prints the lines of a text. @throws {HostError} EINTR if a signal has arrived. */
  print(text: string): void {
    for (const line of text.split("\n")) this.printLine(printable(line));
  }

  private printLine(line: string): void {
    const notice =
      this.lost === 0 ? "" : `(lines that were lost because stdout was not read: ${this.lost})\n`;
    try {
      // In one write, so that a line is printed as a whole, or not at all.
      host.print(1, `${notice}${line}\n`, host.monotonic());
      this.lost = 0;
    } catch (error) {
      if (errnoOf(error) === "EINTR") throw error;
      this.lost++;
    }
  }
}
