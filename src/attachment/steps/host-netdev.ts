import { messageOf } from "../../cni/error-document.ts";
import type { Link } from "../../node/links.ts";
import type { Node } from "../../node/node.ts";
import type { Step, StepContext } from "../context.ts";
import { hostNetdevOf } from "../vf/netdev.ts";
import { isUdevRunning, waitForUdev } from "../vf/udev.ts";

/**
 * Restores what the VF's netdev had on the host: name, alternative names, MTU, admin state. There is nothing to apply,
 * because they are in the record. A move loses some of them, and a rebind all of them. Undo restores them on the netdev
 * that the VF has at that time, which may be another one.
 */
export const hostNetdev = {
  name: "host netdev",

  undo(attachment) {
    const { node, record } = attachment;
    const { host } = node.namespaces;
    const link = restoreName(attachment, attachment.hostNetdev ?? hostNetdevOf(attachment));
    const { mtu = link.mtu, up = link.up } = record.originals;
    if (link.mtu !== mtu) {
      const set = node.links.setMtu(host, link.index, mtu);
      if (set !== mtu) attachment.warn(lowerMtu(link.name, record.vf.pci, mtu, set));
    }
    restoreAltnames(attachment, link);
    if (link.up !== up) {
      warnOnFailure(attachment, `bring ${link.name} ${up ? "up" : "down"} again`, () =>
        node.links.set(host, link.index, { up }),
      );
    }
  },
} satisfies Step;

/** Returns the warning about a netdev whose port no longer allows the MTU that the netdev had before ADD. */
export function lowerMtu(name: string, pci: string, mtu: number, allowed: number): string {
  return `${name} of VF ${pci} has MTU ${allowed}, not the original ${mtu}: its port allows no more`;
}

/** Restores the netdev's name, unless udev does so, or the name is not known (""). */
function restoreName(attachment: StepContext, link: Link): Link {
  const { node, record } = attachment;
  const { host } = node.namespaces;
  const { name } = record.originals;
  if (link.name === name || name === "") return link;
  const settled = isUdevRunning(node) ? waitForName(attachment, link, name) : link;
  if (settled.name === name) return settled;
  const what = `rename netdev ${settled.name} of VF ${record.vf.pci} to its original name ${name}`;
  warnOnFailure(attachment, what, () => {
    if (settled.altnames.includes(name)) node.links.removeAltnames(host, settled.index, [name]);
    // Kernels before 6.2 rename a netdev only while it is down. The caller restores the admin state afterwards.
    if (settled.up) node.links.set(host, settled.index, { up: false });
    node.links.set(host, settled.index, { name });
  });
  return node.links.byIndex(host, settled.index) ?? settled;
}

/** Waits until udev has renamed the netdev, or is not going to. */
function waitForName(attachment: StepContext, link: Link, name: string): Link {
  const { node, deadline } = attachment;
  const { host } = node.namespaces;
  const watch = node.links.watch(host, "links");
  try {
    const named = waitForUdev(node, watch, deadline, () => {
      const now = node.links.byIndex(host, link.index);
      return now?.name === name ? now : undefined;
    });
    return named ?? hostNetdevOf(attachment);
  } finally {
    watch.close();
  }
}

/** Restores all alternative names at once or, if that fails, separately: another netdev may have taken a name. */
function restoreAltnames(attachment: StepContext, link: Link): void {
  const { node, record } = attachment;
  const lost = record.originals.altnames.filter((name) => !link.altnames.includes(name));
  if (lost.length === 0) return;
  try {
    node.links.addAltnames(node.namespaces.host, link.index, lost);
  } catch {
    for (const name of lost) {
      warnOnFailure(attachment, `restore the alternative name ${name} of ${link.name}`, () =>
        restoreAltname(node, link, name),
      );
    }
  }
}

/** Adds an alternative name. If that fails because udev has just added the same name, this is a success. */
function restoreAltname(node: Node, { index }: Link, name: string): void {
  const { host } = node.namespaces;
  try {
    node.links.addAltnames(host, index, [name]);
  } catch (error) {
    if (node.links.byIndex(host, index)?.altnames.includes(name) !== true) throw error;
  }
}

/** Runs an action. A failure is only a warning: DEL succeeds even without the original names and admin state. */
function warnOnFailure(attachment: StepContext, what: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    attachment.warn(`cannot ${what}: ${messageOf(error)}`);
  }
}
