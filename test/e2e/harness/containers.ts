import type { Caller } from "./cni.ts";
import { inRepository } from "./guest.ts";
import type { TestNode } from "./node.ts";

/** The script that makes the containers in the guest; a test that uses it must list it among the files of its virtual node. */
export const containers = inRepository("test/e2e/guest/containers.sh");

/** Makes the containers of guest/containers.sh, which exist until the guest ends. */
export async function makeContainers(node: TestNode): Promise<void> {
  await node.shell("bash /host/containers.sh");
}

const plugin = "/opt/cni/bin/ib-sriov";
/** The command that runs another command in the DRA driver's container. */
export const inDriver = "nsenter --mount=/run/containers/driver";

/** A DRA driver, which calls the plugin inside its own container. */
export const driver: Caller = { enter: inDriver, plugin };
/** Thick Multus, which changes to the host's root to call the plugin. */
export const multus: Caller = {
  enter: "nsenter --mount=/run/containers/multus /bin/chroot /hostroot",
  plugin,
};

/** Returns the path of a namespace that is valid for all callers: the driver has no /run. */
export const netnsOf = (pod: string) => `/var/run/netns/${pod}`;
