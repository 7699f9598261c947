// The checks of an attached VF: what ADD has set, as the kernel and the device report it.
import { effectiveGuids } from "../../attachment/vf/effective-guids.ts";
import { rdmaDevicesIn } from "../../attachment/vf/rdma-devices.ts";
import { waitFor } from "../../attachment/vf/wait-for.ts";
import { parseIpv6 } from "../../ip/text.ts";
import type { Link } from "../../node/links.ts";
import { errnoOf } from "../../node/node.ts";
import { ping } from "./ping.ts";
import { IFNAME } from "./plugin-call.ts";
import { Skipped } from "./results.ts";
import type { SelftestContext, TestedVf } from "./tested-vf.ts";

/** Time limit for the carrier: the subnet manager must see the port, and answer IPoIB's requests, ms. */
const CARRIER_TIME = 15_000;
/** Time limit for duplicate address detection of the link-local address, ms. */
const DAD_TIME = 10_000;
/** The membership of a port in a partition: the lower 15 bits of a pkey are the partition. */
const PARTITION = 0x7fff;

/** Returns the interface of an attached VF. */
export function interfaceOf({ session: { node } }: SelftestContext, { netns }: TestedVf): Link {
  const link = node.links.byName(netns.namespace, IFNAME);
  if (link === undefined) throw new Error(`the namespace has no interface ${IFNAME}`);
  return link;
}

/** Requires the GUIDs that ADD was given, in effect. */
export function checkGuids({ session: { node } }: SelftestContext, { pci, guid, netns }: TestedVf): string {
  const { node: nodeGuid, port } = effectiveGuids(node, pci, netns.namespace, undefined);
  if (nodeGuid !== guid || port !== guid)
    throw new Error(`the VF runs with node GUID ${nodeGuid} and port GUID ${port}, not with ${guid}`);
  const [device] = node.functions.rdmaDevices(pci);
  const gid = device === undefined ? undefined : node.functions.portGuid(pci, device);
  if (gid !== undefined && gid !== guid) throw new Error(`GID 0 of ${device} contains ${gid}, not ${guid}`);
  return `node and port GUID ${guid}`;
}

/** Requires the link policy that ADD was given, at the PF. */
export function checkLinkPolicy(
  { session: { node } }: SelftestContext,
  { pci, linkState }: TestedVf,
): string {
  const { pf, index } = node.functions.virtualFunction(pci);
  const found = node.links.physical(pf, index)?.vf.linkState;
  if (found !== linkState) throw new Error(`the link policy is ${found}, not ${linkState}`);
  return linkState;
}

/** Requires that the RDMA devices of the VF are in the container only. */
export function checkIsolation(
  { session: { node }, isExclusive }: SelftestContext,
  { pci, netns }: TestedVf,
): string {
  if (!isExclusive)
    throw new Skipped("the RDMA subsystem is in shared mode, in which no container has a device alone");
  const there = rdmaDevicesIn(node, pci, netns.namespace).map(({ name }) => name);
  const onHost = node.functions.rdmaDevices(pci);
  if (there.length === 0 || onHost.length > 0)
    throw new Error(
      `the container has ${there.join(", ") || "no RDMA device"}, the host ${onHost.join(", ") || "none"}`,
    );
  return there.join(", ");
}

/** Requires that the port is in a partition: index 0 of its pkey table, which IPoIB uses. */
export function checkPkey(context: SelftestContext, tested: TestedVf): string {
  const { node } = context.session;
  const [device] = node.functions.rdmaDevices(tested.pci);
  // The table of a device in a container cannot be read here, but IPoIB has the key from it.
  const pkey =
    device === undefined
      ? node.links.pkey(tested.netns.namespace, interfaceOf(context, tested).index)
      : node.functions.firstPKey(tested.pci, device);
  if (pkey === undefined) throw new Skipped("the kernel does not report the pkey");
  if ((pkey & PARTITION) === 0)
    throw new Error(
      "index 0 of the port's pkey table is empty: the subnet manager has not configured the port",
    );
  return `0x${pkey.toString(16).padStart(4, "0")}`;
}

