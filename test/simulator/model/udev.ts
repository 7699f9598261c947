import { addAltnames, rename } from "./link-requests.ts";
import type { Netdev } from "./netdev.ts";
import type { Netns } from "./netns.ts";
import type { Rdma, RdmaDevice } from "./rdma.ts";
import { Refusal } from "./refusal.ts";
import type { Timeline } from "./timeline.ts";

/** What udev calls the netdev of a function, and its RDMA device. */
export interface Naming {
  readonly name: string;
  readonly altnames: readonly string[];
  readonly rdma: string;
}

/**
 * A udev: some time after a netdev appeared it gives it the name of its function. It goes by index, so that a
 * netdev that is somewhere else by then is left alone, and what fails it leaves as it is.
 */
export class Udev {
  constructor(
    private readonly timeline: Timeline,
    private readonly host: Netns,
    private readonly rdma: Rdma,
    /** ms. */
    private readonly delay: number,
    /** By PCI address. */
    private readonly names: ReadonlyMap<string, Naming>,
    /** Must a netdev be down to be renamed, as before Linux 6.2? */
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
