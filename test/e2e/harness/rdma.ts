import { expect } from "vitest";
import { type Config, hostLocal, network } from "./cni.ts";
import { type TestNode, vfs } from "./node.ts";

/** A pod of these tests, with its VF. */
export interface RdmaPod {
  readonly pod: string;
  readonly vf: string;
  readonly config: Config;
}

/** The two pods and their VFs. */
export const rdmaPods = ["a", "b"].map(
  (pod, i): RdmaPod => ({ pod, vf: vfs[i] ?? "", config: rdmaNetwork(i, {}) }),
);

/** Returns a network for a VF, with a new GUID and an address. */
export function rdmaNetwork(index: number, more: Config): Config {
  const guid = `02:00:00:00:00:00:00:7${index}`;
  return network(vfs[index] ?? "", { guid, link_state: "enable", ipam: hostLocal(["10.1.0.0/24"]), ...more });
}

/** Programs that use RDMA in two pods. */
export class Rdma {
  private readonly node: TestNode;

  constructor(node: TestNode) {
    this.node = node;
  }

  /** Returns the name of a VF's RDMA device. Sysfs shows it also while another namespace has it. */
  async deviceOf(vf: string): Promise<string> {
    return (await this.node.shell(`cat /sys/bus/pci/devices/${vf}/infiniband_verbs/*/ibdev`)).trim();
  }

  /** Returns the path of a VF's device for verbs. */
  async verbsOf(vf: string): Promise<string> {
    return `/dev/infiniband/${(await this.node.shell(`ls /sys/bus/pci/devices/${vf}/infiniband_verbs`)).trim()}`;
  }

  /** Attaches both pods, runs a test, and detaches them; the node must then be as before. */
  async attached(test: (address: string) => Promise<void>, more: Config = {}): Promise<void> {
    await this.node.unchanged(async () => {
      for (const { pod, config } of rdmaPods)
        await this.node.add(pod, { ...config, ...more }, { container: pod });
      const addresses = (await this.node.podInterface("a")).addr_info.map(({ local }) => local);
      await test(addresses[0] ?? "");
      for (const { pod, config } of rdmaPods)
        await this.node.del(pod, { ...config, ...more }, { container: pod });
    });
  }

  /**
   * Runs a server in pod a and its client in pod b.
   * @param listening a command that succeeds when the server listens.
   * @returns the output of the client and of the server.
   */
  async serve(server: string, client: string, listening: string): Promise<string> {
    return this.node.shell(`ip netns exec a timeout 100 ${server} >/tmp/server 2>&1 & server=$!
      until ${listening}; do
        kill -0 $server || { cat /tmp/server; exit 1; }
        sleep 0.02
      done
      ip netns exec b timeout 100 ${client} 2>&1 || { cat /tmp/server; exit 1; }
      wait $server || { cat /tmp/server; exit 1; }
      cat /tmp/server`);
  }

  /** Starts endless transfers from pod b to the memory of a process in pod a, and returns when they run. */
  async startTraffic(pods: readonly RdmaPod[] = rdmaPods): Promise<void> {
    const roles = await Promise.all(
      pods.map(async ({ pod, vf }, i) => {
        const role = ["target", "source"][i];
        return `ip netns exec ${pod} /host/rdma-pattern ${role} ${await this.verbsOf(vf)} /tmp/exchange endless \\
          >/tmp/${role} 2>&1 & echo $! >/tmp/${role}.pid`;
      }),
    );
    await this.node.shell(`rm -f /tmp/exchange.* /tmp/target* /tmp/source*\n${roles.join("\n")}`);
    await this.node.until("grep -qs running /tmp/source");
  }

  /** Waits until a process ends by itself, kills the other, and returns the last line of the first. */
  async endOf(role: "target" | "source"): Promise<string> {
    await this.node.until(`! kill -0 $(cat /tmp/${role}.pid) 2>/dev/null`);
    await this.killTraffic();
    return (await this.node.shell(`tail -n 1 /tmp/${role}`)).trim();
  }

  /** Kills both processes. */
  async killTraffic(): Promise<void> {
    await this.node.shell(`kill -KILL $(cat /tmp/target.pid) $(cat /tmp/source.pid) 2>/dev/null || true
      while kill -0 $(cat /tmp/target.pid) || kill -0 $(cat /tmp/source.pid); do sleep 0.02; done 2>/dev/null`);
  }

  /** Returns the number of verbs objects that processes have, and whether the kernel holds pages for them. */
  async inUse(): Promise<string> {
    return this.node.shell(`rdma resource show | grep -o 'mr .*' | sort | uniq -c
      awk '/nr_foll_pin_acquired/ { a = $2 } /nr_foll_pin_released/ { r = $2 } END { print "pinned", a - r }' /proc/vmstat`);
  }

  /**
   * Expects nothing to be left of processes that have ended. The kernel updates the counters of pages only once a
   * second.
   */
  async expectNothingInUse(): Promise<void> {
    const nothing = /^ *5 mr 0 ctx 0 srq 0 \npinned 0\n$/;
    await expect.poll(() => this.inUse(), { timeout: 30_000, interval: 100 }).toMatch(nothing);
  }
}
