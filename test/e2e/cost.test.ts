// The number of system calls of ADD and DEL, and that it does not grow with other VFs, records and netdevs.
import { expect, test } from "vitest";
import { commandLine, network } from "./harness/cni.ts";
import { compile } from "./harness/compile.ts";
import { plugin, testNode, vfs } from "./harness/node.ts";

const node = testNode({ pfs: 4, files: [compile("test/e2e/guest/tracer.c")] });
const [vf] = vfs;
const config = network(vf, { guid: "02:00:00:00:00:00:00:77", link_state: "enable" });

interface Cost {
  readonly calls: number;
  readonly threads: number;
  readonly children: number;
  /** How much of the executable's data the kernel copied, KiB. */
  readonly copied: number;
}

/**
 * Returns the system calls of one ADD and one DEL. Events of the kernel can wake a waiting call early, so it returns
 * the least of five measurements.
 */
async function cost(network = config): Promise<Record<"ADD" | "DEL", Cost>> {
  const least: Partial<Record<string, Cost>> = {};
  for (let round = 0; round < 5; round++) {
    for (const command of ["ADD", "DEL"]) {
      const call = commandLine(plugin, { command, netns: "a", config: network }, "/host/tracer /tmp/cost");
      const report = await node.shell(`{ ${call}; } >/dev/null\ncat /tmp/cost`);
      const measured = JSON.parse(report) as Cost;
      if (measured.calls < (least[command]?.calls ?? Number.POSITIVE_INFINITY)) least[command] = measured;
    }
  }
  const { ADD, DEL } = least;
  if (ADD === undefined || DEL === undefined) throw new Error("nothing was measured");
  return { ADD, DEL };
}

test("ADD without IPAM makes at most 150 system calls in one thread, whatever other VFs and records the node has", async () => {
  const vfsOf = (numbers: readonly number[]) =>
    node.shell(
      `for bus in 1 2 3 4; do set -- ${numbers.join(" ")}; shift $((bus - 1))
      pf=/sys/bus/pci/devices/0000:0$bus:00.0; [ "$(cat $pf/sriov_numvfs)" = "$1" ] || { echo 0 >$pf/sriov_numvfs; echo $1 >$pf/sriov_numvfs; }
      done`,
      120,
    );

  await vfsOf([1, 0, 0, 0]);
  const alone = await cost();
  expect(alone.ADD.calls).toBeLessThanOrEqual(150);
  // The child process binds the driver.
  expect(alone.ADD).toMatchObject({ threads: 1, children: 1 });
  expect(alone.DEL).toMatchObject({ threads: 1, children: 1 });
  // A call writes to only a few pages of the image of the engine's memory, which has 1.2 MB
  // (native/startup/quickjs/immortal.h); without immortal values, it writes to 150 pages.
  expect(alone.ADD.copied).toBeLessThanOrEqual(30 * 4);
  expect(alone.ADD.copied).toBeGreaterThan(0);

  await vfsOf([8, 8, 8, 8]);
  const records = "/var/lib/cni/ib-sriov";
  await node.shell(`for i in $(seq 1000); do echo '{}' >${records}/other$i-net1; done`);
  const crowded = await cost();
  expect(crowded).toEqual(alone);
});

// Without a GUID in the network, no rebind returns the netdev to the host namespace, so DEL looks for it in the pod.
test("the number of system calls does not grow with the pod's netdevs and their names", async () => {
  const kept = network(vf);
  await node.reset();
  const alone = await cost(kept);
  const altnames = ["a", "b", "c", "d"].map((name) => `altname ${name}@-${"x".repeat(110)}`).join(" ");
  await node.shell(`ip -n a -batch - <<<"$(for i in $(seq 300); do
      echo "link add d$i type dummy"; echo "link property add dev d$i ${altnames.replaceAll("@", "$i")}"
    done)"`);
  expect(await cost(kept)).toEqual(alone);
  // Two of them make the mapping for netlink, without which the kernel clears several MB (native/host/netlink.c).
  expect(alone.DEL.calls).toBeLessThanOrEqual(112);
});
