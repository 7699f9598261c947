import { InterruptedError, TimeoutError } from "../../../src/node/clock.ts";
import type { LockHolder } from "../../../src/node/files.ts";
import type { Watch } from "../../../src/node/links.ts";
import type * as node from "../../../src/node/processes.ts";
import type { OpenFile } from "./files.ts";
import type { Machine } from "./machine.ts";
import type { Netns } from "./netns.ts";
import { Refusal } from "./refusal.ts";
import type { Timeline } from "./timeline.ts";

/** A process of the plugin: its open files and namespaces, which are closed when it ends. */
export class Process {
  isRunning = true;
  /** The signal that arrived and was held back. */
  signal: string | undefined;
  /** Whether signals no longer end waits. */
  ignoresSignals = false;
  readonly #files = new Map<number, OpenFile>();
  readonly #namespaces = new Set<Netns>();
  #lastDescriptor = 2;

  /** The process in the messages of other processes that wait for its lock. */
  readonly holder: LockHolder;

  constructor(
    readonly pid: number,
    private readonly time: Timeline,
  ) {
    this.holder = { pid, pids: [pid], command: "ib-sriov" };
  }

  /** Opens a file and returns its descriptor. */
  open(file: OpenFile): number {
    this.#files.set(++this.#lastDescriptor, file);
    return this.#lastDescriptor;
  }

  file(descriptor: number): OpenFile {
    const file = this.#files.get(descriptor);
    if (file === undefined) throw new Error(`descriptor ${descriptor} is not open`);
    return file;
  }

  close(descriptor: number): void {
    this.#files.get(descriptor)?.close(this.holder);
    this.#files.delete(descriptor);
  }

  /** Opens a namespace. */
  pin(namespace: Netns): void {
    namespace.pins.add(this);
    this.#namespaces.add(namespace);
  }

  /** Closes a namespace. */
  unpin(namespace: Netns): void {
    namespace.pins.delete(this);
    this.#namespaces.delete(namespace);
  }

  /** Ends the process, and returns the namespaces that it had open. */
  end(): Netns[] {
    this.isRunning = false;
    for (const descriptor of [...this.#files.keys()]) this.close(descriptor);
    const held = [...this.#namespaces];
    this.#namespaces.clear();
    for (const namespace of held) namespace.pins.delete(this);
    return held;
  }

  /** @throws {InterruptedError} if a signal arrived that the process does not ignore. */
  checkInterrupted(): void {
    if (this.signal !== undefined && !this.ignoresSignals)
      throw new InterruptedError(`stopped by ${this.signal}`);
  }

  /**
   * Sleeps until a condition holds.
   * @throws {TimeoutError} at the deadline.
   * @throws {InterruptedError} if a signal arrived that the process does not ignore.
   */
  sleepUntil(deadline: number, what: string, holds: () => boolean): void {
    while (!holds()) {
      this.checkInterrupted();
      if (!this.time.step(deadline)) throw new TimeoutError(`timed out waiting for ${what}`);
    }
  }

  /** Watches for changes from now on, by their count. */
  watch(what: string, changes: () => number): Watch {
    let seen = changes();
    return {
      wait: (deadline) => {
        this.sleepUntil(deadline, `a change of ${what}`, () => changes() !== seen);
        seen = changes();
      },
      close() {},
    };
  }
}

/** A process of a container or of the host, which is not the plugin's. */
export interface OtherProcess extends node.NodeProcess {
  /** The network namespaces of its threads. */
  readonly namespaces: readonly Netns[];
  /** The numbers of the device files that it has open. */
  readonly files: readonly string[];
}

/** A program: it is called when the child starts, and continues in {@link Child.after}. */
export type Program = (child: Child) => void;

/** A child process. It ends by itself or by {@link kill}; the end of its parent does not end it. */
export class Child {
  /** `undefined` while the child runs. */
  outcome: node.ChildOutcome | undefined;

  constructor(
    readonly holder: LockHolder,
    private readonly timeline: Timeline,
    readonly environment: ReadonlyMap<string, string>,
    readonly stdin: string,
    private readonly inherited: readonly OpenFile[],
  ) {
    for (const file of inherited) file.share(holder);
  }

  /** Calls `action` after some time, ms, unless the child has ended. */
  after(time: number, action: () => void): void {
    this.timeline.after(time, () => {
      if (this.outcome === undefined) action();
    });
  }

  exit(status: number, stdout: string, stderr = ""): void {
    this.#end({ status, signal: 0, stdout, stderr });
  }

  /** Kills the child, by default with SIGKILL. */
  kill(signal = 9): void {
    this.#end({ status: -1, signal, stdout: "", stderr: "" });
  }

  /**
   * Starts a process that has the files that the child inherited, and continues after the end of the child.
   * @returns a function that ends that process.
   */
  leaveBehind(command: string): () => void {
    const pid = this.holder.pid + 10_000;
    const holder = { pid, pids: [pid], command };
    for (const file of this.inherited) file.share(holder);
    return () => {
      for (const file of this.inherited) file.close(holder);
    };
  }

  #end(outcome: node.ChildOutcome): void {
    if (this.outcome !== undefined) return;
    this.outcome = outcome;
    for (const file of this.inherited) file.close(this.holder);
  }
}

/** The processes of a machine, as a process of the plugin sees them, and its children. */
export class ModelProcesses implements node.Processes {
  constructor(
    private readonly machine: Machine,
    private readonly process: Process,
    private readonly variables: readonly string[],
  ) {}

  seesAll(): boolean {
    return this.machine.showsProcesses;
  }

  openersOf(numbers: readonly string[]): node.DeviceOpener[] {
    return this.machine
      .visibleProcesses()
      .flatMap(({ pid, command, files }) =>
        numbers.filter((number) => files.includes(number)).map((number) => ({ pid, command, number })),
      );
  }

  environment(): readonly string[] {
    return this.variables;
  }

  start({ path, environment, stdin, inherit }: node.ChildCommand): node.Child {
    if (!this.machine.programs.has(path)) throw new Refusal("ENOENT", `start ${path}`);
    const files = inherit.map((descriptor) => this.process.file(descriptor));
    const child = this.machine.startChild(path, environment, stdin, files);
    return {
      wait: (deadline) => {
        this.process.sleepUntil(deadline, `${path} to exit`, () => child.outcome !== undefined);
        if (child.outcome === undefined) throw new Error(`${path} has not ended`);
        return child.outcome;
      },
      kill: () => child.kill(),
    };
  }
}
