import { CniError, codes } from "../cni/errors.ts";
import { FunctionError, type VirtualFunction } from "../node/functions.ts";
import type { Link, VfConfig } from "../node/links.ts";
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

/** A PF, asked when it is needed and once, and of the VF only where that is needed: its answer grows with its VFs. */
export class PhysicalFunction {
  #link: Link | undefined;
  #vf: VfConfig | undefined;

  constructor(
    private readonly node: Node,
    private readonly pf: string,
    private readonly index: number,
  ) {}

  /**
   * Its netdev, through which its VFs are configured. It is looked for by PCI address: names change.
   * @throws {CniError} where it has none.
   */
  get link(): Link {
    this.#link ??= this.#found(netdevOf(this.node, this.node.namespaces.host, this.pf));
    return this.#link;
  }

  /**
   * What it says of the VF.
   * @throws {CniError} where it has no netdev.
   */
  get vf(): VfConfig {
    if (this.#vf === undefined) {
      const { link, vf } = this.#found(this.node.links.physical(this.pf, this.index));
      this.#link = link;
      this.#vf = vf;
    }
    return this.#vf;
  }

  #found<T>(found: T | undefined): T {
    if (found !== undefined) return found;
    throw new CniError(
      codes.node,
      `PF ${this.pf} has no netdev, through which its VFs are configured: load ib_ipoib (modprobe ib_ipoib), and ` +
        "see that the PF's netdev is in the host's network namespace",
    );
  }
}
