import { type AddressPlan, addressPlan } from "../../cni/address-plan.ts";
import { CniError, codes } from "../../cni/errors.ts";
import { ipamPluginNamed } from "../../cni/ipam-outcome.ts";
import { emptyResult } from "../../cni/result.ts";
import { encodeResult } from "../../cni/result-encode.ts";
import type { Link } from "../../node/links.ts";
import type { Namespace } from "../../node/namespaces.ts";
import type { Node } from "../../node/node.ts";
import type { Step, StepContext } from "../context.ts";
import { attempt } from "../errors.ts";
import { requireNetdev } from "../vf/netdev.ts";
import { waitFor } from "../vf/wait-for.ts";
import { awaitCarrier, carrierTimeout } from "./carrier.ts";
import { interfaceIn, requireContainerNetns } from "./interface.ts";
import { ownResult, resultOfAdd } from "./own-result.ts";
import { verifyRoutes } from "./routes.ts";

/** Time limit for duplicate address detection, ms; the CNI project's plugins have the same limit (SettleAddresses). */
const dadWait = 5000;

/** IF_OPER_UP, linux/if.h. */
const operUp = 6;

/** Configures IPAM's addresses and routes. They end with the interface, so there is nothing to undo. */
export const addresses: Step = {
  name: "addresses",

  apply(attachment) {
    const { node, record, lease } = attachment;
    const containerNetns = requireContainerNetns(attachment);
    const { ifname } = record;
    const link = requireNetdev(attachment);
    const leased = lease?.result();
    if (leased === undefined) {
      attachment.result = resultOfAdd(attachment, link, undefined);
      return;
    }
    // If the runtime's CNI version cannot express the result, fail now, before the addresses are configured.
    encodeResult(resultOfAdd(attachment, link, leased), attachment.reply.cniVersion);
    const source = ipamPluginNamed(attachment.ipam?.plugin ?? "");
    configure(attachment, containerNetns, link, addressPlan(leased, source));
    attachment.result = resultOfAdd(attachment, interfaceIn(node, containerNetns, ifname), leased);
  },

  verify(attachment, result) {
    const { node, record } = attachment;
    const containerNetns = requireContainerNetns(attachment);
    const link = interfaceIn(node, containerNetns, record.ifname);
    const own = ownResult(record, result);
    const there = node.links.addresses(containerNetns, link.index).map((address) => address.cidr);
    for (const { address } of own.ips) {
      if (there.includes(address)) continue;
      throw new CniError(
        codes.node,
        `${record.ifname} lacks the address ${address}; it has ${there.join(", ") || "none"}`,
      );
    }
    const { routes } = addressPlan({ ...emptyResult(), ips: own.ips, routes: own.routes }, "the plugin");
    verifyRoutes(node, containerNetns, link, routes);
  },
};

function configure(attachment: StepContext, containerNetns: Namespace, link: Link, plan: AddressPlan): void {
  const { node, record } = attachment;
  const { ifname } = record;
  if (plan.hasIPv6) enableIPv6(node, containerNetns, ifname);
  // The kernel announces an address to the neighbors when it is added, and they receive that only if the interface has
  // a carrier, which comes a few ms after the interface is brought up. Without a carrier ADD continues: the kernel
  // repeats the announcement after one and after two seconds.
  awaitCarrier(attachment, containerNetns, link, carrierTimeout);
  attempt(`put ${plan.addresses.map((each) => each.cidr).join(", ")} and routes on ${ifname}`, () =>
    node.links.configure(containerNetns, link.index, plan.addresses, plan.routes),
  );
  if (plan.waitForDad) settle(attachment, containerNetns, link);
}

/**
 * Enables IPv6, keeps its addresses while the link is down (`keep_addr_on_down`), and lets the kernel announce them to
 * the neighbors (`ndisc_notify`): an address that another container had before is now behind another queue pair.
 */
function enableIPv6(node: Node, containerNetns: Namespace, ifname: string): void {
  attempt(`enable IPv6 on ${ifname}`, () => {
    for (const name of ["lo", ifname]) {
      const key = `ipv6/conf/${name}/disable_ipv6`;
      const disabled = node.namespaces.setting(containerNetns, key);
      if (disabled !== undefined && disabled !== "0") node.namespaces.set(containerNetns, key, "0");
    }
    node.namespaces.set(containerNetns, `ipv6/conf/${ifname}/keep_addr_on_down`, "1");
    node.namespaces.set(containerNetns, `ipv6/conf/${ifname}/ndisc_notify`, "1");
  });
}

/** Waits until duplicate address detection has ended. Without a carrier it cannot end, which is not an error here. */
function settle(attachment: StepContext, containerNetns: Namespace, link: Link): void {
  const { node, record, deadline } = attachment;
  const { ifname } = record;
  const watch = node.links.watch(containerNetns, "addresses");
  try {
    const until = Math.min(node.clock.now() + dadWait, deadline);
    const settled = waitFor(watch, until, () => {
      const all = node.links.addresses(containerNetns, link.index);
      const duplicate = all.find((address) => address.dadFailed);
      if (duplicate !== undefined) {
        throw new CniError(codes.node, `address ${duplicate.cidr} of ${ifname} is in use by another node`);
      }
      return all.some((address) => address.tentative) ? undefined : true;
    });
    if (settled === true || interfaceIn(node, containerNetns, ifname).operstate !== operUp) return;
    throw new CniError(
      codes.tryAgain,
      `duplicate address detection on ${ifname} has not ended after ${dadWait / 1000} s`,
    );
  } finally {
    watch.close();
  }
}
