import { CniError, codes } from "../../cni/errors.ts";
import { composeResult, type Result } from "../../cni/result.ts";
import { encodeResult } from "../../cni/result-encode.ts";
import { VFIO_DRIVER } from "../../node/pci-functions.ts";
import type { Step } from "../context.ts";
import type { ResultContext } from "../requests.ts";

/**
 * Makes the result for a VF of a virtual machine. The machine gets the whole VF through the VF's group below /dev/vfio,
 * which the device plugin gives to the container. The container has no interface, so the result contains none.
 */
export const vfioDriver: Step = {
  name: "driver",

  apply(attachment) {
    attachment.result = resultWithoutInterface(attachment.reply);
  },

  undo() {},

  verify({ node, record }) {
    const driver = node.functions.driver(record.vf.pci);
    if (driver === VFIO_DRIVER) return;
    throw new CniError(
      codes.node,
      `${record.vf.pci} is bound to ${driver ?? "no driver"}, not to ${VFIO_DRIVER}`,
    );
  },
};

/**
 * Returns the result of an ADD whose container gets no interface: the result of the previous plugins in the chain, if
 * any.
 * @throws {CniError} if the runtime's CNI version cannot express it: a result of 0.1.0 must contain addresses.
 */
function resultWithoutInterface({ prevResult, dns, cniVersion }: ResultContext): Result {
  const result = composeResult({ prevResult, own: undefined, ipam: undefined, dns });
  encodeResult(result, cniVersion);
  return result;
}

/** Makes the result for a VF without a netdev. The container has no interface, so the result contains none. */
export const rdmaOnly: Step = {
  name: "RDMA devices",

  apply(attachment) {
    attachment.result = resultWithoutInterface(attachment.reply);
  },

  undo() {},

  verify({ node, record }) {
    const { pci } = record.vf;
    if (node.functions.rdmaDevicesAnywhere(pci).length > 0 || node.functions.rdmaDevices(pci).length > 0)
      return;
    throw new CniError(codes.node, `VF ${pci} has no RDMA device; see dmesg`);
  },
};
