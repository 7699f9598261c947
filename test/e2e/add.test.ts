// ADD moves a VF into a pod, and DEL returns it.
import { describe, expect, test } from "vitest";
import { network } from "./harness/cni.ts";
import { testNode, vfs } from "./harness/node.ts";

const node = testNode();
const guid = "02:00:00:00:00:00:00:77";
const [disabled, enabled, auto, fresh] = vfs;

/** Returns the port GUID in an IPoIB hardware address: its last 8 bytes. */
const guidOf = (address: string) => address.slice(-23);
/**
 * Returns the hardware address of a netdev on the host, by any of its names. A rebind would change it: its first 4
 * bytes contain the QPN.
 */
const hostAddress = async (name: string) =>
  (await node.shell(`ip -o link show dev ${name}`)).match(/(?:\w\w:){19}\w\w/)?.[0] ?? "";

describe("a VF", () => {
  test("gets a GUID and moves to the pod, and DEL returns it", () =>
    node.unchanged(async () => {
      const config = network(disabled, {
        cniVersion: "1.1.0",
        link_state: "enable",
        runtimeConfig: { infinibandGUID: guid },
      });
      const result = await node.add("a", config);
      const inPod = await node.podInterface("a");
      expect(guidOf(inPod.address)).toBe(guid);
      expect(inPod.flags).toContain("UP");
      expect(result).toEqual({
        cniVersion: "1.1.0",
        interfaces: [
          { name: "net1", mac: inPod.address, mtu: inPod.mtu, sandbox: "/run/netns/a", pciID: disabled },
        ],
      });
      expect(await node.snapshot()).toEqual(
        expect.arrayContaining([
          `link - ib0 vf 0 node ${guid} port ${guid} link enable`,
          expect.stringMatching(/^link a eth0 /),
          expect.stringMatching(/^link a eth0 address 192\.0\.2\.1\/24$/),
        ]),
      );
      await node.del("a", config);
    }));

  test("keeps its GUID if the network does not contain a GUID, and is not rebound", () =>
    node.unchanged(async () => {
      const before = await hostAddress("rail1");
      await node.add("a", network(enabled));
      const inPod = await node.podInterface("a");
      expect(inPod.address).toBe(before);
      await node.del("a", network(enabled));
      expect(await hostAddress("rail1")).toBe(before);
    }));

  test("is not rebound if it already has the desired GUID", () =>
    node.unchanged(async () => {
      const config = network(fresh, { guid });
      await node.setGuid(3, guid);
      const before = await hostAddress("ib4");
      expect(guidOf(before)).toBe(guid);
      await node.add("a", config);
      expect((await node.podInterface("a")).address).toBe(before);
      await node.del("a", config);
      expect(await hostAddress("ib4")).toBe(before);
      await node.setGuid(3, "00:00:00:00:00:00:00:00");
    }));

  test("without any GUID is refused, and the message contains the remedies", async () => {
    const answer = await node.addRefused(network(fresh));
    expect(answer.msg).toContain(fresh);
    expect(answer.msg).toMatch(/GUID/);
  });

  test.each([
    ["auto", disabled, 0],
    ["enable", disabled, 0],
    ["disable", enabled, 1],
    ["enable", auto, 2],
  ])("has link state %s in the pod if the network requests it (%s)", (linkState, vf, index) =>
    node.unchanged(async () => {
      const config = network(vf, { link_state: linkState });
      await node.add("a", config);
      expect(await node.snapshot()).toContainEqual(
        expect.stringMatching(new RegExp(`^link - ib0 vf ${index} .* link ${linkState}$`)),
      );
      await node.del("a", config);
    }),
  );

  test("keeps its link state if the network does not contain one", () =>
    node.unchanged(async () => {
      await node.add("a", network(disabled, { guid }));
      expect(await node.snapshot()).toContain(`link - ib0 vf 0 node ${guid} port ${guid} link disable`);
      await node.del("a", network(disabled, { guid }));
    }));

  test("is found although eth0 has the same index in the pod", () =>
    node.unchanged(async () => {
      const index = await node.shell("cat /sys/bus/pci/devices/0000:01:10.2/net/*/ifindex");
      await node.shell(`ip netns add taken; ip -n taken link add eth0 index ${index.trim()} type dummy`);
      await node.add("taken", network(enabled));
      expect((await node.podInterface("taken")).ifindex).not.toBe(Number(index));
      await node.del("taken", network(enabled));
      expect((await node.podInterface("taken", "eth0")).ifindex).toBe(Number(index));
      await node.shell("ip netns del taken");
    }));

  test("is restored after a pod renamed it, changed its MTU and set it down", () =>
    node.unchanged(async () => {
      const config = network(disabled, { guid });
      await node.add("a", config);
      await node.shell(`ip -n a link set net1 down; ip -n a link set net1 name mine; ip -n a link set mine mtu 1500
        ip -n a link property add dev mine altname other`);
      await node.del("a", config);
      await node.add("a", network(enabled));
      await node.shell(
        "ip -n a link set net1 down; ip -n a link set net1 name mine; ip -n a link set mine mtu 1500",
      );
      await node.del("a", network(enabled));
    }));

  test("can have a name in the pod that another interface has on the host", () =>
    node.unchanged(async () => {
      await node.add("a", network(enabled), { ifname: "ib0" });
      expect((await node.podInterface("a", "ib0")).flags).toContain("UP");
      await node.del("a", network(enabled), { ifname: "ib0" });
    }));
});

describe("several VFs", () => {
  test("can be in one pod, and return in any order", () =>
    node.unchanged(async () => {
      const configs = [disabled, enabled, auto].map((vf, i) =>
        network(vf, { guid: `02:00:00:00:00:00:01:0${i}` }),
      );
      for (const [i, config] of configs.entries()) await node.add("a", config, { ifname: `net${i}` });
      for (const [i, config] of configs.entries()) {
        expect(guidOf((await node.podInterface("a", `net${i}`)).address)).toBe(config.guid);
      }
      for (const i of [1, 0, 2]) await node.del("a", configs[i] ?? {}, { ifname: `net${i}` });
    }));

  test("are not shared: a second container is refused a VF, and the first keeps it", () =>
    node.unchanged(async () => {
      const config = network(disabled, { guid });
      await node.add("a", config);
      const inPod = await node.podInterface("a");
      const answer = await node.refused({ command: "ADD", container: "c2", netns: "b", config });
      expect(answer.msg).toContain("c1");
      expect(await node.podInterface("a")).toEqual(inPod);
      // DEL of the refused container must not take the VF either.
      await node.del("b", config, { container: "c2" });
      expect(await node.podInterface("a")).toEqual(inPod);
      await node.del("a", config);
    }));

  test("move to different pods at the same time", () =>
    node.unchanged(async () => {
      const configs = [disabled, enabled].map((vf, i) => network(vf, { guid: `02:00:00:00:00:00:01:0${i}` }));
      const calls = (command: "add" | "del") =>
        configs.map((config, i) => ({ command, config, pod: "ab".charAt(i) }));
      await node.inParallel(
        calls("add").map(({ config, pod }) => ({ command: "ADD", container: pod, netns: pod, config })),
      );
      expect(guidOf((await node.podInterface("a")).address)).toBe("02:00:00:00:00:00:01:00");
      expect(guidOf((await node.podInterface("b")).address)).toBe("02:00:00:00:00:00:01:01");
      await node.inParallel(
        calls("del").map(({ config, pod }) => ({ command: "DEL", container: pod, netns: pod, config })),
      );
    }));
});
