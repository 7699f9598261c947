// Settings of the netdev and its RDMA device that rtnetlink does not report, which a container has changed.
import { expect, test } from "vitest";
import { network } from "./harness/cni.ts";
import { compile } from "./harness/compile.ts";
import { quote } from "./harness/guest.ts";
import { testNode, vfs } from "./harness/node.ts";

const node = testNode({ files: [compile("test/e2e/guest/tune.c")] });
const [vf] = vfs;
const config = network(vf);

const devices = "$(ls /sys/class/net/net1/device/infiniband)";
/** Settings that CAP_NET_ADMIN suffices to change: how to change and to read each in a container. */
const byNetlink = [
  ["features, such as GRO", "/host/tune features net1", "/host/tune show net1"],
  ["interrupt moderation", "/host/tune coalesce net1", "/host/tune show net1"],
  [
    "gro_max_size",
    "ip link set net1 gro_max_size 3000",
    "ip -d link show net1 | grep -o 'gro_max_size [0-9]*'",
  ],
  [
    "gso_max_size",
    "ip link set net1 gso_max_size 3000",
    "ip -d link show net1 | grep -o 'gso_max_size [0-9]*'",
  ],
  ["txqueuelen", "ip link set net1 txqueuelen 3000", "ip link show net1 | grep -o 'qlen [0-9]*'"],
  [
    "adaptive moderation of the RDMA device",
    `rdma dev set ${devices} adaptive-moderation on`,
    `rdma dev show -d ${devices} | grep -o adaptive-moderation.*`,
  ],
] as const;

const limits = "queues/tx-0/byte_queue_limits";
/** Settings for which a container needs a writable /sys. */
const files = [
  "gro_flush_timeout",
  "napi_defer_hard_irqs",
  "threaded",
  "queues/rx-0/rps_cpus",
  "queues/rx-0/rps_flow_cnt",
  `${limits}/limit_max`,
  `${limits}/limit_min`,
  `${limits}/hold_time`,
] as const;

const inPod = (pod: string, command: string) => node.shell(`ip netns exec ${pod} sh -c ${quote(command)}`);
/** Runs a command with CAP_NET_ADMIN as its only capability, and with a read-only /sys. */
const ordinary = (command: string) => `/host/tune as-pod sh -c ${quote(command)}`;

/** Requires that the next pod has what a pod had before a change of another, and that DEL has not rebound the VF. */
async function expectRestored(change: string, read: string): Promise<void> {
  await node.unchanged(async () => {
    const address = () => node.shell("cat /sys/class/net/ibp1s0f0v0/address");
    await node.add("b", config, { container: "first" });
    const before = await inPod("b", read);
    await node.del("b", config, { container: "first" });
    const own = await address();
    await node.add("a", config);
    await inPod("a", change);
    expect(await inPod("a", read)).not.toBe(before);
    await node.del("a", config);
    // A rebind would give the netdev another queue pair, and so another address.
    expect(await address()).toBe(own);
    await node.add("b", config, { container: "next" });
    expect(await inPod("b", read)).toBe(before);
    await node.del("b", config, { container: "next" });
  });
}

test.each(byNetlink)(
  "the next pod has the original after an ordinary pod has changed: %s",
  (_, change, read) => expectRestored(ordinary(change), read),
);

test.each(files)("the next pod has the original after a privileged pod has changed: %s", (file) => {
  const path = `/sys/class/net/net1/${file}`;
  const change = `echo 1 >${path}`;
  // An ordinary pod cannot change it.
  return expectRestored(`! ${ordinary(change)} 2>/dev/null; ${change}`, `cat ${path}`);
});
