import { CniError, codes } from "../../cni/errors.ts";
import type { Link, VfConfig } from "../../node/links.ts";
import type { Node } from "../../node/node.ts";
import { isPhysical, PciFunctionError, VFIO_DRIVER, type VirtualFunction } from "../../node/pci-functions.ts";
import { netdevOf } from "./netdev.ts";

/**
 * What a container can be given at a PCI address: a VF, or a whole PF, if that is bound to vfio-pci.
 * @throws {CniError} 7 where there is neither.
 */
export function functionAt(node: Node, pci: string): VirtualFunction {
  try {
    return node.functions.virtualFunction(pci);
  } catch (error) {
    if (!(error instanceof PciFunctionError)) throw error;
    const whole = error.reason === "not-virtual" ? wholeFunction(node, pci) : undefined;
    if (whole !== undefined) return whole;
    throw new CniError(codes.badConfiguration, `deviceID ${pci}: ${error.message}`, { cause: error });
  }
}

/**
 * Returns the generation of a recorded VF; `undefined` if the VF was destroyed: sysfs shows its PF, and not the VF.
 * @throws {CniError} if sysfs shows neither, see {@link isUnseen}.
 */
export function generationOf(node: Node, vf: RecordedVf): string | undefined {
  const generation = node.functions.generation(vf.pci);
  if (generation === undefined && isUnseen(node, vf)) throw unseenError(vf.pci, `its PF ${vf.pf}`);
  return generation;
}

type RecordedVf = Pick<VirtualFunction, "pci" | "pf" | "index">;

/**
 * Reports whether sysfs shows neither a VF nor its PF, so that the VF can be in use all the same: sysfs is not mounted,
 * or a container in which the plugin runs has devices masked.
 */
export function isUnseen({ functions }: Node, vf: RecordedVf): boolean {
  if (functions.generation(vf.pci) !== undefined) return false;
  if (isPhysical(vf)) return !functions.any();
  return functions.generation(vf.pf) === undefined || functions.isVirtualOf(vf);
}

/** @param pf how the message names the PF. */
export function unseenError(pci: string, pf: string): CniError {
  return new CniError(
    codes.node,
    `read VF ${pci}: /sys/bus/pci/devices shows neither it nor ${pf}; see that the host's sysfs is mounted at /sys; if ` +
      "the PF is really gone: ib-sriov attachments release --force",
  );
}

/** Is there a VF at a PCI address? */
export function isVirtual(node: Node, pci: string): boolean {
  try {
    node.functions.virtualFunction(pci);
    return true;
  } catch (error) {
    if (error instanceof PciFunctionError) return false;
    throw error;
  }
}

/** A PF that is bound to vfio-pci; undefined where it is not. */
function wholeFunction(node: Node, pci: string): VirtualFunction | undefined {
  const incarnation = node.functions.generation(pci);
  if (incarnation === undefined || node.functions.driver(pci) !== VFIO_DRIVER) return undefined;
  return { pci, pf: pci, index: 0, incarnation };
}

/** A PF, asked when it is needed and once, and of the VF only where that is needed: its answer grows with its VFs. */
export class PhysicalFunction {
  private knownLink: Link | undefined;
  private knownVf: VfConfig | undefined;

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
    this.knownLink ??= this.found(netdevOf(this.node, this.node.namespaces.host, this.pf));
    return this.knownLink;
  }

  /**
   * What it says of the VF.
   * @throws {CniError} where it has no netdev.
   */
  get vf(): VfConfig {
    if (this.knownVf === undefined) {
      const { link, vf } = this.found(this.node.links.physical(this.pf, this.index));
      this.knownLink = link;
      this.knownVf = vf;
    }
    return this.knownVf;
  }

  private found<T>(found: T | undefined): T {
    if (found !== undefined) return found;
    throw new CniError(
      codes.node,
      `PF ${this.pf} has no netdev, through which its VFs are configured: load ib_ipoib (modprobe ib_ipoib), and ` +
        "see that the PF's netdev is in the host's network namespace",
    );
  }
}
