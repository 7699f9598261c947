import { CniError, codes } from "../../cni/errors.ts";
import { composeResult, type Result } from "../../cni/result.ts";
import { encodeResult } from "../../cni/result-encode.ts";
import { VFIO_DRIVER } from "../../node/pci-functions.ts";
import type { Step } from "../context.ts";
import type { ResultContext } from "../requests.ts";

/**
 * The VF as a virtual machine gets it: whole, through its group below /dev/vfio, which the device plugin hands to the
 * container. There is no interface in the container, and the result claims none.
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
 * What the runtime is told where the container gets no interface: what the plugins before us have made, if any.
 * @throws {CniError} where the runtime's version cannot express it: a result of 0.1.0 is made of addresses.
 */
export function resultWithoutInterface({ prevResult, dns, cniVersion }: ResultContext): Result {
  const result = composeResult({ prevResult, own: undefined, ipam: undefined, dns });
  encodeResult(result, cniVersion);
  return result;
}

/** A VF without a netdev: there is no interface in the container, and the result claims none. */
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
