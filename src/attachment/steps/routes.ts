import { CniError, codes } from "../../cni/errors.ts";
import { addressFamily, networkOf, parseCidr } from "../../ip/address.ts";
import type { Route, RouteState } from "../../ip/route.ts";
import type { Link } from "../../node/links.ts";
import type { Namespace } from "../../node/namespaces.ts";
import type { Node } from "../../node/node.ts";

/**
 * Verifies that an interface has all of its routes.
 * @param routes each with the gateway that it must use.
 * @throws {CniError} that names the first missing route, and the routes that the interface has.
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
    const missing = wanted.find((route) => !there.some((each) => isSame(each, route)));
    if (missing === undefined) continue;
    throw new CniError(
      codes.node,
      `${link.name} lacks the route ${show(missing)}; it has ${there.map(show).join(", ") || "none"}`,
    );
  }
}

/** Compares two routes. Table and priority count only if the result names them; otherwise the kernel chose them. */
function isSame(there: RouteState, { dst, gw, table, priority }: Route): boolean {
  return (
    there.dst === networkText(dst) &&
    there.gw === gw &&
    (table === undefined || there.table === table) &&
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
