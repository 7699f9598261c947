import * as host from "host";
import { TimeoutError } from "../node/clock.ts";
import { errnoOf } from "../node/node.ts";
import type { Child, ChildCommand, ChildOutcome, Processes } from "../node/processes.ts";
import type { LinuxNamespaces } from "./network/namespaces.ts";
import type { Waits } from "./waits.ts";

/** How much a child may print, in bytes. */
const OUTPUT_LIMIT = 1 << 20;
/** How long an executable that is being written is waited for, and how long between two tries, ms. */
const BUSY_TIME = 5_000;
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
    // A child is born into the network namespace that its parent is in.
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
   * Waits: there is no event for an executable that its writer closes. This is done with a socket on which
   * nothing comes, so that a signal and the rules for it apply as to every other wait.
   */
  private pause(time: number): void {
    const socket = host.netlinkSocket(NETLINK_ROUTE);
    try {
      const deadline = host.monotonic() + time;
      this.waits.retryUntilDeadline("an executable that is being written", () =>
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
    return this.waits.retryUntilDeadline(`the end of ${this.path}`, () =>
      host.wait(this.handle, deadline, OUTPUT_LIMIT),
    );
  }

  kill(): void {
    host.kill(this.handle);
  }
}

/** What /proc answers for a process that has ended meanwhile; of a zombie there is a directory, but not all that is in it. */
export const ENDED = ["ENOENT", "ESRCH"];

/** The processes that /proc shows, by their ids: those of its directories that have a number for a name. */
export function processIds(): string[] {
  return host.readDirectory("/proc").filter((name) => /^\d+$/.test(name));
}
