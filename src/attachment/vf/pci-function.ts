import { CniError, codes } from "../../cni/errors.ts";
import type { Guid } from "../../infiniband/guid.ts";
import { portGuidOf } from "../../infiniband/hardware-address.ts";
import type { Link, VfConfig, VfGuids } from "../../node/links.ts";
import type { Node } from "../../node/node.ts";
import { isPhysical, PciFunctionError, VFIO_DRIVER, type VirtualFunction } from "../../node/pci-functions.ts";
import { portGuidOfDevice } from "./effective-guids.ts";
import { netdevOf } from "./netdev.ts";

/**
 * Returns the function at a PCI address that a container can have: a VF, or a whole PF that is bound to vfio-pci.
 * @throws {CniError} code 7 if there is neither.
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
 * Reports whether sysfs shows neither a VF nor its PF. Then the VF can still be in use: sysfs is not mounted, or is
 * masked in the container in which the plugin runs.
 */
export function isUnseen({ functions }: Node, vf: RecordedVf): boolean {
  if (functions.generation(vf.pci) !== undefined) return false;
  if (isPhysical(vf)) return !functions.any();
  return functions.generation(vf.pf) === undefined || functions.isVirtualOf(vf);
}

/**
 * Returns the error for a VF that is unseen.
 * @param pf how the message names the PF.
 */
export function unseenError(pci: string, pf: string): CniError {
  return new CniError(
    codes.node,
    `read VF ${pci}: /sys/bus/pci/devices shows neither it nor ${pf}; check that the host's sysfs is mounted at /sys; ` +
      "if the PF was removed, run: ib-sriov attachments release --force",
  );
}

/** Reports whether there is a VF at a PCI address. */
export function isVirtual(node: Node, pci: string): boolean {
  try {
    node.functions.virtualFunction(pci);
    return true;
  } catch (error) {
    if (error instanceof PciFunctionError) return false;
    throw error;
  }
}

/** Returns a PF as a function for a container; `undefined` if it is not bound to vfio-pci. */
function wholeFunction(node: Node, pci: string): VirtualFunction | undefined {
  const generation = node.functions.generation(pci);
  if (generation === undefined || node.functions.driver(pci) !== VFIO_DRIVER) return undefined;
  return { pci, pf: pci, index: 0, generation };
}

/**
 * A PF's netdev, and the configuration of one VF at that PF. Each is read once, at its first use. The configuration is
 * a separate read, because the kernel's answer grows with the number of VFs.
 */
export class PhysicalFunction {
  private knownLink: Link | undefined;
  private knownVf: VfConfig | undefined;
  private guids: () => readonly VfGuids[] = () => [];

  constructor(
    private readonly node: Node,
    private readonly pf: string,
    private readonly index: number,
  ) {}

  /**
   * The PF's netdev, through which its VFs are configured. It is looked up by PCI address, because names change.
   * @throws {CniError} if the PF has no netdev.
   */
  get link(): Link {
    return this.required(this.linkIfAny);
  }

  /** The PF's netdev; `undefined` if it does not exist, as on a node without ib_ipoib. */
  get linkIfAny(): Link | undefined {
    this.knownLink ??= netdevOf(this.node, this.node.namespaces.host, this.pf);
    return this.knownLink;
  }

  /** The port GUID of the PF; `undefined` if it cannot be read. */
  get portGuid(): Guid | undefined {
    const link = this.linkIfAny;
    if (link !== undefined) return portGuidOf(link.address);
    return portGuidOfDevice(this.node, this.pf, this.node.functions.rdmaDevices(this.pf));
  }

  /**
   * The VF's configuration at the PF.
   * @throws {CniError} if the PF has no netdev.
   */
  get vf(): VfConfig {
    if (this.knownVf === undefined) {
      const { link, vf, guids } = this.required(this.node.links.physical(this.pf, this.index));
      this.knownLink = link;
      this.knownVf = vf;
      this.guids = guids;
    }
    return this.knownVf;
  }

  /**
   * The administrative GUIDs of the PF's other VFs, which the kernel reports together with {@link vf}.
   * @throws {CniError} if the PF has no netdev.
   */
  get others(): readonly VfGuids[] {
    return this.vf && this.guids().filter(({ index }) => index !== this.index);
  }

  /** Forgets the VF's configuration, which has been changed: {@link vf} reads it again. */
  forgetVf(): void {
    this.knownVf = undefined;
  }

  private required<T>(found: T | undefined): T {
    if (found !== undefined) return found;
    throw new CniError(
      codes.node,
      `PF ${this.pf} has no netdev, through which its VFs are configured: load ib_ipoib (modprobe ib_ipoib), and ` +
        "check that the PF's netdev is in the host's network namespace; or let the VF keep its GUID and link policy: a " +
        "network that sets rdmaOnly, and neither link_state nor a GUID, does not configure the VF",
    );
  }
}
