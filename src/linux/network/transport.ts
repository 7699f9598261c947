import * as host from "host";
import type { Transport } from "../../netlink/connection.ts";
import { TimeoutError } from "../../node/clock.ts";
import { errnoOf } from "../../node/node.ts";

/**
 * Time limit for the answer to a request, ms. When send returns, the kernel has already queued the answer, or its first
 * part, so the limit is reached only after a fault of the kernel.
 */
const ANSWER_TIME = 10_000;

/** A netlink socket. */
export class SocketTransport implements Transport {
  private deadline = 0;
  private received: readonly Uint8Array[] = [];
  private next = 0;

  constructor(private readonly socket: number) {}

  send(datagram: Uint8Array): void {
    this.deadline = host.monotonic() + ANSWER_TIME;
    host.send(this.socket, datagram, 0);
  }

  /**
   * Receives one datagram. A signal does not end the wait: the kernel has executed the request, and the caller must
   * learn the outcome.
   * @throws {TimeoutError}
   */
  receive(): Uint8Array {
    const buffered = this.received[this.next++];
    if (buffered !== undefined) return buffered;
    this.received = this.receiveSome();
    this.next = 1;
    return this.received[0] as Uint8Array;
  }

  private receiveSome(): readonly Uint8Array[] {
    for (;;) {
      try {
        return host.netlinkReceive(this.socket, this.deadline);
      } catch (error) {
        const errno = errnoOf(error);
        if (errno === "ETIMEDOUT")
          throw new TimeoutError("the kernel did not answer a netlink request", { cause: error });
        if (errno !== "EINTR") throw error;
      }
    }
  }
}
