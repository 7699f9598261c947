import { type Guid, sameGuid } from "../infiniband/guid.ts";

/** Node and port GUID of a VF; undefined where it cannot be read. */
export interface GuidPair {
  readonly node: Guid | undefined;
  readonly port: Guid | undefined;
}

/** Which GUID of a pair is another one than it shall be, and what it is; undefined: neither, as far as it can be read. */
export function otherGuid(
  { node, port }: GuidPair,
  guid: Guid,
): { readonly kind: "node" | "port"; readonly found: Guid } | undefined {
  if (node !== undefined && !sameGuid(node, guid)) return { kind: "node", found: node };
  if (port !== undefined && !sameGuid(port, guid)) return { kind: "port", found: port };
  return undefined;
}
