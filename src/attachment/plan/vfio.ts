import { CniError, codes } from "../../cni/errors.ts";
import { ZERO_GUID } from "../../infiniband/guid.ts";
import type { VfConfig } from "../../node/links.ts";
import { isPhysical, VFIO_DRIVER, type VirtualFunction } from "../../node/pci-functions.ts";
import { warnOfSkippedIpam } from "../ipam/ipam.ts";
import type { Desired, Originals } from "../record/record.ts";
import type { AddRequest } from "../requests.ts";
import type { PhysicalFunction } from "../vf/pci-function.ts";
import { requireUsableGuid } from "./usable-guid.ts";

/**
 * Returns the request without GUID and link state: a PF has its own, which the host cannot set. If the network sets
 * them, ADD warns and does not fail: ib-kubernetes assigns a GUID to every pod of a network, and the Go plugin ignores
 * it, too.
 */
export function requestForVfio(call: AddRequest): AddRequest {
  if (call.guid !== undefined || call.wanted.linkState !== undefined) {
    call.warn(
      `${call.deviceID} is a PF, which keeps its own GUID and link state: those of the network are not set`,
    );
  }
  return { ...call, guid: undefined, wanted: { ...call.wanted, linkState: undefined } };
}

/**
 * Returns the originals of a function that is bound to vfio-pci: for a VF, those that its PF has for it.
 * @throws {CniError} if the network sets a key that such a function cannot have.
 */
export function vfioOriginals(
  vf: VirtualFunction,
  pf: PhysicalFunction,
  wanted: Desired,
  call: AddRequest,
): Originals {
  refuseInterface(vf, wanted);
  const { nodeGuid, portGuid, linkState } = isPhysical(vf) ? unknownConfig : pf.vf;
  if (wanted.guid === undefined) {
    // A GUID that the kernel does not report may be valid.
    const reported = [nodeGuid, portGuid].filter((guid) => guid !== undefined);
    requireUsableGuid(vf, undefined, reported, "");
  } else if (nodeGuid === undefined || portGuid === undefined) {
    call.warn(
      `the kernel does not report which GUIDs PF ${vf.pf} has for VF ${vf.pci}; DEL will leave the VF without a GUID`,
    );
  }
  warnOfSkippedIpam(call, `${vf.pci} is bound to ${VFIO_DRIVER}`);
  return {
    name: "",
    altnames: [],
    nodeGuid: nodeGuid ?? ZERO_GUID,
    portGuid: portGuid ?? ZERO_GUID,
    linkState,
    rdma: { devices: [], files: [] },
    driver: VFIO_DRIVER,
  };
}

/** The settings of a VF are stored in its PF. A whole PF has no such settings, so all are unknown. */
const unknownConfig: VfConfig = { nodeGuid: undefined, portGuid: undefined, linkState: undefined };

/**
 * Refuses a VF that is not bound to vfio-pci if the network sets `vfioPciMode`.
 * @param driver the VF's driver, which is not vfio-pci.
 * @throws {CniError} if the network sets `vfioPciMode`.
 */
export function requireNoVfio({ vfioPciMode }: AddRequest, { pci }: VirtualFunction, driver: string): void {
  if (vfioPciMode !== true) return;
  throw new CniError(
    codes.badConfiguration,
    `vfioPciMode: VF ${pci} is bound to ${driver}, not to ${VFIO_DRIVER}: bind it (driverctl set-override ${pci} ${VFIO_DRIVER}; ` +
      "in the SR-IOV Network Operator: deviceType: vfio-pci), or remove vfioPciMode",
  );
}

/** Refuses keys for an interface or an RDMA device, because ignoring them would hide a mistake. */
function refuseInterface({ pci }: VirtualFunction, wanted: Desired): void {
  const keys = {
    rdmaIsolation: wanted.rdmaIsolation,
    mtu: wanted.mtu,
    waitForCarrierSeconds: wanted.carrierTime,
    waitForPkeySeconds: wanted.partition,
  };
  const asked = Object.entries(keys).find(([, value]) => value !== undefined);
  if (asked === undefined) return;
  throw new CniError(
    codes.unsupportedField,
    `network configuration: ${asked[0]} is set, and VF ${pci} is bound to ${VFIO_DRIVER}: it has neither interface nor RDMA ` +
      `device on the host; remove ${asked[0]}`,
  );
}
