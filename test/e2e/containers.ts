import type { Caller } from "./cni.ts";
import { inRepository } from "./guest.ts";
import type { TestNode } from "./node.ts";

/** What makes them in the guest; a node that shall have them has it among its files. */
export const containers = inRepository("test/e2e/guest/containers.sh");

/** Makes the containers of guest/containers.sh, which stay until the guest ends. */
export async function makeContainers(node: TestNode): Promise<void> {
  await node.shell("bash /host/containers.sh");
}

const plugin = "/opt/cni/bin/ib-sriov";
/** A command in the DRA driver's container. */
export const inDriver = "nsenter --mount=/run/containers/driver";

/** A DRA driver, which calls the plugin where it is itself. */
export const driver: Caller = { enter: inDriver, plugin };
/** Thick Multus, which goes to the host's root for that. */
export const multus: Caller = {
  enter: "nsenter --mount=/run/containers/multus /bin/chroot /hostroot",
  plugin,
};

/** The path of a namespace that is the same for all of them: the driver has no /run. */
export const netnsOf = (pod: string) => `/var/run/netns/${pod}`;
