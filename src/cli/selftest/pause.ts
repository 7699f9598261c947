import { monotonic, poll } from "host";
import { errnoOf } from "../../node/node.ts";

/** Sleeps for a time, ms, where the kernel has no event to wait for. A signal ends it early. */
export function pause(time: number): void {
  try {
    poll(-1, -1, monotonic() + time);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== "ETIMEDOUT" && errno !== "EINTR") throw error;
  }
}
