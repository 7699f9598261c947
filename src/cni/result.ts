/**
 * A CNI result, in the shape of version 1.1.0 whatever version it came in or leaves in. Addresses are in one
 * spelling (see address.ts); what is absent is undefined, never empty or zero where those mean absent.
 */
export interface Result {
  readonly interfaces: readonly Interface[];
  readonly ips: readonly IpConfig[];
  readonly routes: readonly Route[];
  readonly dns: Dns;
}

/** One interface that plugins made. */
export interface Interface {
  readonly name: string;
  /** Hardware address as text. */
  readonly mac?: string | undefined;
  /** Bytes. */
  readonly mtu?: number | undefined;
  /** Path of the namespace that it is in, as the runtime gave it; undefined: it is on the host. */
  readonly sandbox?: string | undefined;
  /** Of a socket that stands for it (vhost-user and alike). */
  readonly socketPath?: string | undefined;
  readonly pciID?: string | undefined;
}

/** One address. */
export interface IpConfig {
  /** CIDR, host bits kept. */
  readonly address: string;
  readonly gateway?: string | undefined;
  /** Index in `interfaces`. */
  readonly interface?: number | undefined;
}

/** One route. It has the shape that the node's links take. */
export interface Route {
  /** CIDR. */
  readonly dst: string;
  /** undefined: the first gateway of its family, if there is one. */
  readonly gw: string | undefined;
  /** Bytes. */
  readonly mtu?: number | undefined;
  /** Bytes. */
  readonly advmss?: number | undefined;
  readonly priority?: number | undefined;
  /** 0 is a value of its own (unspecified), not "none". */
  readonly table?: number | undefined;
  /** 0 (universe) is a value of its own, not "none". */
  readonly scope?: number | undefined;
}

/** Name resolution. */
export interface Dns {
  readonly nameservers: readonly string[];
  readonly domain?: string | undefined;
  readonly search: readonly string[];
  readonly options: readonly string[];
}

/** A result with nothing in it. */
export function emptyResult(): Result {
  return { interfaces: [], ips: [], routes: [], dns: emptyDns() };
}

/** Name resolution with nothing in it. */
export function emptyDns(): Dns {
  return { nameservers: [], search: [], options: [] };
}

/** Does it say anything? */
export function hasDns(dns: Dns): boolean {
  return dns.nameservers.length + dns.search.length + dns.options.length > 0 || dns.domain !== undefined;
}

/**
 * The result that ADD prints.
 *
 * The interfaces, addresses and routes of the plugins before us stay in front and as they are, so that their
 * indexes stay true; ours follow. Every address of IPAM gets the index of our interface; interfaces that an
 * IPAM plugin claims are dropped, since it makes none. Name resolution is taken whole from the first that has
 * any of the configuration, IPAM, and the plugins before, as the bridge and ptp plugins do it.
 */
export function composeResult(parts: {
  /** Of the plugins before us in the chain. */
  readonly prevResult: Result | undefined;
  /** undefined: there is no interface. */
  readonly own: Interface | undefined;
  readonly ipam: Result | undefined;
  /** Of the network configuration. */
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
