// What never ends is ended by a deadline. In this guest waiting takes no time.
import { expect, test } from "vitest";
import { commandLine, network } from "./cni.ts";
import { plugin, testNode, vfs } from "./node.ts";

const node = testNode({ skipWaiting: true });
const guid = "02:00:00:00:00:00:00:77";
const [vf, other] = vfs;
const config = network(vf, { guid, link_state: "enable", ipam: { type: "endless" } });

/** Seconds on the guest's clock that an action takes. */
async function secondsOf(action: () => Promise<unknown>): Promise<number> {
  const uptime = async () => Number((await node.shell("cat /proc/uptime")).split(" ")[0]);
  const before = await uptime();
  await action();
  return (await uptime()) - before;
}

test("an IPAM plugin that never ends: ADD gives up, in time for kubelet", async () => {
  await node.plugin("endless", "[ $CNI_COMMAND != ADD ] || exec sleep 1000");
  const seconds = await secondsOf(async () => {
    const answer = await node.addRefused(config, {});
    expect(answer).toMatchObject({ code: 11, msg: expect.stringContaining("endless") });
  });
  expect(seconds).toBeLessThan(120);
});

test("an IPAM plugin whose child keeps its pipes open is not waited for", () =>
  node.unchanged(async () => {
    await node.plugin(
      "endless",
      `[ $CNI_COMMAND = ADD ] || exit 0
      sleep 30 &
      echo '{"cniVersion":"1.0.0","ips":[{"address":"10.1.0.5/24"}]}'`,
    );
    expect(await secondsOf(() => node.add("a", config))).toBeLessThan(20);
    await node.del("a", config);
    await node.until("! pidof sleep >/dev/null", 40);
  }));

test("a netdev that never comes: ADD gives up, and DEL restores when it can", () =>
  node.unchanged(async () => {
    const kept = network(vf, { guid });
    const noNetdev = (value: number) => node.shell(`echo ${value} >/sys/module/vhca/parameters/no_netdev`);
    await noNetdev(1);
    const seconds = await secondsOf(async () => {
      expect((await node.refused({ command: "ADD", netns: "a", config: kept })).msg).toContain("ib_ipoib");
    });
    expect(seconds).toBeLessThan(60);
    await noNetdev(0);
    await node.del("a", kept);
  }));

test("a VF that another call holds: ADD waits, then says who", () =>
  node.unchanged(async () => {
    await node.plugin("endless", "[ $CNI_COMMAND != ADD ] || exec sleep 90");
    const add = commandLine(plugin, { command: "ADD", container: "c2", netns: "b", config });
    await node.shell(`{ ${add} >/tmp/first || true; } </dev/null &\nuntil pidof sleep >/dev/null; do :; done`);
    // It waits at most as long as a call may take, and the first one is not at its end by then.
    await node.plugin("endless", "[ $CNI_COMMAND != ADD ] || exec sleep 1000");
    const answer = await node.refused({ command: "ADD", netns: "a", config: network(vf, { guid }) }, 200);
    expect(answer.msg).toMatch(/c2/);
    await node.shell("until ! pidof ib-sriov >/dev/null; do :; done", 300);
    await node.del("b", config, { container: "c2" });
  }));

test("one container's slow IPAM does not hold up another's ADD", () =>
  node.unchanged(async () => {
    await node.plugin("endless", "[ $CNI_COMMAND != ADD ] || exec sleep 30");
    const add = commandLine(plugin, { command: "ADD", container: "c2", netns: "b", config });
    await node.shell(`{ ${add} >/tmp/first || true; } </dev/null &\nuntil pidof sleep >/dev/null; do :; done`);
    const quick = network(other, { guid: "02:00:00:00:00:00:00:78" });
    expect(await secondsOf(() => node.add("a", quick))).toBeLessThan(15);
    await node.del("a", quick);
    await node.shell("until ! pidof ib-sriov >/dev/null; do :; done", 300);
    await node.del("b", config, { container: "c2" });
  }));
