// Calls from a container, as a DRA driver makes them: its mount namespace has a few directories of the host and nothing
// else of it. Calls from a container that changes to the host's root, as thick Multus makes them. The settings are in
// the network, without runtimeConfig.
import { beforeAll, describe, expect, test } from "vitest";
import {
  type Caller,
  type Config,
  commandLine,
  hostLocal,
  type Invocation,
  network,
  type Result,
} from "./harness/cni.ts";
import { containers, driver, inDriver, makeContainers, multus, netnsOf } from "./harness/containers.ts";
import { plugin, testNode, vfs } from "./harness/node.ts";
import { race } from "./harness/race.ts";

const node = testNode({ iommu: true, files: [containers] });
const guid = "02:00:00:00:00:00:00:77";
const [vf, enabled, third, fresh] = vfs;
const whole = network(vf, { guid, link_state: "enable", ipam: hostLocal(["10.1.0.0/24"]) });
const pod = netnsOf("a");

beforeAll(() => makeContainers(node));

async function mustCheck(config: Config, prevResult: Result, from: Caller | undefined): Promise<void> {
  const call = { command: "CHECK", netns: pod, config: { ...config, prevResult }, from };
  expect(await node.call(call)).toMatchObject({ status: 0, stdout: "", stderr: "" });
}

/** Calls ADD, CHECK and DEL from one container, and expects that the node is as before. */
const roundTrip = (config: Config, inspect: (result: Result) => Promise<void>, from = driver) =>
  node.unchanged(async () => {
    const result = await node.add(pod, config, { from });
    await inspect(result);
    await mustCheck(config, result, from);
    await node.del(pod, config, { from });
  });

const guidIn = async (name: string) => (await node.podInterface(name)).address.slice(-23);
/** Returns the inode of a VF's RDMA device, which each rebind creates again. */
const device = (pci: string) => node.shell(`stat -c %i /sys/bus/pci/devices/${pci}/infiniband`);
const parameter = (name: string, value: number | string) =>
  node.shell(`echo "${value}" >/sys/module/vhca/parameters/${name}`);

