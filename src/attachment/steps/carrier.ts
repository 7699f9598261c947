import { CniError, codes } from "../../cni/errors.ts";
import type { Link } from "../../node/links.ts";
import type { Namespace } from "../../node/namespaces.ts";
import type { Step, StepContext } from "../context.ts";
import { requireNetdev } from "../vf/netdev.ts";
import { waitFor } from "../vf/wait-for.ts";
import { interfaceIn, requireContainerNetns } from "./interface.ts";

/** Time limit for the carrier if the network does not require one, ms (7 to 22 ms were measured). */
export const carrierTimeout = 100;

/**
 * Waits for the interface's carrier, which comes when the port has joined the broadcast group. ADD requires the carrier
 * if the network sets `waitForCarrierSeconds`. If the network sets an MTU, ADD waits for {@link carrierTimeout},
 * because the broadcast group can lower the MTU.
 */
export const carrier: Step = {
  name: "carrier",

  isNeeded: ({ record: { desired } }) => desired.mtu !== undefined || desired.carrierTime !== undefined,

  apply(attachment) {
    const { record, warn } = attachment;
    const { mtu, carrierTime } = record.desired;
    if (mtu === undefined && carrierTime === undefined) return;
    const containerNetns = requireContainerNetns(attachment);
    const link = awaitCarrier(
      attachment,
      containerNetns,
      requireNetdev(attachment),
      carrierTime ?? carrierTimeout,
    );
    if (link === undefined && carrierTime !== undefined) {
      throw new CniError(
        codes.tryAgain,
        `${record.ifname} of VF ${record.vf.pci} has had no carrier for ${carrierTime / 1000} s; check that the VF's ` +
          "link_state is not \"disable\", that the PF's port is up (ibstat), and that the subnet manager has the VF's " +
          "GUID",
      );
    }
    if (link === undefined) return;
    attachment.netdev = link;
    if (mtu === undefined || link.mtu === mtu) return;
    warn(`${record.ifname} has MTU ${link.mtu}, not ${mtu}: the subnet's broadcast group allows no more`);
  },

  verify(attachment) {
    const { node, record } = attachment;
    if (record.desired.carrierTime === undefined) return;
    if (interfaceIn(node, requireContainerNetns(attachment), record.ifname).carrier) return;
    throw new CniError(codes.node, `${record.ifname} has no carrier`);
  },
};

/**
 * Waits for the carrier of the container's interface.
 * @param time time limit, ms.
 * @returns the interface with its carrier; `undefined` if the time limit passed without a carrier.
 */
export function awaitCarrier(
  { node, deadline }: StepContext,
  containerNetns: Namespace,
  { index }: Link,
  time: number,
): Link | undefined {
  const watch = node.links.watch(containerNetns, "links");
  try {
    return waitFor(watch, Math.min(node.clock.now() + time, deadline), () => {
      const link = node.links.byIndex(containerNetns, index);
      return link?.carrier === true ? link : undefined;
    });
  } finally {
    watch.close();
  }
}
