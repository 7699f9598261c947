import { type Guid, sameGuid } from "../../infiniband/guid.ts";

/** Node and port GUID of a VF; undefined where it cannot be read. */
export interface GuidPair {
  readonly node: Guid | undefined;
  readonly port: Guid | undefined;
}

/** Returns which GUID of a pair is not the expected one, and what it is; `undefined` if both are, as far as they can be read. */
export function otherGuid(
  { node, port }: GuidPair,
  expected: { readonly node: Guid; readonly port: Guid },
): { readonly kind: "node" | "port"; readonly found: Guid } | undefined {
  if (node !== undefined && !sameGuid(node, expected.node)) return { kind: "node", found: node };
  if (port !== undefined && !sameGuid(port, expected.port)) return { kind: "port", found: port };
  return undefined;
}
