// A pod with many rails whose caller is killed repeatedly and never calls DEL.
import { expect, test } from "vitest";
import { caller, configure, devices, files, railNetwork, rails, setUpRails } from "./harness/eight-rails.ts";
import { testNode } from "./harness/node.ts";

const node = testNode({ files: [caller] });
/** How many more rails than the previous attempt each attempt attaches before it is killed. */
const progress = 2;

test.each([
  ["a caller and its plugin", false],
  ["all processes", true],
])(
  "eight rails, %s killed in the middle of a rebind, no DEL, another container: each attempt gets further, and nothing of the earlier attempts remains after the last",
  async (_, everything) => {
    await node.reset();
    await setUpRails(node);
    await configure(node, railNetwork);
    const before = await node.snapshot();
    // Longer than a turn of the loop below takes on a busy machine, so that no probe is missed.
    await node.shell("echo 1500 >/sys/module/vhca/parameters/probe_delay_ms");
    const reached: number[] = [];
    let made = await devices(node);
    let attempt = 0;
    for (; ; attempt++) {
      const last = reached.at(-1) ?? 0;
      const goal = last + progress;
      // With a time limit, the number of rails would differ from machine to machine. So the caller, and with it the
      // plugin, is killed when this number of rails is attached and the next rail is in the middle of its probe.
      await node.shell(
        `ip netns add try${attempt}
      bash /host/rails.sh try${attempt} try${attempt} ${files} </dev/null >/dev/null 2>&1 & caller=$!
      while [ -e /proc/$caller ]; do
        [ "$(wc -l </tmp/rails)" -ge ${goal} ] || continue
        for add in $(pidof ib-sriov); do
          if [ "$(cat /proc/$add/wchan 2>/dev/null)" = msleep ]; then
            kill -KILL $caller $(cat /tmp/plugin)${everything ? " $add" : ""}
            break 2
          fi
        done
      done
      wait $caller || true`,
        200,
      );
      reached.push(Number(await node.shell("wc -l </tmp/rails")));
      const now = await devices(node);
      // An attempt uses what the previous attempt has prepared, without another rebind.
      expect(now.slice(0, last)).toEqual(made.slice(0, last));
      made = now;
      if (reached.at(-1) === rails.length) break;
      expect(reached.at(-1), await node.shell("cat /tmp/answer")).toBeGreaterThanOrEqual(goal);
      // As when a pod is created again.
      await node.shell(`ip netns del try${attempt}`);
    }
    expect(reached.length).toBeGreaterThan(3);
    await node.shell("echo 0 >/sys/module/vhca/parameters/probe_delay_ms");

    const leases = await node.shell("cat /var/lib/cni/networks/mynet/10.1.*");
    expect(leases.match(/try\d+/g)).toEqual(rails.map(() => `try${attempt}`));
    expect(await node.shell("ls -A /var/lib/cni/ib-sriov/.leases")).toBe("");
    for (const rail of rails) {
      const ifname = `net${rail}`;
      expect((await node.podInterface(`try${attempt}`, ifname)).flags).toContain("UP");
      await node.del(`try${attempt}`, railNetwork(rail), { container: `try${attempt}`, ifname });
    }
    await node.shell(`ip netns del try${attempt}`);
    await node.expectSnapshot(before);
  },
);
