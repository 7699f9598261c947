import type { LockHolder } from "../../../src/node/files.ts";
import type { Netns } from "./netns.ts";
import type { OpenFile } from "./open-file.ts";

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

  constructor(readonly pid: number) {
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

  /** Ends the process, and returns the namespaces that it had open. */
  end(): Netns[] {
    this.isRunning = false;
    for (const descriptor of [...this.#files.keys()]) this.close(descriptor);
    const held = [...this.#namespaces];
    this.#namespaces.clear();
    for (const namespace of held) namespace.pins.delete(this);
    return held;
  }
}
