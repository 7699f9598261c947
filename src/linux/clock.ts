import * as host from "host";
import { type Clock, InterruptedError } from "../node/clock.ts";
import { readFile } from "./files/read.ts";
import type { Waits } from "./waits.ts";

/** Longest /proc/stat that is read, bytes: the file has some 10 numbers for each processor and each interrupt. */
const LONGEST_STATISTICS = 16 << 20;

/** The machine's clocks, and the signals that this process holds back until it asks for them. */
export class LinuxClock implements Clock {
  private ownPid: number | undefined;
  private knownBootId: string | undefined;

  constructor(private readonly waits: Waits) {}

  now(): number {
    return host.monotonic();
  }

  wall(): number {
    return host.realtime();
  }

  bootId(): string {
    this.knownBootId ??= readFile("/proc/sys/kernel/random/boot_id").trim();
    return this.knownBootId;
  }

  bootTime(): number {
    // proc(5). On a machine with many processors the line comes far behind their counters.
    const text = readFile("/proc/stat", LONGEST_STATISTICS);
    const [, seconds] = /^btime (\d+)$/m.exec(text) ?? [];
    if (seconds === undefined) throw new Error('/proc/stat has no line "btime"');
    return Number(seconds) * 1000;
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
    this.waits.ignoresSignals = true;
  }

  heedInterrupts(): void {
    this.waits.ignoresSignals = false;
  }
}
