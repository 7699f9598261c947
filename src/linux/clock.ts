import * as host from "host";
import { type Clock, InterruptedError } from "../node/clock.ts";
import type { Waits } from "./waits.ts";

/** The machine's clocks, and the signals that were held back. */
export class LinuxClock implements Clock {
  private ownPid: number | undefined;

  constructor(private readonly waits: Waits) {}

  now(): number {
    return host.monotonic();
  }

  wall(): number {
    return host.realtime();
  }

  bootId(): string {
    return host.readFile("/proc/sys/kernel/random/boot_id").trim();
  }

  get pid(): number {
    this.ownPid ??= host.getpid();
    return this.ownPid;
  }

  checkInterrupted(): void {
    const signal = this.waits.signal();
    if (signal !== undefined) throw new InterruptedError(`stopped by ${signal}`);
  }

  ignoreInterrupts(): void {
    this.waits.ignoreSignals();
  }
}
