import { CniError, codes } from "../../cni/errors.ts";
import type { Step } from "../attachment.ts";
import { resultWithoutInterface } from "../result-without-interface.ts";

/** The driver of VFs that are handed to virtual machines. */
export const VFIO_DRIVER = "vfio-pci";

/**
 * The VF as a virtual machine gets it: whole, through its group below /dev/vfio, which the device plugin hands to the
 * container. There is no interface in the container, and the result claims none.
 */
export const passthrough: Step = {
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
