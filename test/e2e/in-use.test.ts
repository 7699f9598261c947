// A VF in use stays with its user: with or without a record, in whatever namespace, and seen from wherever the command runs.
import { describe, expect, test } from "vitest";
import { type Config, hostLocal, network } from "./harness/cni.ts";
import { compile } from "./harness/compile.ts";
import { plugin, testNode, vfs } from "./harness/node.ts";
import { Rdma } from "./harness/rdma.ts";

const programs = ["rdma-pattern", "thread-in-netns"].map((name) => compile(`test/e2e/guest/${name}.c`));
const node = testNode({ verbs: true, files: programs });
const rdma = new Rdma(node);
const [vf, second] = vfs;
const ipam = hostLocal(["10.1.0.0/24"]);
const driver = "/sys/bus/pci/drivers/mlx5_core";
const gc = (config: Config) => ({
  command: "GC",
  container: "",
  ifname: "",
  config: { ...config, cniVersion: "1.1.0", "cni.dev/valid-attachments": [] },
});

/** Starts a process that runs until {@link end}. */
const start = (command: string, name = "user") =>
  node.shell(`${command} >/tmp/${name}.out 2>&1 </dev/null & echo $! >/tmp/${name}`);
const end = (name = "user") =>
  node.shell(
    `kill -KILL $(cat /tmp/${name}); while kill -0 $(cat /tmp/${name}) 2>/dev/null; do sleep 0.02; done`,
  );
/** Makes a pod whose process does not use the VF. */
async function startPod(pod: string): Promise<void> {
  await node.shell(`ip netns add ${pod}`);
  await start(`nsenter --net=/run/netns/${pod} sleep 1000`);
  await node.until("[ $(readlink /proc/$(cat /tmp/user)/ns/net) != $(readlink /proc/$$/ns/net) ]");
}

/** Expects `gc` to leave the only attachment. */
async function expectLeft(why: RegExp, wrap = ""): Promise<void> {
  const text = await node.shell(`${wrap} ${plugin} gc -o json`);
  expect(JSON.parse(text).outcomes).toEqual([
    expect.objectContaining({ outcome: "left", why: expect.stringMatching(why) }),
  ]);
}

async function expectReleased(): Promise<void> {
  const text = await node.shell(`${plugin} gc -o json`);
  expect(JSON.parse(text).outcomes).toMatchObject([{ outcome: "released" }]);
}

/** Waits until the kernel has returned the devices of a deleted namespace to the host. */
const returned = (pci: string) => node.until(`ls /sys/bus/pci/devices/${pci}/net/* >/dev/null 2>&1`);

/** Runs gc as in a container that does not see the path of the namespace. */
const hidden = (pod: string) => `unshare -m sh -c 'umount /run/netns/${pod}; exec "$0" "$@"'`;

describe("gc leaves a pod whose namespace is not at its path", () => {
  /** Makes VF 0 a VF without a netdev, runs a test, and gives it the netdev again. */
  async function withoutNetdev(action: () => Promise<void>): Promise<void> {
    const rebind = `echo ${vf} >${driver}/unbind; echo ${vf} >${driver}/bind`;
    await node.shell(`echo 1 >/sys/module/vhca/parameters/no_netdev; ${rebind}`);
    try {
      await action();
    } finally {
      await node.shell("echo 0 >/sys/module/vhca/parameters/no_netdev");
      await node.reset();
    }
  }

  test("a process is in it, and the VF has no netdev: after umount, and where the path is not mounted", () =>
    withoutNetdev(async () => {
      await startPod("p1");
      await node.add("p1", network(vf, { rdmaOnly: true }));
      const found =
        /namespace \/run\/netns\/p1 cannot be found, but process \d+ \(sleep\) runs in its namespace/;
      await expectLeft(found, hidden("p1"));
      await node.shell("umount /run/netns/p1; rm /run/netns/p1");
      await expectLeft(found);
      const list = JSON.parse(await node.shell(`${plugin} attachments -o json`));
      expect(list.attachments).toHaveLength(1);
      await end();
      await expectReleased();
    }));

  test("and the processes of the host are not visible: it names what is missing", () =>
    withoutNetdev(async () => {
      await startPod("p1");
      await node.add("p1", network(vf, { rdmaOnly: true }));
      await expectLeft(
        /does not see the processes of the host.*hostPID: true/,
        `unshare -pf --mount-proc ${hidden("p1")}`,
      );
      await end();
    }));

  test("and ib_ipoib was unloaded, so that the VF has lost its netdev", async () => {
    await startPod("p1");
    await node.add("p1", network(vf, { ipam }));
    await node.shell("umount /run/netns/p1; rm /run/netns/p1; rmmod ib_ipoib");
    try {
      await expectLeft(/process \d+ \(sleep\) runs in its namespace/);
    } finally {
      await end();
      await node.shell("modprobe ib_ipoib");
      await node.reset();
    }
  });
});

