import { ipamTypeOf } from "../cni/configuration.ts";
import { CniError, codes } from "../cni/errors.ts";
import { isUsableGuid, ZERO_GUID } from "../infiniband/guid.ts";
import type { VirtualFunction } from "../node/functions.ts";
import type { Node } from "../node/node.ts";
import type { AttachCall } from "./call.ts";
import type { PhysicalFunction } from "./function.ts";
import type { Originals, Wanted } from "./record.ts";
import { VFIO_DRIVER } from "./steps/passthrough.ts";

/**
 * What there is of a VF that is bound to vfio-pci: what its PF has on file for it.
 * @throws {CniError} where the network wants what such a VF cannot have.
 */
export function vfioOriginals(
  node: Node,
  vf: VirtualFunction,
  pf: PhysicalFunction,
  wanted: Wanted,
  { stdin, warn }: AttachCall,
): Originals {
  refuseInterface(vf, wanted);
  const { nodeGuid, portGuid, linkState } = pf.vf;
  if (wanted.guid === undefined) {
    const invalid = [nodeGuid, portGuid].find((guid) => guid !== undefined && !isUsableGuid(guid));
    if (invalid !== undefined) throw noGuid(vf, invalid);
  } else if (nodeGuid === undefined || portGuid === undefined) {
    warn(
      `the kernel cannot tell which GUIDs PF ${vf.pf} has for VF ${vf.pci}; it has none when it is given back`,
    );
  }
  const ipam = ipamTypeOf(stdin);
  if (ipam !== undefined) {
    warn(
      `VF ${vf.pci} is bound to ${VFIO_DRIVER}: there is no interface to put addresses on, and IPAM plugin ${ipam} is not called`,
    );
  }
  return {
    name: "",
    altnames: [],
    mtu: 0,
    up: false,
    nodeGuid: nodeGuid ?? ZERO_GUID,
    portGuid: portGuid ?? ZERO_GUID,
    linkState,
    rdma: { devices: [], files: [] },
    driver: VFIO_DRIVER,
    driverOverride: node.functions.driverOverride(vf.pci),
  };
}

/**
 * What was asked for must be so.
 * @param driver that is bound to the VF, and not vfio-pci.
 * @throws {CniError} where the network is one for virtual machines.
 */
export function requireNoVfio({ vfioPciMode }: AttachCall, { pci }: VirtualFunction, driver: string): void {
  if (vfioPciMode !== true) return;
  throw new CniError(
    codes.badConfiguration,
    `vfioPciMode: VF ${pci} is bound to ${driver}, not to ${VFIO_DRIVER}: bind it (driverctl set-override ${pci} ${VFIO_DRIVER}; ` +
      "in the SR-IOV Network Operator: deviceType: vfio-pci), or remove vfioPciMode",
  );
}

/** It would be worse to ignore what the network wants of an interface. */
function refuseInterface({ pci }: VirtualFunction, wanted: Wanted): void {
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

function noGuid({ pci, pf, index }: VirtualFunction, invalid: string): CniError {
  return new CniError(
    codes.badConfiguration,
    `VF ${pci} has no valid GUID (${invalid}) and the network names none: set "guid" in the network, to "auto" (one is ` +
      "derived for the VF, and stays) or to a GUID, or runtimeConfig.infinibandGUID (capability infinibandGUID); run " +
      `ib-kubernetes; or give the VF one, at the netdev of PF ${pf}: ip link set <PF> vf ${index} node_guid <GUID>; ` +
      `ip link set <PF> vf ${index} port_guid <GUID>`,
  );
}
