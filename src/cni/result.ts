import type { Route } from "../ip/route.ts";
/**
 * A CNI result in the form of version 1.1.0, whatever the version of the document. Addresses have the canonical
 * spelling (see address.ts). An absent member is `undefined`, also if the document has "" or 0 for it and these mean
 * "absent".
 */
export interface Result {
  readonly interfaces: readonly Interface[];
  readonly ips: readonly IpConfig[];
  readonly routes: readonly Route[];
  readonly dns: Dns;
}

/** An interface that a plugin created. */
export interface Interface {
  readonly name: string;
  /** Hardware address as text. */
  readonly mac?: string | undefined;
  /** Bytes. */
  readonly mtu?: number | undefined;
  /** Path of its namespace, as in CNI_NETNS; `undefined` if it is in the host namespace. */
  readonly sandbox?: string | undefined;
  /** Path of a socket that represents the interface (vhost-user and similar). */
  readonly socketPath?: string | undefined;
  readonly pciID?: string | undefined;
}

/** An address. */
export interface IpConfig {
  /** CIDR, host bits kept. */
  readonly address: string;
  readonly gateway?: string | undefined;
  /** Index in `interfaces`. */
  readonly interface?: number | undefined;
}

/** Settings of name resolution. */
export interface Dns {
  readonly nameservers: readonly string[];
  readonly domain?: string | undefined;
  readonly search: readonly string[];
  readonly options: readonly string[];
}

/** Returns an empty result. */
export function emptyResult(): Result {
  return { interfaces: [], ips: [], routes: [], dns: emptyDns() };
}

/** Returns empty settings of name resolution. */
export function emptyDns(): Dns {
  return { nameservers: [], search: [], options: [] };
}

/** Reports whether there is any setting. */
export function hasDns(dns: Dns): boolean {
  return dns.nameservers.length + dns.search.length + dns.options.length > 0 || dns.domain !== undefined;
}

/**
 * Returns the result that ADD prints.
 *
 * The interfaces, addresses and routes of the plugins before this one in the chain come first, unchanged, so that their
 * indexes stay valid; those of this plugin follow. Each address of the IPAM plugin gets the index of this plugin's
 * interface. Interfaces in the IPAM plugin's result are dropped, because an IPAM plugin creates none. Name resolution
 * is taken as a whole from the first of these that has any: the configuration, the IPAM plugin, the plugins before. The
 * bridge and ptp plugins do the same.
 */
export function composeResult(parts: {
  /** Result of the plugins before this one in the chain. */
  readonly prevResult: Result | undefined;
  /** `undefined` if `prevResult` contains it. */
  readonly own: Interface | undefined;
  readonly ipam: Result | undefined;
  /** The `dns` of the network configuration. */
  readonly dns: Dns;
}): Result {
  const before = parts.prevResult ?? emptyResult();
  const ipam = parts.ipam ?? emptyResult();
  const index = before.interfaces.length;
  return {
    interfaces: parts.own === undefined ? before.interfaces : [...before.interfaces, parts.own],
    ips: [...before.ips, ...ipam.ips.map((ip) => ({ ...ip, interface: index }))],
    routes: [...before.routes, ...ipam.routes],
    dns: [parts.dns, ipam.dns].find(hasDns) ?? before.dns,
  };
}
