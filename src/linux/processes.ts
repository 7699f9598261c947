import * as host from "host";
import { TimeoutError } from "../node/clock.ts";
import { errnoOf } from "../node/node.ts";
import type {
  Child,
  ChildCommand,
  ChildOutcome,
  DeviceOpener,
  Excess,
  Processes,
} from "../node/processes.ts";
import { ChildProcess } from "./child-process.ts";
import { readDirectory } from "./files/read.ts";
import type { LinuxNamespaces } from "./network/namespaces.ts";
import { ENDED, processIds, processOf, seesAllProcesses, threadsOf } from "./procfs.ts";
import type { Waits } from "./waits.ts";

/** Maximum output of a child, bytes. */
const OUTPUT_LIMIT = 1 << 20;
/** Time limit for an executable that another process has open for writing (ETXTBSY), ms. */
const BUSY_TIME = 5_000;
/** Pause between two attempts to start such an executable, ms. */
const BUSY_PAUSE = 100;

/** The processes of this machine, and children of this process. */
export class LinuxProcesses implements Processes {
  constructor(
    private readonly namespaces: LinuxNamespaces,
    private readonly waits: Waits,
  ) {}

  seesAll(): boolean {
    return seesAllProcesses();
  }

  openersOf(numbers: readonly string[]): DeviceOpener[] {
    if (numbers.length === 0) return [];
    return processIds().flatMap((pid) => {
      const open = openDevices(pid);
      const held = numbers.filter((number) => open.has(number));
      return held.map((number) => ({ ...processOf(pid), number }));
    });
  }

  environment(): readonly string[] {
    return host.environ();
  }

  start(command: ChildCommand): Child {
    // A child starts in the network namespace of its parent.
    this.namespaces.assertHome();
    return new LinuxChild(command.path, this.spawn(command), this.waits);
  }

  private spawn(command: ChildCommand): ChildProcess {
    const deadline = Math.min(host.monotonic() + BUSY_TIME, command.deadline);
    for (;;) {
      try {
        return ChildProcess.start(command);
      } catch (error) {
        if (errnoOf(error) !== "ETXTBSY" || host.monotonic() >= deadline) throw error;
      }
      this.pause(BUSY_PAUSE);
    }
  }

  /** Sleeps, because the kernel has no event for the end of writing to an executable. */
  private pause(time: number): void {
    try {
      const deadline = host.monotonic() + time;
      this.waits.retryUntilDeadline("an executable that another process writes to", () =>
        host.poll(-1, -1, deadline),
      );
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
    }
  }
}

class LinuxChild implements Child {
  constructor(
    private readonly path: string,
    private readonly child: ChildProcess,
    private readonly waits: Waits,
  ) {}

  wait(deadline: number, excess?: Excess): ChildOutcome {
    return this.waits.retryUntilDeadline(`${this.path} to exit`, () =>
      this.child.wait(deadline, OUTPUT_LIMIT, excess),
    );
  }

  kill(): void {
    this.child.kill();
  }
}

/** Returns the numbers of the device files that a process has open. */
function openDevices(pid: string): Set<string> {
  const numbers = new Set<string>();
  // After the end of its main thread, a process shows its descriptors at another thread.
  for (const directory of [`/proc/${pid}`, ...threadsOf(pid)]) {
    const descriptors = readDirectory(`${directory}/fd`, ENDED) ?? [];
    for (const fd of descriptors) {
      const number = host.deviceNumber(`${directory}/fd/${fd}`, ENDED);
      if (number !== undefined) numbers.add(number);
    }
    if (descriptors.length > 0) break;
  }
  return numbers;
}
