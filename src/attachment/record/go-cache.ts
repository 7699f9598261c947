import { fromJson, isObject } from "../../cni/document.ts";
import { type Guid, parseGuid } from "../../infiniband/guid.ts";
import type { LinkState } from "../../node/links.ts";
import { parsePciAddress } from "../../node/pci-address.ts";

/** What the Go plugin has written down of an attachment that it made, as far as a DEL can use it. */
export interface GoCache {
  /** PCI address of the VF. */
  readonly pci: string;
  /** Name of the PF's netdev, by which the Go plugin configures the VF. */
  readonly pfName: string;
  /** Name of the VF's netdev in the host's namespace; "" where it had none (vfio-pci). */
  readonly name: string;
  /** CNI_IFNAME; "" where the container got no netdev (vfio-pci). */
  readonly ifname: string;
  /** The GUID that ADD set, as node and as port GUID; undefined where it set none. */
  readonly guid: Guid | undefined;
  /** The port GUID that the VF had before; undefined where ADD set none. */
  readonly found: Guid | undefined;
  /** The link state that ADD set; undefined where it set none. What there was before it did not look at. */
  readonly linkState: LinkState | undefined;
  /** Is the VF's RDMA device in the container, too? */
  readonly rdmaIsolation: boolean;
  /** Is the VF handed over as a whole, bound to vfio-pci? */
  readonly vfioPciMode: boolean;
}

/**
 * Reads the Go plugin's cache: its configuration (pkg/types, NetConf) with what ADD has found out, as JSON. It is
 * written by one program only, so its keys have one spelling.
 * @returns undefined where it is none, or says less than that plugin would need itself.
 */
export function parseGoCache(text: string): GoCache | undefined {
  const cache = fromJson(text);
  if (!isObject(cache)) return undefined;
  const { Master: pfName, HostIFNames: name, ContIFNames: ifname, HostIFGUID, link_state: linkState } = cache;
  if (typeof pfName !== "string" || typeof name !== "string" || typeof ifname !== "string") return undefined;
  const pci = typeof cache.deviceID === "string" ? parsePciAddress(cache.deviceID) : undefined;
  if (pci === undefined || !isLinkStateOrNone(linkState)) return undefined;
  const found = typeof HostIFGUID === "string" ? parseGuid(HostIFGUID) : undefined;
  const guid = found === undefined ? undefined : configuredGuid(cache);
  return {
    pci,
    pfName,
    name,
    ifname,
    guid,
    found: guid === undefined ? undefined : found,
    linkState: linkState === "" ? undefined : linkState,
    rdmaIsolation: cache.rdmaIsolation === true,
    vfioPciMode: cache.vfioPciMode === true,
  };
}

/** The two places that the Go plugin takes a GUID from, in its order. */
function configuredGuid({ runtimeConfig, args }: Record<string, unknown>): Guid | undefined {
  const ofRuntime = isObject(runtimeConfig) ? runtimeConfig.infinibandGUID : undefined;
  const ofPod = isObject(args) && isObject(args.cni) ? args.cni.guid : undefined;
  const text = typeof ofRuntime === "string" && ofRuntime !== "" ? ofRuntime : ofPod;
  return typeof text === "string" ? parseGuid(text) : undefined;
}

function isLinkStateOrNone(value: unknown): value is LinkState | "" | undefined {
  return [undefined, "", "auto", "enable", "disable"].includes(value as string | undefined);
}
