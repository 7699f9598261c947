import type { Node } from "../../src/node/node.ts";

/** A type whose members have optional members. */
type Parts = { readonly [Part in keyof Node]?: Partial<Node[Part]> };

/**
 * Returns a node with the given parts, which are checked against the types of the real node. Any other part is
 * `undefined`, and calling it is a TypeError, which fails the test: hence the cast.
 */
export function partialNode(parts: Parts): Node {
  return parts as Node;
}
