import * as host from "host";
import { TimeoutError } from "../node/clock.ts";
import { errnoOf } from "../node/node.ts";
import type { Child, ChildCommand, ChildOutcome, Processes } from "../node/processes.ts";
import type { LinuxNamespaces } from "./network/namespaces.ts";
import type { Waits } from "./waits.ts";

/** Maximum output of a child, bytes. */
const OUTPUT_LIMIT = 1 << 20;
/** Time limit for an executable that another process has open for writing (ETXTBSY), ms. */
const BUSY_TIME = 5_000;
/** Pause between two attempts to start such an executable, ms. */
const BUSY_PAUSE = 100;
/** NETLINK_ROUTE of linux/netlink.h. */
const NETLINK_ROUTE = 0;

/** Children of this process. */
export class LinuxProcesses implements Processes {
  constructor(
    private readonly namespaces: LinuxNamespaces,
    private readonly waits: Waits,
  ) {}

  environment(): readonly string[] {
    return host.environ();
  }

  start(command: ChildCommand): Child {
    // A child starts in the network namespace of its parent.
    this.namespaces.assertHome();
    return new LinuxChild(command.path, this.spawn(command), this.waits);
  }

  private spawn(command: ChildCommand): number {
    const deadline = Math.min(host.monotonic() + BUSY_TIME, command.deadline);
    for (;;) {
      try {
        return host.spawn(command);
      } catch (error) {
        if (errnoOf(error) !== "ETXTBSY" || host.monotonic() >= deadline) throw error;
      }
      this.pause(BUSY_PAUSE);
    }
  }

  /**
   * Sleeps, because the kernel has no event for the end of writing to an executable. It waits on a socket that receives
   * nothing, so that signals are handled as in every other wait.
   */
  private pause(time: number): void {
    const socket = host.netlinkSocket(NETLINK_ROUTE);
    try {
      const deadline = host.monotonic() + time;
      this.waits.retryUntilDeadline("an executable that another process writes to", () =>
        host.netlinkReceive(socket, deadline, 8192),
      );
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
    } finally {
      host.close(socket);
    }
  }
}

class LinuxChild implements Child {
  constructor(
    private readonly path: string,
    private readonly handle: number,
    private readonly waits: Waits,
  ) {}

  wait(deadline: number): ChildOutcome {
    return this.waits.retryUntilDeadline(`${this.path} to exit`, () =>
      host.wait(this.handle, deadline, OUTPUT_LIMIT),
    );
  }

  kill(): void {
    host.kill(this.handle);
  }
}

/**
 * The errnos of reading /proc/<pid> if the process has ended. The directory of a zombie exists, but lacks some files.
 */
export const ENDED = ["ENOENT", "ESRCH"];

/** Returns the ids of the processes in /proc: the directories whose names are numbers. */
export function processIds(): string[] {
  return host.readDirectory("/proc").filter((name) => /^\d+$/.test(name));
}
