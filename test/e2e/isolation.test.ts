// rdmaIsolation: the VF's RDMA device in the pod, and back, on a kernel that makes its netdev anew in the initial
// namespace, and on one that makes it where the RDMA device is (the module's ipoib_netns imitates that).
import { beforeAll, describe, expect, test } from "vitest";
import { type Config, commandLine, hostLocal, network } from "./cni.ts";
import { compile } from "./compile.ts";
import { plugin, testNode, vfs } from "./node.ts";

const node = testNode({ files: [compile("test/e2e/guest/tracer.c")] });
const guid = "02:00:00:00:00:00:00:77";
const [vf, other, , fresh] = vfs;

/** Networks that isolate: with a new GUID and an address, and with the GUID that the VF has. */
const whole = network(vf, {
  rdmaIsolation: true,
  link_state: "enable",
  guid,
  ipam: hostLocal(["10.1.0.0/24"]),
});
const bare = network(vf, { rdmaIsolation: true });

/** Names of the RDMA devices that a pod has. */
const rdmaDevices = async (pod: string) =>
  (await node.shell(`ip netns exec ${pod} rdma dev`)).match(/\S+(?=: node_type)/g) ?? [];
/** What a VF has in a directory of sysfs. */
const listed = async (pci: string, directory: string) =>
  (await node.shell(`ls /sys/bus/pci/devices/${pci}/${directory}`)).trim().split("\n");
/** Opens a VF's uverbs in a pod, as a program that wants verbs does. */
const openVerbs = async (pod: string) =>
  node.guest.execute(
    `exec 2>&1; ip netns exec ${pod} bash -c ": <>/dev/infiniband/$(ls /sys/bus/pci/devices/${vf}/infiniband_verbs)"`,
  );

describe("where every namespace has all RDMA devices", () => {
  test("isolation is refused, with the way out", async () => {
    const answer = await node.addRefused(whole);
    expect(answer.msg).toMatch(/rdma system set netns exclusive.*netns_mode=0/);
  });
});

const separate = () => node.makeRdmaExclusive();

