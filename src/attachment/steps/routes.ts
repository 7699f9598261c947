import { CniError, codes } from "../../cni/errors.ts";
import { addressFamily, networkOf, parseCidr } from "../../ip/address.ts";
import type { Route, RouteState } from "../../ip/route.ts";
import type { Link } from "../../node/links.ts";
import type { Namespace } from "../../node/namespaces.ts";
import type { Node } from "../../node/node.ts";

/** The gateway by which the kernel understands that the destination is on the link. It refuses "::". */
const NO_GATEWAY = "0.0.0.0";

/** Number of routes that a message lists. A container can have any number of routes through its interface. */
const LISTED = 20;

/**
 * Verifies that an interface has all of its routes.
 * @param routes each with the gateway that it must use.
 * @throws {CniError} that names the first missing route, and routes that the interface has.
 */
export function verifyRoutes(
  node: Node,
  containerNetns: Namespace,
  link: Link,
  routes: readonly Route[],
): void {
  for (const family of [4, 6] as const) {
    const wanted = routes.filter((route) => addressFamily(route.dst) === family);
    if (wanted.length === 0) continue;
    const there = node.links.routes(containerNetns, link.index, family);
    const byDestination = new Map<string, RouteState[]>();
    for (const route of there) {
      const same = byDestination.get(route.dst);
      if (same === undefined) byDestination.set(route.dst, [route]);
      else same.push(route);
    }
    const missing = wanted.find(
      (route) => byDestination.get(networkText(route.dst))?.some((each) => isSame(each, route)) !== true,
    );
    if (missing === undefined) continue;
    const list = there.slice(0, LISTED).map(show).join(", ") || "none";
    const others = there.length > LISTED ? ` and ${there.length - LISTED} more` : "";
    throw new CniError(codes.node, `${link.name} lacks the route ${show(missing)}; it has ${list}${others}`);
  }
}

/**
 * Compares two routes to the same destination. Table and priority count only if the result names them; otherwise the
 * kernel chose them, as it does for table 0.
 */
function isSame(there: RouteState, { gw, table = 0, priority }: Route): boolean {
  return (
    there.gw === (gw === NO_GATEWAY ? undefined : gw) &&
    (table === 0 || there.table === table) &&
    (priority === undefined || there.priority === priority)
  );
}

/** Returns a destination without host bits: the kernel clears them in IPv6, and refuses them in IPv4. */
function networkText(cidr: string): string {
  const parsed = parseCidr(cidr);
  return parsed === undefined ? cidr : networkOf(parsed);
}

function show({ dst, gw, table, priority }: Route): string {
  const words = [
    dst,
    ...(gw === undefined ? [] : [`via ${gw}`]),
    ...(table === undefined ? [] : [`table ${table}`]),
    ...(priority === undefined || priority === 0 ? [] : [`metric ${priority}`]),
  ];
  return words.join(" ");
}
