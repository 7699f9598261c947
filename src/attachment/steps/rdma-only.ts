import { CniError, codes } from "../../cni/errors.ts";
import type { Step } from "../attachment.ts";
import { resultWithoutInterface } from "../result-without-interface.ts";

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