describe("a process that uses the VF", () => {
  test("in a nested namespace, after that of the pod was deleted: GC and gc leave the VF, and no pod gets it", () =>
    node.unchanged(async () => {
      const config = network(vf, { ipam });
      await node.shell("ip netns add gone");
      await node.add("gone", config, { container: "gone" });
      // A device file under another name, as in a container.
      await node.shell(`mknod /tmp/device c $(tr : ' ' </sys/bus/pci/devices/${vf}/infiniband_verbs/*/dev)`);
      await start("nsenter --net=/run/netns/b sleep 1000 3<>/tmp/device");
      await node.until("[ -e /proc/$(cat /tmp/user)/fd/3 ]");
      await node.shell("ip netns del gone");
      await returned(vf);
      const open = /process \d+ \((sleep|nsenter)\) has \/dev\/infiniband\/uverbs\d+ open/;
      expect((await node.call(gc(config))).stderr).toMatch(open);
      await expectLeft(open);
      const add = await node.refused({ command: "ADD", netns: "a", config });
      expect(add).toMatchObject({ code: 101, msg: expect.stringMatching(open) });
      await end();
      await node.shell("rm /tmp/device");
      await node.add("a", config);
      await node.del("a", config);
    }));

  test("with a thread in the namespace of the pod, besides the main one: GC leaves the VF", () =>
    node.unchanged(async () => {
      const config = network(vf, { ipam });
      await node.add("a", config);
      await node.makeOld("c1");
      await start("/host/thread-in-netns /run/netns/a");
      await node.until("grep -q there /tmp/user.out");
      expect((await node.call(gc(config))).stderr).toMatch(
        /keeps VF .*: process \d+ \(thread-in-netns\) runs in its namespace/,
      );
      await end();
      expect((await node.call(gc(config))).stderr).not.toMatch(/keeps VF/);
    }));
});

describe("a VF without a record", () => {
  /** Gives the PF another GUID for the VF, which `provision` puts into effect by a rebind. */
  const pending = async (index: number) => {
    for (const kind of ["node", "port"])
      await node.shell(`ip link set ib0 vf ${index} ${kind}_guid 02:00:00:00:00:00:00:9${index}`);
  };
  const outcomes = async (command: string) => {
    const { stdout } = await node.guest.execute(`${plugin} ${command} -o json`);
    return JSON.parse(stdout).vfs;
  };
  const inUse = (pci: string, why: RegExp) =>
    expect.objectContaining({ pci, outcome: "in use", why: expect.stringMatching(why) });

  test("that processes use is not provisioned, and its traffic goes on", async () => {
    await node.shell("ip link set ib0 vf 0 state enable");
    await rdma.startTraffic([
      { pod: "a", vf, config: {} },
      { pod: "b", vf: second, config: {} },
    ]);
    await pending(0);
    expect(await outcomes(`provision ${vf}`)).toEqual([inUse(vf, /process \d+/)]);
    expect(
      await node.shell("kill -0 $(cat /tmp/target.pid) $(cat /tmp/source.pid); tail -n 1 /tmp/source"),
    ).toBe("running\n");
    await rdma.killTraffic();
    await node.reset();
  });

  test("that lost its netdev, and a process uses, is not bound", async () => {
    await node.shell(`echo 1 >/sys/module/vhca/parameters/no_netdev
      echo ${vf} >${driver}/unbind; echo ${vf} >${driver}/bind; echo 0 >/sys/module/vhca/parameters/no_netdev`);
    await start(`sleep 1000 3<>${await rdma.verbsOf(vf)}`);
    await node.until("[ -e /proc/$(cat /tmp/user)/fd/3 ]");
    expect(await outcomes(`bind ${vf}`)).toEqual([inUse(vf, /process \d+ .* open/)]);
    await end();
    expect(await outcomes(`bind ${vf}`)).toMatchObject([{ outcome: "bound" }]);
    await node.reset();
  });

  test.each([
    ["address", "ip address add 10.9.0.1/24 dev NETDEV", /has the address 10\.9\.0\.1\/24; ip address del/],
    [
      "route",
      "ip link set NETDEV up; ip route add 10.8.0.0/24 dev NETDEV",
      /has a route to 10\.8\.0\.0\/24; ip route del/,
    ],
    [
      "pkey child",
      "ip link add link NETDEV name child type ipoib pkey 0x8005",
      /has the pkey children child; ip link del/,
    ],
  ])("that the host uses by an %s of its netdev is not provisioned", async (_, use, why) => {
    const netdev = (await node.shell(`ls /sys/bus/pci/devices/${second}/net`)).trim();
    await node.shell(use.replaceAll("NETDEV", netdev));
    await pending(1);
    expect(await outcomes(`provision ${second}`)).toEqual([inUse(second, why)]);
    await node.reset();
  });

  test("that another CNI plugin has moved is in use, and no failure: the agent stays healthy", async () => {
    await node.shell(`ip link set $(ls /sys/bus/pci/devices/${vf}/net) netns a`);
    expect(await outcomes("provision")).toContainEqual(
      inUse(vf, /its netdev is in another network namespace/),
    );
    await node.shell(
      `ip link set lo up; ${plugin} agent --interval 1 --provision >/tmp/agent.log 2>&1 & echo $! >/tmp/user`,
    );
    const health = `(exec 3<>/dev/tcp/127.0.0.1/9410; printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3) 2>/dev/null`;
    await node.until(`${health} | grep -q ' 200 '`);
    await end();
    await node.reset();
  });
});
