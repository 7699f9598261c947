import type { Node } from "../../src/node/node.ts";

/** Parts of a node's parts. */
type Parts = { readonly [Part in keyof Node]?: Partial<Node[Part]> };

/**
 * A node that has what a test gives it, and that is checked against the real one's types. Whatever else is asked of it
 * is undefined, and calling that a TypeError, which fails the test: hence the cast.
 */
export function partialNode(parts: Parts): Node {
  return parts as Node;
}
