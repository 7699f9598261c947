import { addressFamily, networkOf, parseCidr } from "./address.ts";
import { CniError, codes } from "./errors.ts";
import type { Result, Route } from "./result.ts";

/** RT_SCOPE_LINK, linux/rtnetlink.h. From here on scopes become narrower: host (254), nowhere (255). */
const SCOPE_LINK = 253;

/** What an interface must get, in the shapes that the node's links take. */
export interface AddressPlan {
  readonly addresses: readonly { readonly cidr: string }[];
  /** Each with the gateway that it goes through, if any. */
  readonly routes: readonly Route[];
  /** IPv6 must be switched on in the interface's namespace before. */
  readonly hasIPv6: boolean;
  /**
   * Duplicate address detection must have ended before the interface is handed over: where traffic leaves
   * through an IPv6 gateway at once, as in the reference plugins.
   */
  readonly waitForDad: boolean;
}

/**
 * From IPAM's result to what the interface must get. Every address of it is ours.
 *
 * A route without a gateway goes through the first one of its family, unless its scope says that its destinations are on
 * the link, or on the host itself.
 * @param source of the result, for messages: "IPAM plugin …".
 * @throws {CniError} 999 where the kernel would refuse a route, saying what is wrong with it.
 */
export function addressPlan(ipam: Result, source: string): AddressPlan {
  const firstGateway = (family: 4 | 6): string | undefined =>
    ipam.ips.find((ip) => ip.gateway !== undefined && addressFamily(ip.gateway) === family)?.gateway;
  const gateway = { 4: firstGateway(4), 6: firstGateway(6) };
  return {
    addresses: ipam.ips.map((ip) => ({ cidr: ip.address })),
    routes: ipam.routes.map((route) => {
      checkRoute(route, source);
      return { ...route, gw: route.gw ?? (isOnLink(route) ? undefined : gateway[addressFamily(route.dst)]) };
    }),
    hasIPv6: ipam.ips.some((ip) => addressFamily(ip.address) === 6),
    waitForDad: gateway[6] !== undefined,
  };
}

function isOnLink({ scope }: Route): boolean {
  return scope !== undefined && scope >= SCOPE_LINK;
}

/** Linux answers EINVAL to these, which says nothing to whoever configured them. */
function checkRoute(route: Route, source: string): void {
  // In IPv6 the kernel looks at no scope.
  if (route.gw !== undefined && isOnLink(route) && addressFamily(route.dst) === 4) {
    const scope = route.scope === SCOPE_LINK ? `${SCOPE_LINK} (link)` : route.scope;
    throw new CniError(
      codes.internal,
      `route ${route.dst} of the result of ${source} has scope ${scope}, which goes through no gateway, and gateway ${route.gw}`,
    );
  }
  const dst = parseCidr(route.dst);
  const network = dst === undefined ? undefined : networkOf(dst);
  // IPv6 masks host bits away by itself.
  if (dst?.family === 4 && network !== route.dst) {
    throw new CniError(
      codes.internal,
      `route ${route.dst} of the result of ${source} is no network; did you mean ${network}?`,
    );
  }
  if (route.gw !== undefined && addressFamily(route.gw) !== addressFamily(route.dst)) {
    throw new CniError(
      codes.internal,
      `route ${route.dst} of the result of ${source} has gateway ${route.gw}, which is of another address family`,
    );
  }
}
