import { type Guid, sameGuid } from "../../infiniband/guid.ts";

/** Node and port GUID of a VF; a GUID is `undefined` if it cannot be read. */
export interface GuidPair {
  readonly node: Guid | undefined;
  readonly port: Guid | undefined;
}

/** Returns the first GUID of a pair that differs from the expected one; `undefined` if no readable GUID differs. */
export function otherGuid(
  { node, port }: GuidPair,
  expected: { readonly node: Guid; readonly port: Guid },
): { readonly kind: "node" | "port"; readonly found: Guid } | undefined {
  if (node !== undefined && !sameGuid(node, expected.node)) return { kind: "node", found: node };
  if (port !== undefined && !sameGuid(port, expected.port)) return { kind: "port", found: port };
  return undefined;
}
