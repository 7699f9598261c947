// rdmaOnly: VFs for which IPoIB has not created a netdev, in both RDMA modes.
import { beforeAll, describe, expect, test } from "vitest";
import { type Config, hostLocal, network } from "./harness/cni.ts";
import { testNode, vfs } from "./harness/node.ts";

const node = testNode();
const guid = "02:00:00:00:00:00:00:77";
const [vf, other] = vfs;
const config = network(vf, { rdmaOnly: true, guid, link_state: "enable", ipam: hostLocal(["10.1.0.0/24"]) });

/** Stops IPoIB from creating netdevs, and removes the netdev of VF 0. */
const loseNetdev = () =>
  node.shell(`echo 1 >/sys/module/vhca/parameters/no_netdev
    echo ${vf} >/sys/bus/pci/drivers/mlx5_core/unbind; echo ${vf} >/sys/bus/pci/drivers/mlx5_core/bind
    [ -z "$(ls /sys/bus/pci/devices/${vf}/net 2>/dev/null)" ]`);
const nodeGuid = async () =>
  (await node.shell(`cat /sys/bus/pci/devices/${vf}/infiniband/*/node_guid`)).trim();

const setGuids = (nodeValue: string, portValue: string) =>
  node.shell(`ip link set ib0 vf 0 node_guid ${nodeValue}; ip link set ib0 vf 0 port_guid ${portValue}`);

async function works(more: Config, inPod: (name: string) => Promise<void>): Promise<void> {
  await node.unchanged(async () => {
    const name = (await node.shell(`ls /sys/bus/pci/devices/${vf}/infiniband`)).trim();
    const merged = { ...config, ...more };
    const { status, stdout, stderr } = await node.call({ command: "ADD", netns: "a", config: merged });
    expect(status).toBe(0);
    const result = JSON.parse(stdout);
    expect(result).toEqual({ cniVersion: "1.0.0", interfaces: [{ name: "net1", sandbox: "/run/netns/a" }] });
    expect(stderr).toMatch(/IPAM plugin host-local is not called/);
    await inPod(name);
    const check = { command: "CHECK", netns: "a", config: { ...merged, prevResult: result } };
    expect(await node.call(check)).toMatchObject({ status: 0 });
    await node.del("a", merged);
  });
}

describe("in shared mode, in which every namespace has all RDMA devices", () => {
  beforeAll(loseNetdev, 60_000);

  test("a VF without a netdev gets the container's GUID, and DEL restores the original", () =>
    works({}, async () => expect(await nodeGuid()).toBe("0200:0000:0000:0077")));

  test("DEL restores adaptive moderation of the RDMA device, which the pod has changed, without a rebind", async () => {
    const show = () =>
      node.shell(`cd /sys/bus/pci/devices/${vf}/infiniband; rdma dev show -d $(ls); stat -c %i *`);
    const before = await show();
    await works({ guid: undefined }, async (name) => {
      await node.shell(`ip netns exec a rdma dev set ${name} adaptive-moderation on`);
      expect(await show()).not.toBe(before);
    });
    expect(await show()).toBe(before);
  });

  test("a VF without a netdev is refused without rdmaOnly, and a VF with a netdev is refused with rdmaOnly", async () => {
    const unaware = { ...config, rdmaOnly: false };
    expect((await node.addRefused(unaware)).msg).toMatch(/no netdev.*rdmaOnly/);
    // Each bind of the driver creates a new device.
    const device = () => node.shell(`stat -c %i /sys/bus/pci/devices/${vf}/infiniband/*`);
    const before = await device();
    await node.del("a", unaware);
    expect(await device()).toBe(before);
    expect((await node.addRefused({ ...config, deviceID: other })).msg).toMatch(/has the netdev ibp1s0f0v1/);
  });

  test("a name that the container's own interface has is refused, unless a previous plugin has made the interface", () =>
    node.unchanged(async () => {
      await node.shell("ip netns add taken; ip -n taken link add net1 type dummy");
      const call = { command: "ADD", netns: "taken", config };
      expect(await node.refused(call)).toMatchObject({
        code: 4,
        msg: expect.stringContaining("CNI_IFNAME net1 is taken"),
      });
      const prevResult = { cniVersion: "1.0.0", interfaces: [{ name: "net1", sandbox: "/run/netns/taken" }] };
      expect(await node.add("taken", { ...config, prevResult })).toEqual(prevResult);
      await node.del("taken", { ...config, prevResult });
      await node.shell("ip -n taken link show net1; ip netns del taken");
    }));

  test("DEL binds the driver after a kill between unbind and bind, although the PF's GUIDs were changed in the meantime", async () => {
    const own = await nodeGuid();
    await node.add("a", config);
    // This is the state that an ADD leaves that is killed there, except for the state in the record.
    await node.shell(`echo ${vf} >/sys/bus/pci/drivers/mlx5_core/unbind`);
    await setGuids("0b:00:00:00:00:00:00:01", "0b:00:00:00:00:00:00:01");
    await node.del("a", config);
    expect(await nodeGuid()).toBe("0b00:0000:0000:0001");
    // The GUIDs of guest/setup.sh.
    await setGuids("0a:00:00:00:00:00:00:01", "0a:00:00:00:00:00:00:02");
    await node.shell(
      `echo ${vf} >/sys/bus/pci/drivers/mlx5_core/unbind; echo ${vf} >/sys/bus/pci/drivers/mlx5_core/bind`,
    );
    expect(await nodeGuid()).toBe(own);
  });

  test("an ADD that fails half-way restores the VF", async () => {
    await node.shell(
      "echo 5 >/sys/module/vhca/parameters/fail_probe; echo 0 >/sys/module/vhca/parameters/skip_probe",
    );
    await node.unchanged(async () => {
      // ADD tries once more if a probe fails.
      await node.add("a", config);
      await node.del("a", config);
    });
    await node.addRefused({ ...config, pkey: "0x5", waitForPkeySeconds: 1 });
  });
});

