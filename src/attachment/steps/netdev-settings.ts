import { messageOf } from "../../cni/error-document.ts";
import { CniError, codes } from "../../cni/errors.ts";
import { changedSettings, type LinkSettings } from "../../node/link-settings.ts";
import type { Link } from "../../node/links.ts";
import type { Step, StepContext } from "../context.ts";
import { attempt, attemptAll } from "../errors.ts";
import { restoreNapiSettings } from "../vf/napi-settings.ts";
import { hostNetdevOf, isUntouched } from "../vf/netdev.ts";
import { restoreRdmaNames } from "../vf/rdma-names.ts";
import { rebind } from "../vf/rebind.ts";

/** IFF_MULTICAST, linux/if.h: of the flags that can be set the only one that a new IPoIB netdev has. */
const IFF_MULTICAST = 0x1000;

/**
 * The settings of the VF's netdev besides its names, MTU and admin state (steps/host-netdev.ts). ADD changes none of
 * them. A container can change all of them, they come back to the host with the netdev, and some of them take the
 * network from the next container: ARP that is off, an XDP program that drops every packet.
 *
 * Undo runs when the netdev is on the host again and before its MTU is restored, which depends on the IPoIB mode.
 */
export const netdevSettings: Step = {
  name: "netdev settings",

  apply() {},

  undo(attachment) {
    const { home: netdev, record } = attachment;
    // No undo of this call has brought it to the host: the interface step reports why, and the next DEL goes on here.
    if (netdev === undefined) return;
    const { settings } = netdev;
    const originals = record.found.settings ?? withoutHarm(settings);
    const left = [...restoreNapiSettings(attachment, netdev), ...foreignTcx(attachment, netdev)];
    if (left.length > 0 || changedSettings(settings, originals).length > 0)
      attachment.home = restore(attachment, netdev, originals, left);
  },

  verify() {},
};

/**
 * Restores the originals by a set. What that cannot restore ends with the netdev: a rebind makes another one.
 * @param others names of what no set restores.
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
  attachment.warn(`a set does not restore ${left.join(", ")} of ${afterSet.name}: VF ${pci} is rebound`);
  const made = rebind(attachment) ?? hostNetdevOf(attachment);
  restoreRdmaNames(attachment);
  const isRestored = changedSettings(made.settings, originals).length === 0;
  const again = isRestored ? made : set(attachment, made, originals);
  const lost = [...changedSettings(again.settings, originals), ...restoreNapiSettings(attachment, again)];
  // The container has had no part in them any more: the netdev is new.
  if (lost.length > 0)
    attachment.warn(`${again.name} of VF ${pci} has no longer the original ${lost.join(", ")}`);
  return again;
}

/**
 * Sets the originals, as far as the kernel accepts them. A failure can be a passing one, and a rebind costs much more:
 * one failure is tried again.
 * @returns the netdev as it is then.
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
 * Names the tcx programs that ADD did not find: the container can hold them, so that no other process can detach them. If the
 * kernel does not tell of them, there may be some.
 */
function foreignTcx({ node, record }: StepContext, netdev: Link): string[] {
  const { pci } = record.vf;
  const { tcx: originals = [] } = record.found;
  if (isUntouched(record, netdev)) return [];
  const now = attempt(`look for tcx programs of ${netdev.name} of VF ${pci}`, () =>
    node.links.tcxPrograms(netdev.index),
  );
  if (now === undefined) return ["tcx programs (bpf(2) is refused: EPERM)"];
  return now.filter((id) => !originals.includes(id)).map((id) => `tcx program ${id}`);
}

/** Returns what is safe for the next container if the originals were not recorded: by an older version, or the Go plugin. */
function withoutHarm(settings: LinkSettings): LinkSettings {
  return { ...settings, flags: IFF_MULTICAST, linkMode: 0, xdpGeneric: 0, xdpDriver: 0, xdpHardware: 0 };
}
