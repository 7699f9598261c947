import { messageOf } from "../../cni/error-document.ts";
import { CniError, codes } from "../../cni/errors.ts";
import { changedSettings, type LinkSettings } from "../../node/link-settings.ts";
import type { Link } from "../../node/links.ts";
import type { Step, StepContext } from "../context.ts";
import { attempt, attemptAll } from "../errors.ts";
import { hostNetdevOf, isUntouched } from "../vf/netdev.ts";
import { restoreTuning } from "../vf/netdev-tuning.ts";
import { restoreRdmaNames } from "../vf/rdma-names.ts";
import { rebind } from "../vf/rebind.ts";

/** IFF_MULTICAST, linux/if.h: the only settable flag that a new IPoIB netdev has. */
const IFF_MULTICAST = 0x1000;
/** IFF_NOARP, linux/if.h. */
const IFF_NOARP = 0x80;

/**
 * Restores the settings of the VF's netdev besides its names, MTU and admin state (steps/host-netdev.ts). ADD changes
 * none of them. A container can change all of them, and they stay on the netdev when it returns to the host. Some of
 * them would leave the next container without network: disabled ARP, or an XDP program that drops every packet.
 *
 * Undo runs after the netdev has returned to the host, and before the MTU is restored, which depends on the IPoIB mode.
 */
export const netdevSettings: Step = {
  name: "netdev settings",

  undo(attachment) {
    const { hostNetdev: netdev, record } = attachment;
    // The undo of the interface step has failed, and reports why. The next DEL restores the settings.
    if (netdev === undefined) return;
    const { settings } = netdev;
    const originals = record.originals.settings ?? harmlessSettings(settings);
    const left = [
      ...restoreTuning(attachment, netdev),
      ...addedTcxPrograms(attachment, netdev),
      ...lostDad(settings, originals),
    ];
    if (left.length > 0 || changedSettings(settings, originals).length > 0)
      attachment.hostNetdev = restore(attachment, netdev, originals, left);
  },
};

/**
 * Restores the originals by writing them. If some cannot be written, rebinds the VF, which makes a new netdev.
 * @param others names of further differences, which writing does not restore.
 */
function restore(
  attachment: StepContext,
  netdev: Link,
  originals: LinkSettings,
  others: readonly string[],
): Link {
  const { pci } = attachment.record.vf;
  const afterSet = set(attachment, netdev, originals);
  const left = [...changedSettings(afterSet.settings, originals), ...others];
  if (left.length === 0) return afterSet;
  attachment.warn(
    `cannot restore ${left.join(", ")} of ${afterSet.name}: VF ${pci} is rebound to reset them`,
  );
  const made = rebind(attachment) ?? hostNetdevOf(attachment);
  restoreRdmaNames(attachment);
  const isRestored = changedSettings(made.settings, originals).length === 0;
  const again = isRestored ? made : set(attachment, made, originals);
  const lost = [...changedSettings(again.settings, originals), ...restoreTuning(attachment, again)];
  // These differences are harmless: the netdev is new, so they do not come from the container.
  if (lost.length > 0)
    attachment.warn(`${again.name} of VF ${pci} no longer has the original ${lost.join(", ")}`);
  return again;
}

/**
 * Sets the originals, as far as the kernel accepts them. It tries twice, because a failure can be temporary, and a
 * rebind costs much more.
 * @returns the netdev as it is afterwards.
 * @throws {CniError} code 11 at the deadline.
 */
function set(attachment: StepContext, netdev: Link, originals: LinkSettings): Link {
  const { node, record, warn } = attachment;
  const { host } = node.namespaces;
  const { index, name, settings } = netdev;
  const trySet = () =>
    attempt(`restore the settings of ${name} of VF ${record.vf.pci}`, () =>
      node.links.setSettings(host, index, settings, originals),
    );
  if (attemptAll([trySet]).length > 0) {
    try {
      trySet();
    } catch (error) {
      if (error instanceof CniError && error.code === codes.tryAgain) throw error;
      warn(messageOf(error));
    }
  }
  return node.links.byIndex(host, index) ?? hostNetdevOf(attachment);
}

/**
 * Returns descriptions of the tcx programs that ADD did not find. The container can hold such a program, and then no
 * other process can detach it. If the kernel refuses to list the programs, there may be some, and the result has an
 * entry for that.
 */
function addedTcxPrograms({ node, record }: StepContext, netdev: Link): string[] {
  const { tcx: originals = [] } = record.originals;
  if (isUntouched(record, netdev)) return [];
  const now = node.links.tcxPrograms(netdev.index);
  if (now === undefined) return ["tcx programs (bpf(2) is refused: EPERM)"];
  return now.filter((id) => !originals.includes(id)).map((id) => `tcx program ${id}`);
}

/**
 * Returns the setting that cannot be restored if the netdev has come to the host with ARP disabled, or else nothing. The
 * kernel then disables duplicate address detection (accept_dad is -1), and no write enables it again (ipv6_add_dev() of
 * net/ipv6/addrconf.c).
 */
function lostDad(settings: LinkSettings, originals: LinkSettings): string[] {
  const isOff = (settings.flags & ~originals.flags & IFF_NOARP) !== 0;
  return isOff ? ["IPv6 duplicate address detection"] : [];
}

/** Returns settings that are safe for the next container, if they are not known (Go plugin, lost record). */
function harmlessSettings(settings: LinkSettings): LinkSettings {
  return { ...settings, flags: IFF_MULTICAST, linkMode: 0, xdpGeneric: 0, xdpDriver: 0, xdpHardware: 0 };
}
