import * as host from "host";
import type { Transport } from "../netlink/connection.ts";
import { TimeoutError } from "../node/clock.ts";
import { errnoOf } from "../node/node.ts";

/**
 * How long the answer to a request may take, ms. The kernel has queued it, or its first part, when send
 * returns; so this only keeps a fault from lasting for ever.
 */
const ANSWER_TIME = 10_000;

/** A netlink socket. */
export class SocketTransport implements Transport {
  private deadline = 0;

  constructor(private readonly socket: number) {}

  send(datagram: Uint8Array): void {
    this.deadline = host.monotonic() + ANSWER_TIME;
    host.netlinkSend(this.socket, datagram);
  }

  /**
   * A signal does not end this: what was asked for is done by now, and who asked must learn how it went.
   * @throws {TimeoutError}
   */
  receive(): Uint8Array {
    for (;;) {
      try {
        return host.netlinkReceive(this.socket, this.deadline);
      } catch (error) {
        const errno = errnoOf(error);
        if (errno === "ETIMEDOUT")
          throw new TimeoutError("the kernel did not answer (netlink)", { cause: error });
        if (errno !== "EINTR") throw error;
      }
    }
  }
}
