import { monotonic, poll } from "host";
import { errnoOf } from "../node/node.ts";

/** Sleeps for a time, ms. It is for changes for which the kernel has no event. A signal ends it early. */
export function pause(time: number): void {
  try {
    poll(-1, -1, monotonic() + time);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== "ETIMEDOUT" && errno !== "EINTR") throw error;
  }
}
