import { CniError, codes } from "../../cni/errors.ts";
import { ZERO_GUID } from "../../infiniband/guid.ts";
import type { VfConfig } from "../../node/links.ts";
import { isPhysical, VFIO_DRIVER } from "../../node/pci-functions.ts";
import { warnOfSkippedIpam } from "../ipam/ipam.ts";
import type { Desired } from "../record/desired.ts";
import type { Originals } from "../record/record.ts";
import { originalDeviceInfo } from "../steps/device-info.ts";
import type { AddSession } from "./add-session.ts";
import { requireUsableGuid } from "./usable-guid.ts";

/** Returns the originals of a function that is bound to vfio-pci: for a VF, those that its PF has for it. */
export function vfioOriginals(
  { node, state, vf, pf, request, warn }: AddSession,
  desired: Desired,
): Originals {
  const { nodeGuid, portGuid, linkState } = isPhysical(vf)
    ? { ...unknownConfig, portGuid: state.pfGuid(vf.pci) }
    : pf.vf;
  if (desired.guid === undefined) {
    // A GUID that the kernel does not report may be valid.
    const reported = [nodeGuid, portGuid].filter((guid) => guid !== undefined);
    requireUsableGuid(vf, undefined, reported, "");
  } else if (nodeGuid === undefined || portGuid === undefined) {
    warn(
      `the kernel does not report which GUIDs PF ${vf.pf} has for VF ${vf.pci}; DEL will leave the VF without a GUID`,
    );
  }
  warnOfSkippedIpam(request, `${vf.pci} is bound to ${VFIO_DRIVER}`);
  return {
    name: "",
    altnames: [],
    nodeGuid: nodeGuid ?? ZERO_GUID,
    portGuid: portGuid ?? ZERO_GUID,
    linkState,
    rdma: { devices: [], files: [] },
    deviceInfo: isPhysical(vf) ? originalDeviceInfo(node, desired, "vfio-pf") : undefined,
    driver: VFIO_DRIVER,
  };
}

/**
 * The settings of a VF are stored in its PF. A whole PF has no such settings, so all are unknown, except for the port GUID
 * that was noted when the PF had its own driver.
 */
const unknownConfig: VfConfig = { nodeGuid: undefined, portGuid: undefined, linkState: undefined };

/**
 * Refuses a VF that is not bound to vfio-pci if the network sets `vfioPciMode`.
 * @param driver the VF's driver, which is not vfio-pci.
 * @throws {CniError} if the network sets `vfioPciMode`.
 */
export function requireNoVfio({ request, vf: { pci } }: AddSession, driver: string): void {
  if (request.vfioPciMode !== true) return;
  throw new CniError(
    codes.badConfiguration,
    `vfioPciMode: VF ${pci} is bound to ${driver}, not to ${VFIO_DRIVER}: bind it (driverctl set-override ${pci} ${VFIO_DRIVER}; ` +
      "in the SR-IOV Network Operator: deviceType: vfio-pci), or remove vfioPciMode",
  );
}