describe("where an RDMA device belongs to one namespace", () => {
  beforeAll(separate, 120_000);

  test("a pod without isolation cannot open it, and ADD says so", () =>
    node.unchanged(async () => {
      const config = network(vf, { guid });
      const { status, stderr } = await node.call({ command: "ADD", netns: "a", config });
      expect(status).toBe(0);
      expect(stderr).toMatch(/EPERM.*rdmaIsolation/);
      expect(await openVerbs("a")).toMatchObject({
        status: 1,
        stdout: expect.stringMatching(/not permitted/),
      });
      await node.del("a", config);
    }));

  describe.each([
    ["in the initial namespace", 0],
    ["in that of the RDMA device", 1],
  ])("the kernel making the netdev anew %s", (_, follows) => {
    beforeAll(() => node.shell(`echo ${follows} >/sys/module/vhca/parameters/ipoib_netns`));

    test("release --force takes it from where its container has moved it, which DEL cannot", () =>
      node.unchanged(async () => {
        await node.add("a", bare);
        const [name] = await rdmaDevices("a");
        await node.shell(`ip netns exec a rdma dev set ${name} netns b`);
        expect(await node.refused({ command: "DEL", netns: "a", config: bare })).toMatchObject({
          code: 11,
          msg: expect.stringContaining("another network namespace still holds"),
        });
        expect(await node.shell(`${plugin} attachments release c1 net1 --force`)).toBe(
          "The VF of net1 is back.\n",
        );
        expect(await rdmaDevices("b")).toEqual([]);
      }));

    test.each([
      ["a new GUID", whole],
      ["the GUID that it has", bare],
    ])("a pod gets it and can open it, and gives it back: with %s", (_, config) =>
      node.unchanged(async () => {
        const [name] = await listed(vf, "infiniband");
        const result = await node.add("a", config);
        expect(await rdmaDevices("a")).toEqual([name]);
        expect(await rdmaDevices("b")).toEqual([]);
        expect((await openVerbs("a")).status).toBe(0);
        const inPod = await node.podInterface("a");
        expect(inPod).toMatchObject({ mtu: 1800, flags: expect.arrayContaining(["UP"]) });
        expect(inPod.address.slice(-23)).toBe(config === whole ? guid : "0a:00:00:00:00:00:00:02");
        expect(result.interfaces).toMatchObject([{ name: "net1", mac: inPod.address }]);
        const check = { ...config, prevResult: result };
        expect(await node.call({ command: "CHECK", netns: "a", config: check })).toMatchObject({ status: 0 });
        await node.del("a", config);
      }),
    );

    test("CHECK says so when the pod has it no more", () =>
      node.unchanged(async () => {
        const prevResult = await node.add("a", bare);
        const [name] = await rdmaDevices("a");
        await node.shell(`touch /run/netns/host; mount --bind /proc/1/ns/net /run/netns/host
          ip netns exec a rdma dev set ${name} netns host; umount /run/netns/host; rm /run/netns/host`);
        const answer = await node.refused({ command: "CHECK", netns: "a", config: { ...bare, prevResult } });
        expect(answer.msg).toContain(name);
        await node.del("a", bare);
      }));

    test.each([
      ["a new GUID", whole],
      ["the GUID that it has", bare],
    ])("it comes home from a namespace that was deleted: with %s", (_, config) =>
      node.unchanged(async () => {
        await node.shell("ip netns add gone");
        await node.add("gone", config);
        await node.shell("ip netns del gone");
        await node.del("", config);
      }),
    );

    test("a name that the pod gave to it stays in the pod", () =>
      node.unchanged(async () => {
        await node.add("a", bare);
        const [name] = await rdmaDevices("a");
        await node.shell(`ip netns exec a rdma dev set ${name} name mine`);
        await node.del("a", bare);
      }));

    test("without a record it comes home all the same", () =>
      node.unchanged(async () => {
        const name = await node.hostNetdev(vf);
        await node.add("a", bare);
        await node.shell("rm /var/lib/cni/ib-sriov/c1-net1");
        await node.del("a", bare);
        await node.renameHostNetdev(vf, name);
        await node.shell(`ip link set ${name} mtu 1800 up
          ip link set ${name} txqueuelen 300 group 3 alias rail-0 gso_max_segs 100 type ipoib umcast 1
          ip link property add dev ${name} altname rail0`);
      }));

    test("an ADD that fails afterwards puts it back", async () => {
      await node.plugin("fake", 'if [ "$CNI_COMMAND" = ADD ]; then sleep 1; exit 1; fi');
      await node.addRefused({ ...bare, ipam: { type: "fake" } });
      await node.addRefused({ ...whole, ipam: { type: "fake" } });
    });

    test("an ADD that is killed at any moment is put back by DEL", () =>
      node.unchanged(async () => {
        const before = await node.snapshot();
        for (const config of [bare, whole]) {
          let killed = true;
          for (let call = 60; killed; call += 23) {
            const add = commandLine(
              plugin,
              { command: "ADD", netns: "a", config },
              `/host/tracer -k ${call} /tmp/killed-at`,
            );
            const { status } = await node.guest.execute(add);
            expect([0, 137], `killed at call ${call}`).toContain(status);
            killed = status === 137;
            await node.del("a", config);
            await node.expectSnapshot(before);
          }
        }
      }));
  });

  test("two at once keep their numbers below /dev/infiniband", () =>
    node.unchanged(async () => {
      const configs: Config[] = [
        whole,
        network(other, { rdmaIsolation: true, guid: "02:00:00:00:00:00:00:78" }),
      ];
      const numbers = async () => [
        await listed(vf, "infiniband_verbs"),
        await listed(other, "infiniband_verbs"),
      ];
      const before = await numbers();
      const all = (command: string) =>
        node.inParallel(
          configs.map((config, i) => ({ command, container: "ab".charAt(i), netns: "ab".charAt(i), config })),
        );
      await all("ADD");
      expect(await numbers()).toEqual(before);
      expect([await rdmaDevices("a"), await rdmaDevices("b")].map(({ length }) => length)).toEqual([1, 1]);
      await all("DEL");
    }));

  test("the GUID of a pod whose RDMA device the host cannot see is not given to another VF", () =>
    node.unchanged(async () => {
      const config = network(other, { rdmaIsolation: true, guid });
      await node.add("a", whole);
      const answer = await node.refused({ command: "ADD", netns: "b", config, container: "c2" });
      expect(answer).toMatchObject({
        code: 7,
        msg: expect.stringMatching(`VF ${vf} has it, which container c1`),
      });
      await node.del("b", config, { container: "c2" });
      await node.del("a", whole);
    }));

  test("a name that its administrator gave to it has it in the pod, and afterwards", () =>
    node.unchanged(async () => {
      const [name] = await listed(vf, "infiniband");
      await node.shell(`rdma dev set ${name} name rail0`);
      const before = await node.snapshot();
      await node.add("a", whole);
      expect(await rdmaDevices("a")).toEqual(["rail0"]);
      await node.del("a", whole);
      await node.expectSnapshot(before);
      await node.shell(`rdma dev set rail0 name ${name}`);
    }));

  test("a VF whose numbers would change is not attached, and the error says why", async () => {
    // The numbers of another VF are free, and lower.
    await node.shell(`echo ${vf} >/sys/bus/pci/drivers/mlx5_core/unbind`);
    try {
      const uverbs = await listed(other, "infiniband_verbs");
      for (const more of [{ rdmaIsolation: true }, { guid }]) {
        const answer = await node.refused({ command: "ADD", netns: "a", config: network(other, more) });
        expect(answer.msg).toMatch(new RegExp(`had ${uverbs}, .* and now it has uverbs`));
        // What it has now it keeps; a way back there is not. So: from the beginning.
        expect(await node.hostNetdev(other)).toBe("ibp1s0f0v1");
        await node.shell(`echo ${vf} >/sys/bus/pci/drivers/mlx5_core/bind`);
        await node.reset();
        await node.shell(`echo ${vf} >/sys/bus/pci/drivers/mlx5_core/unbind`);
      }
    } finally {
      await node.reset();
    }
  });

  test("a fresh VF is refused without a GUID, and comes with one", async () => {
    await node.addRefused(network(fresh, { rdmaIsolation: true }));
    await node.unchanged(async () => {
      const config = network(fresh, { rdmaIsolation: true, guid });
      await node.add("a", config);
      expect(await rdmaDevices("a")).toHaveLength(1);
      await node.del("a", config);
    });
  });
});
