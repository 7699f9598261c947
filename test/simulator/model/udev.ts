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
  constructor(
    private readonly timeline: Timeline,
    private readonly host: Netns,
    private readonly rdma: Rdma,
    /** Time until it renames, ms. */
    private readonly delay: number,
    /** Names by PCI address. */
    private readonly names: ReadonlyMap<string, Naming>,
    /** Whether a netdev must be down to be renamed, as before Linux 6.2. */
    private readonly needsDown: boolean,
  ) {}

  appeared(netdev: Netdev): void {
    const naming = this.names.get(netdev.kind.pci ?? "");
    if (naming === undefined) return;
    this.timeline.after(this.delay, () => {
      if (this.host.indexOf(netdev) === undefined || netdev.kind.parent !== undefined) return;
      if (!(this.needsDown && netdev.up)) unlessRefused(() => rename(this.host, netdev, naming.name));
      unlessRefused(() => addAltnames(this.host, netdev, naming.altnames));
    });
  }

  registered(device: RdmaDevice): void {
    const naming = this.names.get(device.pci);
    if (naming === undefined) return;
    this.timeline.after(this.delay, () => {
      if (device.where === this.host) unlessRefused(() => this.rdma.rename(device, naming.rdma));
    });
  }
}

function unlessRefused(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
}
