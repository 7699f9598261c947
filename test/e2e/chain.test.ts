// ib-sriov in a list of plugins, called as libcni calls it, with sbr and tuning of the CNI project.
import { beforeAll, expect, test } from "vitest";
import { Chain, debianPlugins } from "./harness/chain.ts";
import { hostLocal, pluginPath } from "./harness/cni.ts";
import { inGuest } from "./harness/guest.ts";
import { plugin, testNode, vfs } from "./harness/node.ts";

const others = debianPlugins("sbr", "tuning");
const node = testNode({ files: others });
const [vf, rdmaVf] = vfs;
const ipam = hostLocal(["10.1.0.0/24"], { routes: [{ dst: "10.7.0.0/16" }] });
const attached = {
  type: "ib-sriov",
  deviceID: vf,
  link_state: "enable",
  guid: "02:00:00:00:00:00:00:77",
  mtu: 1500,
  ipam,
};
const list = { cniVersion: "1.0.0", name: "mynet" };

beforeAll(() => node.shell(others.map((file) => `ln -sf ${inGuest(file)} ${pluginPath}`).join("\n")));

const records = () => node.shell("ls /var/lib/cni/ib-sriov");
const deleteNamespace = async (name: string) => {
  await node.shell(`ip netns del ${name}`);
  await node.until(`ls /sys/bus/pci/devices/${vf}/net/* >/dev/null 2>&1`);
};

test("CHECK succeeds after sbr has moved the routes to another table, and tuning has set another MTU", () =>
  node.unchanged(async () => {
    const chain = new Chain(node, list, [attached, { type: "sbr" }, { type: "tuning", mtu: 1400 }]);
    await chain.add("a");
    expect(await node.shell("ip -n a route show table all dev net1")).toMatch(/10\.7\.0\.0\/16 .*table 100/);
    expect((await node.podInterface("a")).mtu).toBe(1400);
    const [own, ...more] = await chain.check("a");
    expect(own).toMatchObject({
      type: "ib-sriov",
      status: 0,
      stdout: "",
      stderr: expect.stringContaining("the MTU of net1 is 1400, not 1500"),
    });
    expect(more.map(({ type, status }) => [type, status])).toEqual([
      ["sbr", 0],
      ["tuning", 0],
    ]);
    expect(await chain.del("a")).toMatchObject([{ status: 0 }, { status: 0 }, { status: 0 }]);
  }));

test("DEL never calls ib-sriov if sbr follows it and the namespace is gone; gc returns VF, lease and GUID", () =>
  node.unchanged(async () => {
    await node.shell("ip netns add gone");
    const chain = new Chain(node, list, [attached, { type: "sbr" }]);
    await chain.add("gone");
    await deleteNamespace("gone");
    for (let attempt = 0; attempt < 2; attempt++) {
      const calls = await chain.del("gone");
      expect(calls.map(({ type, status }) => [type, status])).toEqual([["sbr", 1]]);
      expect(await records()).toContain("c1-net1");
    }
    expect(JSON.parse(await node.shell(`${plugin} gc -o json`)).outcomes).toMatchObject([
      { outcome: "released" },
    ]);
    // sbr takes the path of the namespace for its lock, and creates the file.
    await node.shell("rm /run/netns/gone");
  }));

test("DEL calls tuning and ib-sriov if tuning follows it and the namespace is gone", () =>
  node.unchanged(async () => {
    await node.shell("ip netns add left");
    const chain = new Chain(node, list, [attached, { type: "tuning", mtu: 1400 }]);
    await chain.add("left");
    await deleteNamespace("left");
    expect(await chain.del("left")).toMatchObject([
      { type: "tuning", status: 0 },
      { type: "ib-sriov", status: 0 },
    ]);
    expect(await records()).not.toContain("c1-net1");
  }));

test("DEL returns the VF if ib-sriov is the last plugin and the namespace is gone, before sbr fails", async () => {
  await node.shell(`echo 1 >/sys/module/vhca/parameters/no_netdev
    echo ${rdmaVf} >/sys/bus/pci/drivers/mlx5_core/unbind; echo ${rdmaVf} >/sys/bus/pci/drivers/mlx5_core/bind
    ip netns add ended`);
  // Only a VF without a netdev can follow: sbr needs the interface.
  await node.plugin(
    "fake",
    `[ $CNI_COMMAND = ADD ] || exit 0
    ip -n ended link add net1 type dummy; ip -n ended address add 10.2.0.5/24 dev net1; ip -n ended link set net1 up
    echo '{"cniVersion":"1.0.0","interfaces":[{"name":"net1","sandbox":"/run/netns/ended"}],
      "ips":[{"address":"10.2.0.5/24","gateway":"10.2.0.1","interface":0}],"routes":[{"dst":"0.0.0.0/0"}]}'`,
  );
  const rdma = { type: "ib-sriov", deviceID: rdmaVf, rdmaOnly: true, guid: attached.guid };
  const chain = new Chain(node, list, [{ type: "fake" }, { type: "sbr" }, rdma]);
  await chain.add("ended");
  expect(await records()).toContain("c1-net1");
  await node.shell("ip netns del ended");
  expect(await chain.del("ended")).toMatchObject([
    { type: "ib-sriov", status: 0 },
    { type: "sbr", status: 1 },
  ]);
  expect(await records()).not.toContain("c1-net1");
  await node.shell("rm /run/netns/ended; echo 0 >/sys/module/vhca/parameters/no_netdev");
  await node.reset();
});
