/**
 * Settings of a netdev besides its names, its MTU and its admin state. A container can change all of them, and they
 * move along with the netdev. A member is undefined if the kernel does not report it.
 */
export interface LinkSettings {
  /** The flags that can be set, as bits of linux/if.h: NOARP, PROMISC, ALLMULTI, MULTICAST … */
  readonly flags: number;
  readonly txQueueLength?: number | undefined;
  readonly group?: number | undefined;
  /** IF_LINK_MODE_*, linux/if.h. */
  readonly linkMode?: number | undefined;
  /** Limits of one packet that is sent or received with segmentation offload, in bytes and in segments. */
  readonly gsoMaxSize?: number | undefined;
  readonly gsoMaxSegments?: number | undefined;
  readonly gsoIpv4MaxSize?: number | undefined;
  readonly groMaxSize?: number | undefined;
  readonly groIpv4MaxSize?: number | undefined;
  readonly alias: string;
  /** The broadcast address in hexadecimal digits; IPoIB joins the multicast group that it names. */
  readonly broadcast?: string | undefined;
  /** IPoIB only: 0 for datagram, 1 for connected. */
  readonly mode?: number | undefined;
  /** IPoIB only: 1 if user space joins multicast groups. */
  readonly umcast?: number | undefined;
  /** IDs of the XDP programs that run in the kernel's stack, in the driver, on the device; 0 for none. */
  readonly xdpGeneric: number;
  readonly xdpDriver: number;
  readonly xdpHardware: number;
}

/**
 * Returns the members in which `now` differs from `originals`. A member that is undefined on either side is skipped.
 */
export function changedSettings(now: LinkSettings, originals: LinkSettings): (keyof LinkSettings)[] {
  const changed: (keyof LinkSettings)[] = [];
  for (const key in originals) {
    const name = key as keyof LinkSettings;
    const [is, was] = [now[name], originals[name]];
    if (is !== undefined && was !== undefined && is !== was) changed.push(name);
  }
  return changed;
}
