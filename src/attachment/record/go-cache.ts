import { fromJson, isObject } from "../../cni/document.ts";
import { type Guid, parseGuid } from "../../infiniband/guid.ts";
import type { LinkState } from "../../node/links.ts";
import { parsePciAddress } from "../../node/pci-address.ts";

/** The Go plugin's cache of an attachment that it has made, as far as a DEL uses it. */
export interface GoCache {
  /** PCI address of the VF. */
  readonly pci: string;
  /** Name of the PF's netdev, by which the Go plugin configures the VF. */
  readonly pfName: string;
  /** Name of the VF's netdev in the host namespace; "" if it had no netdev (vfio-pci). */
  readonly name: string;
  /** CNI_IFNAME; "" if the container got no netdev (vfio-pci). */
  readonly ifname: string;
  /** The GUID that ADD set, as node and as port GUID; `undefined` if it set no GUID. */
  readonly guid: Guid | undefined;
  /** The original port GUID of the VF; `undefined` if ADD set no GUID. */
  readonly original: Guid | undefined;
  /** The link state that ADD set; `undefined` if it set none. The Go plugin does not record the original one. */
  readonly linkState: LinkState | undefined;
  /** Whether the VF's RDMA device is in the container, too. */
  readonly rdmaIsolation: boolean;
  /** Whether the container has the whole VF, bound to vfio-pci. */
  readonly vfioPciMode: boolean;
}

/**
 * Parses the Go plugin's cache, which is JSON: its configuration (pkg/types, NetConf) with the values that ADD read.
 * Only the Go plugin writes it, so its keys have one spelling.
 * @returns `undefined` if the text is not such a cache, or lacks a member that the Go plugin itself would need.
 */
export function parseGoCache(text: string): GoCache | undefined {
  const cache = fromJson(text);
  if (!isObject(cache)) return undefined;
  const { Master: pfName, HostIFNames: name, ContIFNames: ifname, HostIFGUID, link_state: linkState } = cache;
  if (typeof pfName !== "string" || typeof name !== "string" || typeof ifname !== "string") return undefined;
  const pci = typeof cache.deviceID === "string" ? parsePciAddress(cache.deviceID) : undefined;
  if (pci === undefined || !isLinkStateOrNone(linkState)) return undefined;
  const original = typeof HostIFGUID === "string" ? parseGuid(HostIFGUID) : undefined;
  const guid = original === undefined ? undefined : configuredGuid(cache);
  return {
    pci,
    pfName,
    name,
    ifname,
    guid,
    original: guid === undefined ? undefined : original,
    linkState: linkState === "" ? undefined : linkState,
    rdmaIsolation: cache.rdmaIsolation === true,
    vfioPciMode: cache.vfioPciMode === true,
  };
}

/** Returns the GUID from the two places that the Go plugin reads, in the Go plugin's order. */
function configuredGuid({ runtimeConfig, args }: Record<string, unknown>): Guid | undefined {
  const ofRuntime = isObject(runtimeConfig) ? runtimeConfig.infinibandGUID : undefined;
  const ofPod = isObject(args) && isObject(args.cni) ? args.cni.guid : undefined;
  const text = typeof ofRuntime === "string" && ofRuntime !== "" ? ofRuntime : ofPod;
  return typeof text === "string" ? parseGuid(text) : undefined;
}

function isLinkStateOrNone(value: unknown): value is LinkState | "" | undefined {
  return [undefined, "", "auto", "enable", "disable"].includes(value as string | undefined);
}
