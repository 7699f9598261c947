// Many simultaneous calls, each of them a separate process.
import { beforeAll, describe, expect, test } from "vitest";
import { type Config, commandLine, hostLocal, type Invocation, network } from "./harness/cni.ts";
import { compile } from "./harness/compile.ts";
import { containers, driver, makeContainers, netnsOf } from "./harness/containers.ts";
import { plugin, type TestNode, testNode, vfs } from "./harness/node.ts";
import { race } from "./harness/race.ts";

/** The VFs of the second PF, which have no GUID. */
const others = vfs.map((vf) => vf.replace("0000:01", "0000:02"));
const all = [...vfs, ...others];
const pods = all.map((_, i) => `p${i}`);

/** Creates these VFs, and a pod for each VF. */
const addOthers = (node: TestNode) =>
  node.shell(`echo 4 >/sys/bus/pci/devices/0000:02:00.0/sriov_numvfs
    for pod in ${pods.join(" ")}; do ip netns add $pod; done`);
const removeOthers = (node: TestNode) =>
  node.shell(`echo 0 >/sys/bus/pci/devices/0000:02:00.0/sriov_numvfs
    for pod in ${pods.join(" ")}; do ip netns del $pod; done`);

/** Installs an IPAM plugin whose ADD waits for some time, and then calls host-local. */
const slowIpam = (node: TestNode, seconds: number) =>
  node.plugin("slow", `[ $CNI_COMMAND != ADD ] || sleep ${seconds}\nexec /opt/cni/bin/host-local`);
const ipam = { ...hostLocal(["10.1.0.0/24"]), type: "slow" };

const guidOf = (i: number) => `02:00:00:00:00:00:01:0${i}`;
/** Returns a call for each VF; every second call comes from inside a container. */
const calls = (command: string): Invocation[] =>
  all.map((vf, i) => ({
    command,
    container: pods[i] ?? "",
    netns: netnsOf(pods[i] ?? ""),
    config: network(vf, { guid: guidOf(i), ipam }),
    from: i % 2 === 0 ? undefined : driver,
  }));

/** Returns the RDMA devices of all VFs, with the numbers of their character devices, but without their GUIDs. */
const rdmaDevices = async (node: TestNode) =>
  (await node.snapshot())
    .filter((line) => line.startsWith("function "))
    .map((line) => line.replace(/ \([^)]*\)/g, ""));

describe("all VFs of two PFs at once, half of them by calls from inside a container", () => {
  // With skipWaiting, the guest's clock counts instructions, so that it does not depend on the load of this machine.
  const node = testNode({
    pfs: 2,
    skipWaiting: true,
    files: [compile("test/e2e/guest/holder.c"), containers],
  });
  beforeAll(() => makeContainers(node));

  /** Returns the time for all calls of one command, s on the guest's clock. */
  async function secondsOf(command: string): Promise<number> {
    // Between two scripts, the guest's clock runs ahead if this machine is slow.
    const before = node.guest.busy;
    await node.inParallel(calls(command));
    return node.guest.busy - before;
  }

  /** Attaches and detaches all VFs, with a rebind and an IPAM plugin that take the given times, s. */
  async function attachAll(rebind: number, lease: number): Promise<{ add: number; del: number }> {
    await slowIpam(node, lease);
    await node.shell(`cd /sys/module/vhca/parameters
      echo ${rebind * 500} >probe_delay_ms; echo ${rebind * 500} >remove_delay_ms`);
    const devices = await rdmaDevices(node);
    const add = await secondsOf("ADD");
    expect(await rdmaDevices(node)).toEqual(devices);
    const addresses = new Set<string>();
    for (const [i, pod] of pods.entries()) {
      const { address, flags, addr_info } = await node.podInterface(pod);
      expect([address.slice(-23), flags]).toEqual([guidOf(i), expect.arrayContaining(["UP"])]);
      const [ip] = addr_info.filter(({ local }) => local.startsWith("10.1.0."));
      addresses.add(ip?.local ?? "");
    }
    expect(addresses.size).toBe(all.length);
    expect(addresses).not.toContain("");
    const del = await secondsOf("DEL");
    await node.shell("echo 0 | tee /sys/module/vhca/parameters/*_delay_ms");
    return { add, del };
  }

  test("are attached and detached correctly, in the time of the rebinds, during which the IPAM plugins run", async () => {
    await node.unchanged(async () => {
      await addOthers(node);
      const before = await node.snapshot();
      const [rebind, lease] = [0.2, 1];
      const rebinds = all.length * rebind;
      const quick = await attachAll(0, 0);
      const slow = await attachAll(rebind, lease);
      // The processes also take time without any waiting, which this test does not measure.
      const waited = { add: slow.add - quick.add, del: slow.del - quick.del };
      const expected = 1.25 * Math.max(lease, rebinds);
      const message = JSON.stringify({ quick, slow });
      expect(waited.add, message).toBeLessThan(expected);
      expect(waited.del, message).toBeLessThan(expected);
      // Rebinds must be made one after the other.
      expect(slow.add, message).toBeGreaterThan(rebinds);
      expect(slow.del, message).toBeGreaterThan(rebinds);
      await node.expectSnapshot(before);
      await removeOthers(node);
    });
  });

  test.each([
    ["the node's lock", "/var/lib/cni/ib-sriov/.node"],
    ["the Go plugin's lock", "/run/cni/ib-sriov/cni.lock"],
  ])("a call waits for %s, and at the deadline names the process that holds it", (_, lock) =>
    node.unchanged(async () => {
      const config = network(vfs[0], { guid: guidOf(0), link_state: "enable", timeoutSeconds: 20 });
      /** Makes a call that must fail while another process holds the lock. */
      const whileHeld = async (command: string) => {
        await node.shell(`mkdir -p ${lock.slice(0, lock.lastIndexOf("/"))}
          /host/holder ${lock} >/tmp/held 2>&1 &`);
        await node.until("grep -q held /tmp/held");
        const holder = (await node.shell("pidof holder")).trim();
        const answer = await node.refused({ command, netns: "a", config }, 200);
        expect(answer).toMatchObject({
          code: 11,
          msg: expect.stringContaining(`process ${holder} (holder)`),
        });
        await node.shell(`kill -KILL ${holder}`);
      };
      const before = await node.snapshot();
      await whileHeld("ADD");
      await node.expectSnapshot(before);
      await node.add("a", config);
      await whileHeld("DEL");
      await node.del("a", config);
    }),
  );
});