test("the container sees nothing of the host but the directories that were mounted for it, and later mounts in them", async () => {
  // The fifth field of a line is the mount point (proc(5)).
  const mounted = async () =>
    (await node.shell(`${inDriver} /bin/cat /proc/self/mountinfo`))
      .trimEnd()
      .split("\n")
      .map((line) => line.split(" ")[4] ?? "");
  await node.shell("ip netns add later");
  const present = (await mounted()).filter((path) => !/^\/(sys|proc|dev)\//.test(path));
  expect(new Set(present)).toEqual(
    new Set([
      ...["/", "/dev", "/proc", "/sys", "/opt/cni/bin", "/var/lib/cni", "/var/run/netns"],
      ...["a", "b", "later"].map(netnsOf),
    ]),
  );
  await node.shell("ip netns del later");
  expect(await mounted()).not.toContain(netnsOf("later"));
});

describe("from inside the container", () => {
  // This test is the first, because the GUID stays: the following tests expect it.
  test('"guid": "auto" gives a VF without a GUID a permanent one', async () => {
    const config = network(fresh, { guid: "auto" });
    const derived = "9a:03:9b:03:04:ab:01:00";
    await node.add(pod, config, { from: driver });
    expect(await guidIn("a")).toBe(derived);
    await node.del(pod, config, { from: driver });
    const made = await device(fresh);
    await roundTrip(config, async () => expect(await guidIn("a")).toBe(derived));
    expect(await device(fresh)).toBe(made);
  });

  test("a GUID, a link state and an address of host-local", () =>
    roundTrip(whole, async ({ ips }) => {
      const { address, flags, addr_info } = await node.podInterface("a");
      expect([address.slice(-23), flags]).toEqual([guid, expect.arrayContaining(["UP"])]);
      expect(ips).toMatchObject([{ address: expect.stringMatching(/^10\.1\.0\.\d+\/24$/) }]);
      expect(addr_info.map(({ local }) => `${local}/24`)).toContain(ips?.[0]?.address);
    }));

  test("a network without a GUID, for a VF that has a GUID: no rebind", async () => {
    const made = await device(vf);
    await roundTrip(network(vf), async () => expect(await guidIn("a")).toBe("0a:00:00:00:00:00:00:02"));
    expect(await device(vf)).toBe(made);
  });

  test("mtu, and waiting for the partition and for the carrier", () =>
    node.unchanged(async () => {
      const waits = { pkey: "0x5", waitForPkeySeconds: 20, waitForCarrierSeconds: 20 };
      const config = network(enabled, { cniVersion: "1.1.0", guid, mtu: 1500, ...waits });
      const tooShort = { ...config, waitForPkeySeconds: 1 };
      const call = { command: "ADD", netns: pod, config: tooShort, from: driver };
      expect(await node.refused(call)).toMatchObject({ code: 11, msg: expect.stringMatching(/partition/) });
      // Like a subnet manager, which gets the GUID when the VF has it.
      await node.shell(`(until grep -q 77$ /sys/bus/pci/devices/${enabled}/infiniband/*/node_guid; do sleep 0.02; done
        echo "${enabled} 0x8005 0xffff" >/sys/module/vhca/parameters/pkeys) >/dev/null 2>&1 &`);
      const result = await node.add(pod, config, { from: driver });
      const { mtu, flags } = await node.podInterface("a");
      expect([mtu, flags]).toEqual([1500, expect.arrayContaining(["LOWER_UP"])]);
      expect(result.interfaces).toMatchObject([{ mtu: 1500 }]);
      // IPoIB processes the new partition a moment after the table contains it.
      await node.until("ip -n a -d link show net1 | grep -q 'pkey  *0x8005'");
      await mustCheck(config, result, driver);
      await node.del(pod, config, { from: driver });
      await parameter("pkeys", `${enabled} 0xffff`);
    }));

  test("a pod that is newer than the container, and is gone at DEL", () =>
    node.unchanged(async () => {
      await node.shell("ip netns add gone");
      await node.add(netnsOf("gone"), whole, { from: driver });
      await node.shell("ip netns del gone");
      await node.del("", whole, { from: driver });
    }));

  test("STATUS; and GC, which undoes attachments that are not listed, except in a pod with running processes", () =>
    node.unchanged(async () => {
      const call = (command: string, more: Config = {}) => {
        const config = { cniVersion: "1.1.0", name: "mynet", type: "ib-sriov", ...more };
        return node.call({ command, container: "", ifname: "", config, from: driver });
      };
      expect(await call("STATUS")).toMatchObject({ status: 0, stdout: "", stderr: "" });
      const occupied = network(enabled);
      await node.add(pod, whole, { from: driver });
      await node.add(netnsOf("b"), occupied, { container: "c2" });
      for (const container of ["c1", "c2"]) await node.makeOld(container);
      await node.shell("nsenter --net=/run/netns/b sleep 1000 </dev/null >/dev/null 2>&1 &");
      await node.until("pidof sleep");
      const { status, stderr } = await call("GC", { "cni.dev/valid-attachments": [] });
      expect(status).toBe(0);
      expect(stderr).toMatch(
        /c2 \(net1\) is not in the list.*keeps VF 0000:01:10\.2: process \d+ .* runs in its namespace/,
      );
      expect((await node.guest.execute("ip -n a link show net1")).status).toBe(1);
      await node.shell("kill $(pidof sleep)");
      await node.until("! pidof sleep");
      await node.del(netnsOf("b"), occupied, { container: "c2" });
    }));
});

test("from a container that changes to the host's root", () =>
  roundTrip(whole, async () => expect(await guidIn("a")).toBe(guid), multus));

describe("locks and records belong to the host", () => {
  const sides: [string, string, Caller | undefined, Caller | undefined][] = [
    ["in the container", "on the host", driver, undefined],
    ["on the host", "in the container", undefined, driver],
  ];

  test("simultaneous ADDs from both sides for one VF: one succeeds, the other names the owner and changes nothing", () =>
    node.unchanged(async () => {
      const adds = [driver, undefined].map((from, i): Invocation => {
        const name = "ab".charAt(i);
        return { command: "ADD", container: name, netns: netnsOf(name), config: network(vf, { guid }), from };
      }) as [Invocation, Invocation];
      await parameter("probe_delay_ms", 200);
      const [winner, answer] = await race(node, adds);
      await parameter("probe_delay_ms", 0);
      const [successful, refused] = winner === 0 ? adds : adds.toReversed();
      expect(answer).toMatchObject({
        code: 101,
        msg: expect.stringContaining(`belongs to container ${successful?.container}`),
      });
      expect(await guidIn(successful?.container ?? "")).toBe(guid);
      const attached = await node.snapshot();
      expect(await node.call({ ...refused, command: "DEL" } as Invocation)).toMatchObject({ status: 0 });
      await node.expectSnapshot(attached);
      expect(await node.call({ ...successful, command: "DEL" } as Invocation)).toMatchObject({ status: 0 });
    }));

  test.each(sides)("an attachment made %s is known, checked and undone %s", (_, __, first, second) =>
    node.unchanged(async () => {
      // An IPAM plugin that waits for a file in a directory that both sides have.
      const end = "/opt/cni/bin/go";
      const waits = `[ $CNI_COMMAND != ADD ] || until [ -e ${end} ]; do sleep 0.05; done`;
      await node.plugin("slow", `${waits}\nexec /opt/cni/bin/host-local`);
      const config = { ...whole, ipam: { ...hostLocal(["10.1.0.0/24"]), type: "slow" } };
      const add = { command: "ADD", netns: pod, config, from: first };
      await node.shell(`{ ${commandLine(plugin, add)}; } >/tmp/first 2>/dev/null &`);
      // At this moment, only the steps that need the address are missing.
      await node.until("ip -n a -br link show dev net1 up 2>/dev/null | grep -q net1");
      const request = { ...whole, timeoutSeconds: 1 };
      const another = { command: "ADD", container: "c2", netns: netnsOf("b"), config: request, from: second };
      const { code, msg } = await node.refused(another);
      expect(code).toBe(11);
      const [, pid] =
        /VF 0000:01:10\.0 is busy: held by process (\d+) \(ADD of container c1\)/.exec(msg) ?? [];
      expect((await node.shell("pidof ib-sriov")).split(/\s+/), msg).toContain(pid);

      await node.shell(`touch ${end}`);
      await node.until("! pidof ib-sriov >/dev/null");
      await node.shell(`rm ${end}`);
      expect(await node.refused(another)).toMatchObject({
        code: 101,
        msg: expect.stringContaining("belongs to container c1"),
      });
      await mustCheck(config, JSON.parse(await node.shell("cat /tmp/first")) as Result, second);
      await node.del(pod, config, { from: second });
    }),
  );
});

describe("from inside the container, VFs without a netdev", () => {
  const passthrough = network(vf, { vfioPciMode: true, link_state: "enable", guid });
  const bare = network(third, { rdmaOnly: true, guid });
  beforeAll(async () => {
    await node.reset();
    await node.shell(`modprobe vfio-pci; echo 1 >/sys/module/vhca/parameters/no_netdev
      rebind() { echo $1 >/sys/bus/pci/devices/$1/driver/unbind; echo $1 >/sys/bus/pci/drivers_probe; }
      echo vfio-pci >/sys/bus/pci/devices/${vf}/driver_override; rebind ${vf}; rebind ${third}`);
  });

  test("vfioPciMode", () =>
    roundTrip(passthrough, async () => {
      const [pf] = JSON.parse(await node.shell("ip -j link show ib0"));
      expect(pf.vfinfo_list[0]).toMatchObject({ "node guid": guid, "port guid": guid, link_state: "enable" });
    }));

  test("rdmaOnly", () =>
    roundTrip(bare, async () =>
      expect(await node.shell(`cat /sys/bus/pci/devices/${third}/infiniband/*/node_guid`)).toBe(
        "0200:0000:0000:0077\n",
      ),
    ));
});

describe("from inside the container, in exclusive mode", () => {
  beforeAll(async () => {
    await node.shell("echo 0 >/sys/module/vhca/parameters/no_netdev");
    await node.makeRdmaExclusive();
  });

  const rdmaDevices = async () => (await node.shell("ip netns exec a rdma dev")).match(/\S+(?=: node_type)/g);

  test.each<[string, Config]>([
    ["a new GUID and an address", { ...whole, rdmaIsolation: true }],
    ["the GUID that the VF has", network(vf, { rdmaIsolation: true })],
  ])("rdmaIsolation with %s", async (_, config) => {
    const name = (await node.shell(`ls /sys/bus/pci/devices/${vf}/infiniband`)).trim();
    await roundTrip(config, async () => expect(await rdmaDevices()).toEqual([name]));
  });
});
