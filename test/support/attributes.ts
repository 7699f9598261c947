import type { Attribute } from "../../src/netlink/attributes.ts";

/** The value of the attribute of a type, of the last one if there are several (as the kernel reads them). */
export function findAttribute(attributes: readonly Attribute[], type: number): Uint8Array | undefined {
  return attributes.findLast((attribute) => attribute.type === type)?.value;
}
