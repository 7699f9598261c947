import { CniError, codes } from "../../cni/errors.ts";
import { composeResult } from "../../cni/result.ts";
import { encodeResult } from "../../cni/result-encode.ts";
import type { Step } from "../attachment.ts";

/** The driver of VFs that are handed to virtual machines. */
export const VFIO_DRIVER = "vfio-pci";

/**
 * The VF as a virtual machine gets it: whole, through its group below /dev/vfio, which the device plugin hands to the
 * container. There is no interface in the container, and the result claims none.
 */
export const passthrough: Step = {
  name: "driver",

  apply(attachment) {
    const { prevResult, dns, cniVersion } = attachment.reply;
    const result = composeResult({ prevResult, own: undefined, ipam: undefined, dns });
    // What the runtime's version cannot express must not be found out when all is done.
    encodeResult(result, cniVersion);
    attachment.result = result;
  },

  undo() {},

  verify({ node, record }) {
    const driver = node.functions.driver(record.vf.pci);
    if (driver === VFIO_DRIVER) return;
    throw new CniError(
      codes.node,
      `VF ${record.vf.pci} is bound to ${driver ?? "no driver"}, not to ${VFIO_DRIVER}`,
    );
  },
};