/** Waits for the carrier, and then for the end of duplicate address detection of the link-local address. */
export function checkCarrier(context: SelftestContext, tested: TestedVf): string {
  const { node } = context.session;
  const { namespace } = tested.netns;
  const { index } = interfaceOf(context, tested);
  const begin = node.clock.now();
  const watch = node.links.watch(namespace, "links");
  try {
    const isUp = () => node.links.byIndex(namespace, index)?.carrier === true || undefined;
    if (waitFor(watch, begin + CARRIER_TIME, isUp) === undefined)
      throw new Error(
        `no carrier for ${CARRIER_TIME / 1000} s: check that the PF's port is up, and that the subnet manager supports ` +
          "VFs (docs/how-to/hardware.md)",
      );
  } finally {
    watch.close();
  }
  tested.timings.carrier = node.clock.now() - begin;
  return `${Math.round(tested.timings.carrier)} ms after ADD`;
}

/**
 * Returns the link-local address of an attached VF, after its duplicate address detection.
 * @throws {Skipped} if the kernel has no IPv6, or the MTU is too small for it.
 */
export function linkLocalOf(context: SelftestContext, tested: TestedVf): string {
  const { node } = context.session;
  const { namespace } = tested.netns;
  const { index } = interfaceOf(context, tested);
  const setting = `ipv6/conf/${IFNAME}/disable_ipv6`;
  const disabled = node.namespaces.setting(namespace, setting);
  if (disabled === undefined) throw new Skipped("the interface has no IPv6, which needs an MTU of 1280");
  if (disabled !== "0") node.namespaces.set(namespace, setting, "0");
  const begin = node.clock.now();
  const watch = node.links.watch(namespace, "addresses");
  try {
    const settled = () => {
      const address = node.links.addresses(namespace, index).find(({ cidr }) => cidr.startsWith("fe80:"));
      if (address?.dadFailed === true) throw new Error(`another port has the address ${address.cidr}`);
      return address?.tentative === false ? address.cidr : undefined;
    };
    const cidr = waitFor(watch, begin + DAD_TIME, settled);
    if (cidr === undefined)
      throw new Error(`${IFNAME} has had no link-local address for ${DAD_TIME / 1000} s`);
    tested.timings.dad ??= node.clock.now() - begin;
    return cidr.slice(0, cidr.indexOf("/"));
  } finally {
    watch.close();
  }
}

/** Requires that another VF answers. @returns the time of the answer. */
export function checkPing(context: SelftestContext, from: TestedVf, to: TestedVf): string {
  linkLocalOf(context, from);
  const time = ping(from.netns, destinationOf(context, from, to));
  from.timings.ping = time;
  return `${to.pci} answers in ${time.toFixed(2)} ms`;
}

/**
 * Requires that a packet of the interface's MTU reaches another VF.
 * @param to `undefined` without another VF that answers.
 */
export function checkMtu(context: SelftestContext, from: TestedVf, to: TestedVf | undefined): string {
  const { mtu } = interfaceOf(context, from);
  const before = Number(from.before.get("MTU"));
  const lowered =
    mtu === before ? "" : ` (the VF has ${before}; the subnet's broadcast group allows no more)`;
  if (mtu > before) throw new Error(`the interface has MTU ${mtu}, and the VF had ${before}`);
  if (to === undefined) return `${mtu}${lowered}; no packet of that size was sent`;
  try {
    ping(from.netns, destinationOf(context, from, to), mtu);
  } catch (error) {
    if (errnoOf(error) !== "EMSGSIZE") throw error;
    throw new Error(`a packet of ${mtu} bytes cannot be sent`, { cause: error });
  }
  return `${mtu}${lowered}; a packet of that size reaches ${to.pci}`;
}

function destinationOf(context: SelftestContext, from: TestedVf, to: TestedVf) {
  const text = linkLocalOf(context, to);
  const address = parseIpv6(text);
  if (address === undefined) throw new Error(`${text} is not an IPv6 address`);
  return { address, interfaceIndex: interfaceOf(context, from).index };
}
