// The virtual HCA itself: the behavior that the plugin's tests and the simulator rely on.
import { expect, test } from "vitest";
import { patience } from "../support/patience.ts";
import { inRepository } from "./harness/guest.ts";
import { testNode, vfs } from "./harness/node.ts";

const node = testNode({ processors: 2, files: [inRepository("test/e2e/guest/stress.sh")] });
const [vf] = vfs;
const guid = "02:00:00:00:00:00:00:77";

/** Returns the VF's netdev on the host, in the form of `ip -j -d link`. */
async function netdev() {
  const [link] = JSON.parse(await node.shell(`ip -j -d link show dev ${await node.hostNetdev(vf)}`));
  return link as {
    ifindex: number;
    ifname: string;
    address: string;
    mtu: number;
    flags: string[];
    altnames?: string[];
  };
}

const rebind = () => node.shell(`cd /sys/bus/pci/drivers/mlx5_core; echo ${vf} >unbind; echo ${vf} >bind`);

test("a GUID takes effect with a rebind, which creates a new netdev with default attributes", async () => {
  const before = await netdev();
  expect(before).toMatchObject({ ifname: "ibp1s0f0v0", mtu: 1800, altnames: ["rail0"] });
  await node.shell(`ip link set ib0 vf 0 port_guid ${guid}`);
  expect(await netdev()).toEqual(before);
  await rebind();
  const after = await netdev();
  expect(after.address.endsWith(guid)).toBe(true);
  expect(after.address.slice(0, 11)).not.toBe(before.address.slice(0, 11));
  expect(after).toMatchObject({ ifname: "ib1", mtu: 2044 });
  expect(after.ifindex).not.toBe(before.ifindex);
  expect(after.altnames).toBeUndefined();
  expect(after.flags).not.toContain("UP");
});

test("a request that moves and renames is not atomic: if the name is taken, the netdev is nevertheless in the pod", async () => {
  const { ifindex } = await netdev();
  expect(await node.guest.execute("ip link set ib1 netns a name eth0")).toMatchObject({
    status: 2,
    stderr: expect.stringContaining("File exists"),
  });
  expect((await node.podInterface("a", "ib1")).ifindex).toBe(ifindex);
  await rebind();
});

test("a VF's pkey table keeps the keys that were set, over a rebind, and its netdev is in the partition at index 0", async () => {
  const table = () =>
    node.shell(`cd /sys/bus/pci/devices/${vf}/infiniband/*/ports/1/pkeys; echo $(cat 0 1 2 3)`);
  const pkey = async () =>
    / pkey +(\S+)/.exec(await node.shell(`ip -d link show ${await node.hostNetdev(vf)}`))?.[1];
  expect(await table()).toBe("0xffff 0x0000 0x0000 0x0000\n");
  await node.shell(`echo "${vf} 0x8005 0x7fff" >/sys/module/vhca/parameters/pkeys`);
  expect(await table()).toBe("0x8005 0x7fff 0x0000 0x0000\n");
  await expect.poll(pkey, { timeout: patience }).toBe("0x8005");
  await rebind();
  expect(await table()).toBe("0x8005 0x7fff 0x0000 0x0000\n");
  expect(await pkey()).toBe("0x8005");
  for (const wrong of ["", vf, `${vf} x`, `${vf} 1 2 3 4 5`, "0000:01:00.0 1", "0000:09:00.0 1"]) {
    const { status } = await node.guest.execute(`echo "${wrong}" >/sys/module/vhca/parameters/pkeys`);
    expect(status, wrong).not.toBe(0);
  }
  await node.shell(`echo "${vf} 0xffff" >/sys/module/vhca/parameters/pkeys`);
  expect(await table()).toBe("0xffff 0x0000 0x0000 0x0000\n");
});

// IPoIB reads the table when it creates the netdev, and the driver knows the device only after that.
test("the netdev gets the pkey table of a VF that is set in the middle of a probe", async () => {
  const driver = "/sys/bus/pci/drivers/mlx5_core";
  const rounds = 40;
  const missed = await node.shell(`for round in $(seq 10 $((9 + ${rounds}))); do
      echo ${vf} >${driver}/unbind
      { until ls /sys/bus/pci/devices/${vf}/infiniband/*/node_guid; do :; done >/dev/null 2>&1
        echo "${vf} 0x80$round" >/sys/module/vhca/parameters/pkeys; } &
      echo ${vf} >${driver}/bind
      wait
      for moment in $(seq 1000); do
        read -r pkey <"$(echo /sys/bus/pci/devices/${vf}/net/*/pkey)"
        [ "$pkey" != 0x80$round ] || continue 2
        sleep 0.02
      done
      echo "$pkey instead of 0x80$round"
    done
    echo "${vf} 0xffff" >/sys/module/vhca/parameters/pkeys`);
  expect(missed).toBe("");
  await rebind();
});

test("a fault happens once", async () => {
  await node.shell(
    "echo 16 >/sys/module/vhca/parameters/fail_guid; echo 1 >/sys/module/vhca/parameters/skip_guid",
  );
  const set = `ip link set ib0 vf 0 node_guid ${guid}`;
  const statuses = [];
  for (let turn = 0; turn < 3; turn++) statuses.push((await node.guest.execute(set)).status);
  expect(statuses).toEqual([0, 2, 0]);
});

test("many rebinds, moves and deleted namespaces, in both RDMA modes, cause no kernel warning", async () => {
  await node.shell("bash /host/stress.sh 6", 1200);
});
