import { CniError, codes } from "../../cni/errors.ts";
import { VFIO_DRIVER } from "../../node/pci-functions.ts";
import type { Step } from "../context.ts";

/**
 * Verifies the driver of a VF of a virtual machine. The machine gets the whole VF through the VF's group below
 * /dev/vfio, which the device plugin gives to the container, so there is nothing to apply.
 */
export const vfioDriver: Step = {
  name: "driver",

  verify({ node, record }) {
    const driver = node.functions.driver(record.vf.pci);
    if (driver === VFIO_DRIVER) return;
    throw new CniError(
      codes.node,
      `${record.vf.pci} is bound to ${driver ?? "no driver"}, not to ${VFIO_DRIVER}`,
    );
  },
};

/** Verifies that a VF without a netdev has its RDMA devices. */
export const rdmaOnly: Step = {
  name: "RDMA devices",

  verify({ node, record }) {
    const { pci } = record.vf;
    if (node.functions.rdmaDevicesAnywhere(pci).length > 0 || node.functions.rdmaDevices(pci).length > 0)
      return;
    throw new CniError(codes.node, `VF ${pci} has no RDMA device; see dmesg`);
  },
};
