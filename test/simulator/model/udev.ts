import type { FileTree } from "./files.ts";
import { addAltnames, rename } from "./link-requests.ts";
import type { Netdev } from "./netdev.ts";
import type { Netns } from "./netns.ts";
import type { Rdma, RdmaDevice } from "./rdma.ts";
import { Refusal } from "./refusal.ts";
import type { Timeline } from "./timeline.ts";

/** The names that udev gives to the netdev of a function, and to its RDMA device. */
export interface Naming {
  readonly name: string;
  readonly altnames: readonly string[];
  readonly rdma: string;
}

/**
 * A udev: some time after a netdev appeared, it gives the netdev the name of its function. Like the real udev it works
 * by index, so that it skips a netdev that has left the namespace by then, and it ignores errors.
 */
export class Udev {
  /** Number of events that it handles. */
  #events = 0;

  /** @param directory of its files: of its control socket, and of the file that exists while it handles events. */
  constructor(
    private readonly files: FileTree,
    private readonly directory: string,
    private readonly timeline: Timeline,
    private readonly host: Netns,
    private readonly rdma: Rdma,
    /** Time until it renames, ms. */
    private readonly delay: number,
    /** Names by PCI address. */
    private readonly names: ReadonlyMap<string, Naming>,
    /** Whether a netdev must be down to be renamed, as before Linux 6.2. */
    private readonly needsDown: boolean,
  ) {
    files.makeDirectory(directory);
    files.write(`${directory}/control`, "");
  }

  appeared(netdev: Netdev): void {
    const naming = this.names.get(netdev.kind.pci ?? "");
    if (naming === undefined) return;
    this.#handle(() => {
      if (this.host.indexOf(netdev) === undefined || netdev.kind.parent !== undefined) return;
      if (!(this.needsDown && netdev.up)) unlessRefused(() => rename(this.host, netdev, naming.name));
      unlessRefused(() => addAltnames(this.host, netdev, naming.altnames));
    });
  }

  registered(device: RdmaDevice): void {
    const naming = this.names.get(device.pci);
    if (naming === undefined) return;
    let read = device.name;
    // Before this moment, rdma_rename does not find a device that another process has renamed.
    this.timeline.after(this.delay / 2, () => {
      read = device.name;
    });
    this.#handle(() => {
      // rdma_rename reads the function through a path that contains the device's name, and renames it by its index.
      const name = device.name === read ? naming.rdma : withoutFunction(naming.rdma);
      if (device.where === this.host) unlessRefused(() => this.rdma.rename(device, name));
    });
  }

  /** Handles an event, which takes some time. */
  #handle(action: () => void): void {
    const queue = `${this.directory}/queue`;
    if (this.#events++ === 0) this.files.write(queue, "");
    this.timeline.after(this.delay, () => {
      action();
      if (--this.#events === 0) this.files.remove(queue);
    });
  }
}

/** Returns the name of which rdma_rename could read only the first part, e.g. "ibp1s0" of "ibp1s0f0v0". */
function withoutFunction(name: string): string {
  return name.replace(/f\d+(v\d+)?$/, "");
}

function unlessRefused(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
}
