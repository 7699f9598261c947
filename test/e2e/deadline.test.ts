// A deadline ends everything that would never end. In this guest, waiting takes no time.
import { expect, test } from "vitest";
import { commandLine, network } from "./harness/cni.ts";
import { plugin, testNode, vfs } from "./harness/node.ts";

const node = testNode({ skipWaiting: true });
const guid = "02:00:00:00:00:00:00:77";
const [vf, other] = vfs;
const config = network(vf, { guid, link_state: "enable", ipam: { type: "endless" } });

/**
 * Returns the time that the scripts of an action take, s on the guest's clock. Between scripts, this clock runs ahead
 * if this machine is slow.
 */
async function secondsOf(action: () => Promise<unknown>): Promise<number> {
  const before = node.guest.busy;
  await action();
  return node.guest.busy - before;
}

/** How much longer than its limit a call may take, s: the shell around it and work in the kernel are not limited. */
const tolerance = 3;

test("an IPAM plugin that never ends: ADD gives up within 100 s, its rollback included", async () => {
  await node.plugin("endless", "[ $CNI_COMMAND != ADD ] || exec sleep 1000");
  const seconds = await secondsOf(async () => {
    const answer = await node.refused({ command: "ADD", netns: "a", config }, 200);
    expect(answer).toMatchObject({ code: 11, msg: expect.stringContaining("endless") });
    expect(answer.msg).not.toContain("could not be put back");
  });
  expect(seconds).toBeGreaterThan(80);
  expect(seconds).toBeLessThan(100 + tolerance);
});

test("an IPAM plugin whose ADD and DEL never end: ADD gives up within timeoutSeconds, and a later DEL completes the rollback", () =>
  node.unchanged(async () => {
    await node.plugin("endless", "exec sleep 1000");
    const limited = { ...config, timeoutSeconds: 12 };
    const seconds = await secondsOf(async () => {
      const answer = await node.refused({ command: "ADD", netns: "a", config: limited }, 200);
      expect(answer).toMatchObject({ code: 11, msg: expect.stringContaining("could not be put back") });
    });
    expect(seconds).toBeGreaterThan(6);
    expect(seconds).toBeLessThan(12 + tolerance);
    expect((await node.guest.execute("pidof sleep")).status).toBe(1);
    await node.plugin("endless", "exit 0");
    await node.del("a", limited);
  }));

test("an IPAM plugin that sleeps in the kernel and survives SIGKILL: ADD leaves it at its deadline", async () => {
  // The plugin's write to unbind takes two minutes, as a file system that does not respond would.
  const delay = (ms: number) => node.shell(`echo ${ms} >/sys/module/vhca/parameters/remove_delay_ms`);
  await delay(120_000);
  await node.plugin(
    "endless",
    `[ $CNI_COMMAND = ADD ] || exit 0\necho ${other} >/sys/bus/pci/drivers/mlx5_core/unbind`,
  );
  // Without a GUID, because each unbind takes two minutes now.
  const limited = network(vf, { link_state: "enable", ipam: { type: "endless" }, timeoutSeconds: 12 });
  const seconds = await secondsOf(async () => {
    const answer = await node.refused({ command: "ADD", netns: "a", config: limited }, 100);
    expect(answer).toMatchObject({ code: 11, msg: expect.stringContaining("endless") });
    // The rollback is complete, and the process that is left does not hold the lock of the VF.
    expect(answer.msg).not.toContain("could not be put back");
    await node.add("b", network(vf));
    await node.del("b", network(vf));
    expect(await node.shell("cat /proc/$(pidof endless)/wchan")).toBe("msleep");
  });
  expect(seconds).toBeGreaterThan(6);
  expect(seconds).toBeLessThan(12 + 2 * tolerance);
  await node.shell("while pidof endless >/dev/null; do sleep 5; done", 300);
  await delay(0);
  await node.reset();
});

