import * as host from "host";
import { errnoOf } from "../../node/node.ts";
import { printable } from "../output/text.ts";

/**
 * The log of the agent on stdout. The agent does not depend on its reader: lines that a full pipe does not take at once are
 * lost, and the next line tells how many. Without a reader, all are.
 */
export class AgentLog {
  private lost = 0;

  /** Prints the lines of a text. @throws {HostError} EINTR if a signal has arrived. */
  print(text: string): void {
    for (const line of text.split("\n")) this.printLine(printable(line));
  }

  private printLine(line: string): void {
    try {
      // In one write, so that a line is printed as a whole, or not at all.
      host.print(1, `${this.lost === 0 ? "" : `(${this.lost} lines are lost)\n`}${line}\n`, host.monotonic());
      this.lost = 0;
    } catch (error) {
      if (errnoOf(error) === "EINTR") throw error;
      this.lost++;
    }
  }
}