describe("on a node without ib_ipoib", () => {
  // Not "auto", which the doctor cannot know to be unnecessary.
  const own = network(other, { rdmaOnly: true, link_state: undefined });
  const ibSriov = (words: string) => node.guest.execute(`PATH=/host:$PATH; ib-sriov ${words}`);

  beforeAll(async () => {
    await node.shell("echo 0 >/sys/module/vhca/parameters/no_netdev");
    await node.reset();
    await node.shell(`cp /host/ib-sriov /opt/cni/bin
      mkdir -p /etc/cni/net.d; rmmod ib_ipoib
      echo '${JSON.stringify(own)}' >/etc/cni/net.d/10-rdma.conf`);
  }, 60_000);

  test("a VF that has a GUID is attached, and keeps its GUID, its link policy and its RDMA device", () =>
    node.unchanged(async () => {
      const read = () =>
        node.shell(`cat /sys/bus/pci/devices/${other}/infiniband/*/{node_guid,ports/1/{gids/0,state}}
          stat -c %i /sys/bus/pci/devices/${other}/infiniband/*`);
      const before = await read();
      for (const each of [own, { ...own, guid: "auto" }]) {
        const { status, stdout } = await node.call({ command: "ADD", netns: "a", config: each });
        expect(status).toBe(0);
        expect(await read()).toBe(before);
        const check = { ...each, prevResult: JSON.parse(stdout) };
        expect(await node.call({ command: "CHECK", netns: "a", config: check })).toMatchObject({ status: 0 });
        expect((await ibSriov("list")).stdout).toMatch(new RegExp(`^${other} .* c1 net1`, "m"));
        await node.del("a", each);
        expect(await read()).toBe(before);
      }
    }));

  test.each<[string, Config, RegExp]>([
    ["a GUID", { guid }, /PF 0000:01:00\.0 has no netdev.*modprobe ib_ipoib.*neither link_state nor a GUID/],
    ["a link policy", { link_state: "enable" }, /PF 0000:01:00\.0 has no netdev/],
  ])("ADD refuses a network with %s, and so does the doctor", async (_, more, message) => {
    expect((await node.addRefused({ ...own, ...more })).msg).toMatch(message);
    await node.shell(`echo '${JSON.stringify({ ...own, ...more })}' >/etc/cni/net.d/10-rdma.conf`);
    expect((await ibSriov("doctor -o name")).stdout).toContain("network-rdma-only\n");
    await node.shell(`echo '${JSON.stringify(own)}' >/etc/cni/net.d/10-rdma.conf`);
  });

  test("ADD refuses a VF without a GUID, and so does the doctor; provision leaves the other VFs", async () => {
    const fresh = vfs[3];
    const refused = await node.addRefused({ ...own, deviceID: fresh });
    expect(refused.msg).toMatch(
      /no valid GUID.*\(without ib_ipoib the PF has no netdev: modprobe ib_ipoib\)/,
    );
    expect((await ibSriov("doctor -o name")).stdout).toBe("guid-missing\n");
    const { status, stdout } = await ibSriov("provision");
    expect(status).toBe(1);
    expect(stdout).toMatch(new RegExp(`^${other}: kept `, "m"));
    expect(stdout).toMatch(new RegExp(`^${fresh}: failed: PF .* has no netdev`, "m"));
    expect((await ibSriov(`provision ${vf} ${other} ${vfs[2]}`)).status).toBe(0);
    expect((await ibSriov(`bind ${other}`)).stdout).toBe(`${other}: kept mlx5_core\n`);
  });

  test("with ib_ipoib, ADD refuses VFs with netdevs, and so does the doctor", async () => {
    await node.reset();
    expect((await node.addRefused(own)).msg).toMatch(/rdmaOnly: VF .* has the netdev/);
    expect((await ibSriov("doctor -o name")).stdout).toContain("network-rdma-only\n");
    await node.shell("rm -r /etc/cni/net.d");
  });
});

describe("in exclusive mode, in which an RDMA device belongs to one namespace", () => {
  beforeAll(async () => {
    await node.shell("echo 0 >/sys/module/vhca/parameters/no_netdev");
    await node.makeRdmaExclusive();
    await loseNetdev();
  }, 180_000);

  test("the pod has the RDMA device exclusively until DEL", () =>
    works({ rdmaIsolation: true }, async (name) => {
      expect(await node.shell("ip netns exec a rdma dev")).toContain(`${name}: `);
      expect(await node.shell("rdma dev")).not.toContain(`${name}: `);
    }));

  test("DEL succeeds after the namespace was deleted", () =>
    node.unchanged(async () => {
      const isolated = { ...config, rdmaIsolation: true };
      await node.shell("ip netns add gone");
      await node.add("gone", isolated);
      await node.shell("ip netns del gone");
      await node.del("", isolated);
    }));
});
