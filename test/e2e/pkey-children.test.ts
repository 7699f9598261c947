// DEL deletes the pkey children that a container has made of its interface, wherever they are.
import { describe, expect, test } from "vitest";
import { hostLocal, network } from "./harness/cni.ts";
import { testNode, vfs } from "./harness/node.ts";

const node = testNode();
const [vf] = vfs;
const config = network(vf, {
  link_state: "enable",
  runtimeConfig: { infinibandGUID: "02:00:00:00:00:00:00:77" },
  ipam: hostLocal(["10.1.0.0/24"]),
});

describe("pkey children that a container makes of its interface are deleted", () => {
  const rtnl = "ip -n a link add link net1 name net1.8001 type ipoib pkey 0x8001";
  const sysfs = "ip netns exec a sh -c 'echo 0x8002 >/sys/class/net/net1/create_child'";
  /** A network without a GUID, whose DEL does not rebind the VF, and a network with a GUID. */
  const networks = [
    ["that keeps its GUID", network(vf, { link_state: "enable" })],
    ["whose original GUID DEL restores", config],
  ] as const;
  const queuePair = () => node.shell(`cut -c 1-11 /sys/bus/pci/devices/${vf}/net/*/address`);

  test("in its namespace, without a rebind", () =>
    node.unchanged(async () => {
      const before = await queuePair();
      await node.add("a", network(vf));
      await node.shell(
        `${rtnl}; ip -n a link add link net1 name other type ipoib pkey 0x8003; ip -n a link set net1.8001 up`,
      );
      await node.del("a", network(vf));
      expect(await queuePair()).toBe(before);
    }));

  test.each(networks)("in another namespace, of a VF %s", (_, each) =>
    node.unchanged(async () => {
      await node.add("a", each);
      await node.shell(`${rtnl}; ip -n a link set net1.8001 netns b`);
      await node.del("a", each);
    }),
  );

  test.each(networks)("in the host namespace, in which create_child puts it, of a VF %s", (_, each) =>
    node.unchanged(async () => {
      await node.add("a", each);
      await node.shell(`${rtnl}; ${sysfs}`);
      expect(await node.shell("ip -br link")).toContain("net1.8002");
      await node.del("a", each);
    }),
  );

  test("without a record", () =>
    node.unchanged(async () => {
      await node.add("a", network(vf));
      await node.shell(
        `${rtnl}; ${sysfs}; ip -n a link set net1.8001 netns b; rm /var/lib/cni/ib-sriov/c1-net1`,
      );
      await node.del("a", network(vf));
      expect(await node.shell("ip -br link; ip -n b -br link")).not.toContain("net1.800");
      await node.reset();
    }));

  test.each(networks)("after its namespace is gone, of a VF %s", (_, each) =>
    node.unchanged(async () => {
      await node.shell("ip netns add gone");
      await node.add("gone", each);
      await node.shell(`${rtnl.replace("-n a", "-n gone")}
        ip -n gone link add link net1 name away type ipoib pkey 0x8003; ip -n gone link set away netns b
        ip netns del gone`);
      await node.del("", each);
    }),
  );

  test.each(networks)("by the next container's ADD, if DEL is never called, of a VF %s", (_, each) =>
    node.unchanged(async () => {
      await node.shell("ip netns add gone");
      await node.add("gone", each);
      await node.shell(`${rtnl.replace("-n a", "-n gone")}
        ip -n gone link add link net1 name away type ipoib pkey 0x8003; ip -n gone link set away netns b
        ip netns del gone`);
      await node.add("a", each, { container: "c2" });
      expect(await node.shell("ip -br link; ip -n b -br link")).not.toMatch(/net1\.8001|away/);
      await node.del("a", each, { container: "c2" });
    }),
  );
});
