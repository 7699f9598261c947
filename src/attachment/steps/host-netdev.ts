import { messageOf } from "../../cni/error-document.ts";
import type { Link } from "../../node/links.ts";
import type { Node } from "../../node/node.ts";
import type { Step, StepContext } from "../context.ts";
import { attempt } from "../errors.ts";
import { hostNetdevOf } from "../vf/netdev.ts";
import { isUdevRunning, udevTimeout, waitFor } from "../vf/wait.ts";

/**
 * The VF's netdev as the host had it: name, alternative names, MTU, admin state. They are all in the plan, so
 * there is nothing to apply; a move loses some of them, a rebind all, and undo gives them to whatever netdev
 * the VF has by then.
 */
export const hostNetdev: Step = {
  name: "host netdev",

  apply() {},

  undo(attachment) {
    const { node, record } = attachment;
    const { host } = node.namespaces;
    const link = nameAgain(attachment, attachment.home ?? hostNetdevOf(attachment));
    const { mtu = link.mtu, up = link.up } = record.found;
    if (link.mtu !== mtu) {
      const set = attempt(`restore the MTU ${mtu} of ${link.name} of VF ${record.vf.pci}`, () =>
        node.links.setMtu(host, link.index, mtu),
      );
      if (set !== mtu) attachment.warn(lowerMtu(link.name, record.vf.pci, mtu, set));
    }
    giveAltnames(attachment, link);
    if (link.up !== up) {
      warnOf(attachment, `bring ${link.name} ${up ? "up" : "down"} again`, () =>
        node.links.set(host, link.index, { up }),
      );
    }
  },

  verify() {},
};

/** What is said of a netdev whose port does not allow the MTU any more that it had before ADD. */
export function lowerMtu(name: string, pci: string, mtu: number, allowed: number): string {
  return `${name} of VF ${pci} has MTU ${allowed}, not the original ${mtu}: its port allows no more`;
}

/** Sees to it that the netdev has its old name: udev may be about to give it back, otherwise we do. */
function nameAgain(attachment: StepContext, link: Link): Link {
  const { node, record } = attachment;
  const { host } = node.namespaces;
  const { name } = record.found;
  if (link.name === name) return link;
  const settled = isUdevRunning(node) ? waitForName(attachment, link, name) : link;
  if (settled.name === name) return settled;
  warnOf(attachment, `give the netdev ${settled.name} of VF ${record.vf.pci} its name ${name} back`, () => {
    if (settled.altnames.includes(name)) node.links.removeAltnames(host, settled.index, [name]);
    // Kernels before 6.2 rename a netdev only while it is down; what it was before is restored after this.
    if (settled.up) node.links.set(host, settled.index, { up: false });
    node.links.set(host, settled.index, { name });
  });
  return node.links.byIndex(host, settled.index) ?? settled;
}

/** Waits until udev has renamed the netdev, but not for ever. */
function waitForName(attachment: StepContext, link: Link, name: string): Link {
  const { node } = attachment;
  const { host } = node.namespaces;
  const watch = node.links.watch(host, "links");
  const deadline = Math.min(node.clock.now() + udevTimeout, attachment.deadline);
  try {
    const named = waitFor(watch, deadline, () => {
      const now = node.links.byIndex(host, link.index);
      return now?.name === name ? now : undefined;
    });
    return named ?? hostNetdevOf(attachment);
  } finally {
    watch.close();
  }
}

/** All at once, or else one by one: one that another netdev has must not cost us the others. */
function giveAltnames(attachment: StepContext, link: Link): void {
  const { node, record } = attachment;
  const lost = record.found.altnames.filter((name) => !link.altnames.includes(name));
  if (lost.length === 0) return;
  try {
    node.links.addAltnames(node.namespaces.host, link.index, lost);
  } catch {
    for (const name of lost) {
      warnOf(attachment, `give ${link.name} its alternative name ${name} back`, () =>
        giveAltname(node, link, name),
      );
    }
  }
}

/** udev gives names, too, and may have given this one just now. */
function giveAltname(node: Node, { index }: Link, name: string): void {
  const { host } = node.namespaces;
  try {
    node.links.addAltnames(host, index, [name]);
  } catch (error) {
    if (node.links.byIndex(host, index)?.altnames.includes(name) !== true) throw error;
  }
}

/** A name, an alternative name or the admin state that cannot be given back is no reason to fail a DEL. */
function warnOf(attachment: StepContext, what: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    attachment.warn(`cannot ${what}: ${messageOf(error)}`);
  }
}
