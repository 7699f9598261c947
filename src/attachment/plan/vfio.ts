import { CniError, codes } from "../../cni/errors.ts";
import { ZERO_GUID } from "../../infiniband/guid.ts";
import type { VfConfig } from "../../node/links.ts";
import { isPhysical, VFIO_DRIVER, type VirtualFunction } from "../../node/pci-functions.ts";
import { warnOfSkippedIpam } from "../ipam/ipam.ts";
import type { Desired, Originals } from "../record/record.ts";
import type { AddRequest } from "../requests.ts";
import type { PhysicalFunction } from "../vf/function.ts";
import { requireUsableGuid } from "./usable-guid.ts";

/**
 * What is left of a call for a PF: its GUIDs and its link are its own, and nobody on the host sets them. That is no
 * error: ib-kubernetes names a GUID for every pod of a network, and the Go plugin does not look at it either.
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
 * What there is of a function that is bound to vfio-pci: of a VF what its PF has on file for it.
 * @throws {CniError} where the network wants what such a VF cannot have.
 */
export function vfioOriginals(
  vf: VirtualFunction,
  pf: PhysicalFunction,
  wanted: Desired,
  call: AddRequest,
): Originals {
  refuseInterface(vf, wanted);
  const { nodeGuid, portGuid, linkState } = isPhysical(vf) ? nothingOnFile : pf.vf;
  if (wanted.guid === undefined) {
    // What the PF cannot tell may be one.
    const told = [nodeGuid, portGuid].filter((guid) => guid !== undefined);
    requireUsableGuid(vf, undefined, told, "");
  } else if (nodeGuid === undefined || portGuid === undefined) {
    call.warn(
      `the kernel cannot tell which GUIDs PF ${vf.pf} has for VF ${vf.pci}; it has none when it is given back`,
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

/** Nobody keeps a file on a PF. */
const nothingOnFile: VfConfig = { nodeGuid: undefined, portGuid: undefined, linkState: undefined };

/**
 * What was asked for must be so.
 * @param driver that is bound to the VF, and not vfio-pci.
 * @throws {CniError} where the network is one for virtual machines.
 */
export function requireNoVfio({ vfioPciMode }: AddRequest, { pci }: VirtualFunction, driver: string): void {
  if (vfioPciMode !== true) return;
  throw new CniError(
    codes.badConfiguration,
    `vfioPciMode: VF ${pci} is bound to ${driver}, not to ${VFIO_DRIVER}: bind it (driverctl set-override ${pci} ${VFIO_DRIVER}; ` +
      "in the SR-IOV Network Operator: deviceType: vfio-pci), or remove vfioPciMode",
  );
}

/** It would be worse to ignore what the network wants of an interface. */
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
