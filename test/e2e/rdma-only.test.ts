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
