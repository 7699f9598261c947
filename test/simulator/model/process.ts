import type { LockHolder } from "../../../src/node/files.ts";
import type { Netns } from "./netns.ts";
import type { OpenFile } from "./open-file.ts";

/** A process of the plugin: what it holds, and loses when it ends in whatever way. */
export class Process {
  alive = true;
  /** The signal that has come and was held back. */
  signal: string | undefined;
  /** Does no signal end a wait any more? */
  deaf = false;
  readonly #files = new Map<number, OpenFile>();
  readonly #namespaces = new Set<Netns>();
  #lastDescriptor = 2;

  /** As others see it that wait for its lock. */
  readonly holder: LockHolder;

  constructor(readonly pid: number) {
    this.holder = { pid, pids: [pid], command: "ib-sriov" };
  }

  /** Opens a file; returns its descriptor. */
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

  /** Holds a namespace open. */
  pin(namespace: Netns): void {
    namespace.pins.add(this);
    this.#namespaces.add(namespace);
  }

  /** Returns the namespaces that it held. */
  end(): Netns[] {
    this.alive = false;
    for (const descriptor of [...this.#files.keys()]) this.close(descriptor);
    const held = [...this.#namespaces];
    this.#namespaces.clear();
    for (const namespace of held) namespace.pins.delete(this);
    return held;
  }
}