test.each([
  ["100 s, as by default", {}],
  ["600 s", { timeoutSeconds: 600 }],
])("DEL gives up before containerd's 60 s, also if ADD may take %s", (_, more) =>
  node.unchanged(async () => {
    const long = { ...config, ...more };
    await node.plugin(
      "endless",
      `[ $CNI_COMMAND != DEL ] || exec sleep 1000
      echo '{"cniVersion":"1.0.0","ips":[{"address":"10.1.0.5/24"}]}'`,
    );
    await node.add("a", long);
    const seconds = await secondsOf(async () => {
      const answer = await node.refused({ command: "DEL", netns: "a", config: long }, 200);
      expect(answer).toMatchObject({ code: 11, msg: expect.stringContaining("endless") });
    });
    expect(seconds).toBeGreaterThan(45);
    expect(seconds).toBeLessThan(50 + tolerance);
    await node.plugin("endless", "exit 0");
    await node.del("a", long);
  }),
);

test("an IPAM plugin whose CHECK never ends: CHECK gives up after timeoutSeconds", () =>
  node.unchanged(async () => {
    await node.plugin(
      "endless",
      `[ $CNI_COMMAND != CHECK ] || exec sleep 1000
      [ $CNI_COMMAND != ADD ] || echo '{"cniVersion":"1.0.0","ips":[{"address":"10.1.0.5/24"}]}'`,
    );
    const prevResult = await node.add("a", config);
    const check = { ...config, prevResult, timeoutSeconds: 3 };
    const seconds = await secondsOf(async () => {
      const answer = await node.refused({ command: "CHECK", netns: "a", config: check }, 200);
      expect(answer).toMatchObject({ code: 11, msg: expect.stringContaining("endless") });
    });
    expect(seconds).toBeGreaterThanOrEqual(3);
    expect(seconds).toBeLessThan(60);
    expect((await node.guest.execute("pidof sleep")).status).toBe(1);
    await node.del("a", config);
  }));

test("the plugin does not wait for a process that the IPAM plugin leaves behind, with its pipes and the VF's lock", () =>
  node.unchanged(async () => {
    await node.plugin(
      "endless",
      `[ $CNI_COMMAND = ADD ] || exit 0
      sleep 100000 &
      echo '{"cniVersion":"1.0.0","ips":[{"address":"10.1.0.5/24"}]}'`,
    );
    const seconds = await secondsOf(async () => {
      for (const netns of ["a", "b"]) {
        await node.add(netns, config);
        await node.del(netns, config);
      }
    });
    expect(seconds).toBeLessThan(20);
    // Both processes still run, and both have a descriptor of the VF's lock file.
    const left = (await node.shell("pidof sleep")).trim().split(" ");
    expect(left).toHaveLength(2);
    for (const pid of left) expect(await node.shell(`ls -l /proc/${pid}/fd`)).toContain(`/.vf/${vf}`);
    await node.shell(`kill -KILL ${left.join(" ")}`);
  }));

