import { addressFamily } from "../ip/address.ts";
import type { Route } from "../ip/route.ts";
import { CniError, codes } from "./errors.ts";
import { type Dns, hasDns, type Interface, type IpConfig, type Result } from "./result.ts";
import { type CniVersion, familyOf } from "./versions.ts";

/**
 * Encodes a result in the configuration's version, for stdout: JSON indented by four, without a newline at its end.
 * Values for which the version has no member are omitted, even those that Go's libraries print.
 * @throws {CniError} 999 if the version cannot express the result, see {@link requireExpressible}.
 */
export function encodeResult(result: Result, version: CniVersion): string {
  return JSON.stringify(documentOf(result, version), null, 4);
}

/**
 * Checks that a version can express a result: results of 0.1.0 and 0.2.0 need an address. ADD checks this before it
 * changes anything if neither an IPAM plugin nor a plugin before this one can provide an address.
 * @throws {CniError} 999 if the version needs an address, and the result has no address.
 */
export function requireExpressible(version: CniVersion, hasAddresses: boolean): void {
  if (hasAddresses || familyOf(version) !== "0.1") return;
  throw new CniError(codes.internal, "cannot convert: no valid IP addresses", {
    details: `a result of CNI ${version} must have an address: configure ipam, or cniVersion 0.3.0 or newer`,
  });
}

function documentOf(result: Result, version: CniVersion): object {
  switch (familyOf(version)) {
    case "0.1":
      return oldDocument(result, version);
    case "0.3":
      return {
        cniVersion: version,
        interfaces: list(result.interfaces.map(({ name, mac, sandbox }) => ({ name, mac, sandbox }))),
        ips: list(result.ips.map(ipWithVersion)),
        routes: list(result.routes.map(plainRoute)),
        dns: dnsInOrder(result.dns),
      };
    case "1.0": {
      const full = version === "1.1.0";
      return {
        cniVersion: version,
        dns: hasDns(result.dns) ? sortedDns(result.dns) : undefined,
        interfaces: list(
          result.interfaces.map((each) => (full ? fullInterface(each) : plainInterface(each))),
        ),
        ips: list(
          result.ips.map(({ address, gateway, interface: index }) => ({
            address,
            gateway,
            interface: index,
          })),
        ),
        routes: list(result.routes.map((each) => (full ? fullRoute(each) : plainRoute(each)))),
      };
    }
  }
}

/** Encodes for 0.1.0 and 0.2.0: the first address of each family, with the routes of its family. */
function oldDocument(result: Result, version: CniVersion): object {
  requireExpressible(version, result.ips.length > 0);
  const half = (family: 4 | 6): object | undefined => {
    const ip = result.ips.find((each) => addressFamily(each.address) === family);
    if (ip === undefined) return undefined;
    const routes = result.routes.filter((each) => addressFamily(each.dst) === family);
    return { ip: ip.address, gateway: ip.gateway, routes: list(routes.map(plainRoute)) };
  };
  return { cniVersion: version, ip4: half(4), ip6: half(6), dns: dnsInOrder(result.dns) };
}

function ipWithVersion(ip: IpConfig): object {
  return {
    version: addressFamily(ip.address) === 4 ? "4" : "6",
    interface: ip.interface,
    address: ip.address,
    gateway: ip.gateway,
  };
}

function plainRoute(route: Route): object {
  return { dst: route.dst, gw: route.gw };
}

/** Encodes a route for results of CNI 1.x, with its members in alphabetical order, as Go prints them. */
function fullRoute({ advmss, dst, gw, mtu, priority, scope, table }: Route): object {
  return { advmss, dst, gw, mtu, priority, scope, table };
}

function plainInterface({ mac, name, sandbox }: Interface): object {
  return { mac, name, sandbox };
}

function fullInterface({ mac, mtu, name, pciID, sandbox, socketPath }: Interface): object {
  return { mac, mtu, name, pciID, sandbox, socketPath };
}

/** Encodes in the order of 0.x. */
function dnsInOrder(dns: Dns): object {
  return {
    nameservers: list(dns.nameservers),
    domain: dns.domain,
    search: list(dns.search),
    options: list(dns.options),
  };
}

function sortedDns(dns: Dns): object {
  return {
    domain: dns.domain,
    nameservers: list(dns.nameservers),
    options: list(dns.options),
    search: list(dns.search),
  };
}

/** Omits empty lists: JSON.stringify drops undefined members. */
function list<T>(items: readonly T[]): readonly T[] | undefined {
  return items.length === 0 ? undefined : items;
}