describe("two ADDs at once", () => {
  const node = testNode({ processors: 2 });
  const rounds = 2;

  const addOf = (container: string, netns: string, config: Config): Invocation => ({
    command: "ADD",
    container,
    netns,
    config,
  });
  const configOf = (i: number, vf: string, more: Config = {}) =>
    network(vf, { guid: guidOf(i), link_state: "enable", ipam, ...more });
  const interfaces = (pod: string) => node.shell(`ip -n ${pod} -br link`);
  const leases = async () =>
    Number(await node.shell("ls /var/lib/cni/networks/mynet | grep -c ^10. || true"));

  test("for one VF: one succeeds, the other names the owner and changes nothing", async () => {
    await slowIpam(node, 0.5);
    for (let round = 0; round < rounds; round++) {
      await node.unchanged(async () => {
        const adds = ["a", "b"].map((pod, i) => addOf(pod, pod, configOf(i, vfs[0]))) as [
          Invocation,
          Invocation,
        ];
        const empty = await interfaces("b");
        const [winner, answer] = await race(node, adds);
        const [winnerPod, loserPod] = winner === 0 ? ["a", "b"] : ["b", "a"];
        expect(answer).toMatchObject({
          code: 101,
          msg: expect.stringContaining(`belongs to container ${winnerPod}`),
        });
        expect(await interfaces(loserPod)).toBe(empty);
        expect((await node.podInterface(winnerPod)).address.slice(-23)).toBe(guidOf(winner));
        expect(await leases()).toBe(1);
        // The DEL of the refused container changes nothing either.
        const attached = await node.snapshot();
        await node.del(loserPod, configOf(1 - winner, vfs[0]), { container: loserPod });
        expect(await node.snapshot()).toEqual(attached);
        await node.del(winnerPod, configOf(winner, vfs[0]), { container: winnerPod });
      });
    }
  });

  test("for one VF, of which the second has no time to wait: it names the process that holds the VF, and changes nothing", () =>
    node.unchanged(async () => {
      await node.plugin(
        "slow",
        `[ $CNI_COMMAND != ADD ] || until [ -e /tmp/go ]; do sleep 0.05; done
        exec /opt/cni/bin/host-local`,
      );
      await node.shell(
        `{ ${commandLine(plugin, addOf("a", "a", configOf(0, vfs[0])))}; } >/tmp/first 2>&1 &`,
      );
      // At this moment, only the steps that need the address are missing.
      await node.until("ip -n a -br link show dev net1 up 2>/dev/null | grep -q net1");
      const before = await node.snapshot();
      const answer = await node.refused(addOf("b", "b", configOf(1, vfs[0], { timeoutSeconds: 1 })));
      expect(answer.code).toBe(11);
      expect(answer.msg).toMatch(
        /held by process \d+ \(ADD of container a\) for \d+ s; it has started process/,
      );
      expect(await node.snapshot()).toEqual(before);
      await node.shell("touch /tmp/go");
      await node.until("! pidof ib-sriov >/dev/null");
      expect((await node.podInterface("a")).flags).toContain("UP");
      await node.del("a", configOf(0, vfs[0]), { container: "a" });
    }));

  test.each([
    ["the same VF", vfs[0]],
    ["two VFs", vfs[1]],
  ])("for one attachment, of %s: one succeeds, the other changes nothing", async (_, second) => {
    await slowIpam(node, 0.5);
    for (let round = 0; round < rounds; round++) {
      await node.unchanged(async () => {
        const adds = [vfs[0], second].map((vf, i) => addOf("c1", "a", configOf(i, vf))) as [
          Invocation,
          Invocation,
        ];
        const [winner, answer] = await race(node, adds);
        expect([4, 101]).toContain(answer.code);
        expect(answer.msg).toMatch(/net1/);
        expect((await node.podInterface("a")).address.slice(-23)).toBe(guidOf(winner));
        expect(await leases()).toBe(1);
        await node.del("a", adds[winner].config as Config);
      });
    }
  });
});
