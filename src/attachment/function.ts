import { CniError, codes } from "../cni/errors.ts";
import { FunctionError, type VirtualFunction } from "../node/functions.ts";
import type { Link } from "../node/links.ts";
import type { Node } from "../node/node.ts";
import { netdevOf } from "./vf-netdev.ts";

/**
 * The VF at a PCI address.
 * @throws {CniError} 7 where there is none, or it is no VF.
 */
export function virtualFunctionAt(node: Node, pci: string): VirtualFunction {
  try {
    return node.functions.virtualFunction(pci);
  } catch (error) {
    if (!(error instanceof FunctionError)) throw error;
    throw new CniError(codes.badConfiguration, `deviceID ${pci}: ${error.message}`, { cause: error });
  }
}

/**
 * The netdev of a PF, through which its VFs are configured. It is looked for by PCI address: names change.
 * @throws {CniError} where it has none.
 */
export function pfNetdev(node: Node, pf: string): Link {
  const link = netdevOf(node, node.namespaces.host, pf);
  if (link !== undefined) return link;
  throw new CniError(
    codes.node,
    `PF ${pf} has no netdev, through which its VFs are configured: load ib_ipoib (modprobe ib_ipoib), and see ` +
      "that the PF's netdev is in the host's network namespace",
  );
}
