import { addressFamily, networkOf, parseCidr } from "../ip/address.ts";
import type { Route } from "../ip/route.ts";
import { CniError, codes } from "./errors.ts";
import type { Result } from "./result.ts";

/** RT_SCOPE_LINK, linux/rtnetlink.h. Larger numbers are narrower scopes: host (254), nowhere (255). */
const SCOPE_LINK = 253;

/** The addresses and routes that an interface gets, as `Links.configure` takes them. */
export interface AddressPlan {
  readonly addresses: readonly { readonly cidr: string }[];
  /** Each route contains its gateway, if it has one. */
  readonly routes: readonly Route[];
  /** IPv6 must be enabled in the interface's namespace before. */
  readonly hasIPv6: boolean;
  /**
   * Duplicate address detection must have ended before ADD answers. This is so if traffic can leave through an IPv6
   * gateway at once, as in the reference plugins.
   */
  readonly waitForDad: boolean;
}

/**
 * Returns the addresses and routes that the interface gets, from the result of the IPAM plugin. All its addresses are
 * for this interface.
 *
 * A route without a gateway gets the first gateway of its family, unless its scope means that its destinations are on
 * the link, or on the host itself.
 * @param source of the result, for messages: "IPAM plugin …".
 * @throws {CniError} 999 if the kernel would refuse a route; the message names the reason.
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

/** Refuses routes to which Linux answers EINVAL, with a message that names the reason. */
function checkRoute(route: Route, source: string): void {
  // The kernel ignores the scope of IPv6 routes.
  if (route.gw !== undefined && isOnLink(route) && addressFamily(route.dst) === 4) {
    const scope = route.scope === SCOPE_LINK ? `${SCOPE_LINK} (link)` : route.scope;
    throw new CniError(
      codes.internal,
      `route ${route.dst} of the result of ${source} has gateway ${route.gw}, which its scope ${scope} does not allow`,
    );
  }
  const dst = parseCidr(route.dst);
  const network = dst === undefined ? undefined : networkOf(dst);
  // The kernel masks the host bits of IPv6 routes itself.
  if (dst?.family === 4 && network !== route.dst) {
    throw new CniError(
      codes.internal,
      `route ${route.dst} of the result of ${source} has host bits; use ${network}`,
    );
  }
  if (route.gw !== undefined && addressFamily(route.gw) !== addressFamily(route.dst)) {
    throw new CniError(
      codes.internal,
      `route ${route.dst} of the result of ${source} has gateway ${route.gw}, which is of another address family`,
    );
  }
}
