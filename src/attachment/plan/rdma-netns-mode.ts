import { CniError, codes } from "../../cni/errors.ts";
import type { Node } from "../../node/node.ts";
import { attempt } from "../errors.ts";

/**
 * Requires exclusive mode: in shared mode, all namespaces share the RDMA devices, and no container can have one alone.
 * @throws {CniError} naming the commands that change the mode.
 */
export function requireExclusiveRdma(node: Node): void {
  if (isExclusive(node)) return;
  throw new CniError(
    codes.node,
    "rdmaIsolation needs the RDMA subsystem in exclusive network namespace mode, and this node is in shared mode: " +
      "rdma system set netns exclusive (EBUSY as long as there is any other network namespace); permanently: " +
      'echo "options ib_core netns_mode=0" >>/etc/modprobe.d/ib-sriov.conf, and reboot (if the initramfs loads ' +
      "ib_core, rebuild the initramfs before that)",
  );
}

/** Warns in exclusive mode without isolation: the container can use IPoIB, and the kernel refuses everything else. */
export function warnOfUnusableRdma(node: Node, pci: string, warn: (message: string) => void): void {
  if (!isExclusive(node)) return;
  warn(
    `the RDMA subsystem is in exclusive network namespace mode, and the network does not set rdmaIsolation: the ` +
      `container cannot open the RDMA device of VF ${pci} (EPERM); set "rdmaIsolation": true in the network, or ` +
      "run: rdma system set netns shared",
  );
}

function isExclusive(node: Node): boolean {
  return attempt("read the network namespace mode of the RDMA subsystem", () => node.rdma.isExclusive());
}