test("a netdev that never appears: ADD gives up, and a later DEL restores the VF", () =>
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

test("a netdev that never appears does not delay another VF's ADD", () =>
  node.unchanged(async () => {
    const first = network(vf, { guid });
    const second = network(other, { guid: "02:00:00:00:00:00:00:78" });
    const parameter = "/sys/module/vhca/parameters/no_netdev";
    const device = `/sys/bus/pci/devices/${vf}`;
    // One script, because between two scripts the guest's clock would run on to the first ADD's deadline. ib_umad was
    // loaded last, so its device appears after IPoIB has failed.
    const [firstEnds, secondEnds] = (
      await node.shell(`echo 1 >${parameter}
        { { ${commandLine(plugin, { command: "ADD", netns: "a", config: first })}; } >/dev/null || true
          cat /proc/uptime >/tmp/first; } &
        until grep -qs 0200:0000:0000:0077 ${device}/infiniband/*/node_guid && [ -d ${device}/infiniband_mad ]
        do sleep 0.01; done
        echo 0 >${parameter}
        ${commandLine(plugin, { command: "ADD", container: "c2", netns: "b", config: second })} >/dev/null
        cat /proc/uptime >/tmp/second
        wait
        cat /tmp/first /tmp/second`)
    )
      .trim()
      .split("\n")
      .map((line) => Number(line.split(" ")[0]));
    expect(secondEnds).toBeLessThan((firstEnds ?? 0) - 5);
    await node.del("b", second, { container: "c2" });
    await node.del("a", first);
  }));

test("a netdev that appears after ADD has stopped waiting: DEL restores the VF", () =>
  node.unchanged(async () => {
    const late = (ms: number) => node.shell(`echo ${ms} >/sys/module/vhca/parameters/late_ms`);
    await late(20_000);
    const answer = await node.refused({ command: "ADD", netns: "a", config: network(vf, { guid }) }, 200);
    expect(answer).toMatchObject({ code: 100, msg: expect.stringMatching(/no netdev for 10 s/) });
    await late(0);
    await node.del("a", network(vf, { guid }));
  }));

test("the driver's removal takes all the time of ADD: ADD does not wait for a netdev, and rolls back", async () => {
  const parameters = "/sys/module/vhca/parameters";
  // Of 4 s, ADD has 2 and its rollback the other 2, in which the driver is fast again.
  await node.shell(`echo 2500 >${parameters}/remove_delay_ms; echo 400 >${parameters}/late_ms
    { until grep -q msleep /proc/[0-9]*/wchan; do sleep 0.05; done; echo 0 >${parameters}/remove_delay_ms
    } </dev/null >/dev/null 2>&1 &`);
  const answer = await node.addRefused({ ...network(vf, { guid }), timeoutSeconds: 4 });
  expect(answer).toMatchObject({
    code: 11,
    msg: expect.stringMatching(`^rebind VF ${vf}: the time limit passed before it had a netdev`),
  });
  await node.shell(`echo 0 >${parameters}/late_ms`);
});

/** Starts an ADD of container c2 whose IPAM plugin takes some time. Returns when the IPAM plugin has started. */
async function startSlowAdd(seconds: number): Promise<void> {
  await node.shell("rm -f /tmp/started");
  await node.plugin("endless", `[ $CNI_COMMAND != ADD ] || { touch /tmp/started; exec sleep ${seconds}; }`);
  const add = commandLine(plugin, { command: "ADD", container: "c2", netns: "b", config });
  await node.shell(`{ ${add}; } </dev/null >/tmp/slow 2>&1 &`);
  await node.until("[ -e /tmp/started ]");
}

/** Waits for the end of this ADD, which fails because it has no address, and makes its DEL. */
async function endSlowAdd(): Promise<void> {
  // In this guest a pause takes no time, but a look does.
  await node.shell("while pidof ib-sriov >/dev/null; do sleep 5; done", 300);
  await node.del("b", config, { container: "c2" });
}

test("a VF that another call holds: ADD and DEL wait, then name the holder", () =>
  node.unchanged(async () => {
    await startSlowAdd(1000);
    await node.shell("kill -STOP $(pidof ib-sriov)");
    for (const command of ["ADD", "DEL"]) {
      const call = { command, container: command === "ADD" ? "c1" : "c2", netns: "a" };
      const seconds = await secondsOf(async () => {
        const answer = await node.refused({ ...call, config: network(vf, { guid }) }, 200);
        expect(answer).toMatchObject({ code: 11, msg: expect.stringContaining("ADD of container c2") });
      });
      expect(seconds).toBeLessThan((command === "ADD" ? 100 : 50) + tolerance);
    }
    await node.shell("kill -CONT $(pidof ib-sriov)");
    await endSlowAdd();
  }));

test("an IPAM plugin that hangs after its ADD was killed: the next calls name the process, which can be killed", () =>
  node.unchanged(async () => {
    await startSlowAdd(1000);
    const plugin = (await node.shell("pidof sleep")).trim();
    await node.shell("kill -KILL $(pidof ib-sriov)");
    for (const call of [
      { command: "DEL", container: "c2", netns: "b" },
      { command: "ADD", netns: "a" },
    ]) {
      const answer = await node.refused({ ...call, config }, 200);
      expect(answer).toMatchObject({ code: 11, msg: expect.stringContaining("ADD of container c2") });
      expect(answer.msg).toContain(`held by process ${plugin} (sleep)`);
      expect(answer.msg).toContain(`(kill -KILL ${plugin})`);
    }
    await node.shell(`kill -KILL ${plugin}`);
    await node.del("b", config, { container: "c2" });
  }));

test("a slow IPAM plugin of one container does not delay the ADD of another", () =>
  node.unchanged(async () => {
    await startSlowAdd(50);
    const quick = network(other, { guid: "02:00:00:00:00:00:00:78" });
    expect(await secondsOf(() => node.add("a", quick))).toBeLessThan(15);
    await node.del("a", quick);
    await endSlowAdd();
  }));
