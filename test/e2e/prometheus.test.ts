// A Prometheus that scrapes the agent: the queries of the dashboard have results, and each alert fires with its own
// duration. In this guest, waiting takes no time: an hour on its clock takes a minute.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dashboardQueries } from "../support/dashboard.ts";
import { documentedMetrics } from "../support/documented-metrics.ts";
import { type Config, hostLocal, network } from "./harness/cni.ts";
import { plugin, testNode, vfs } from "./harness/node.ts";
import { metricsErrors, Prometheus, prometheusFiles, scrapeInterval } from "./harness/prometheus.ts";

const node = testNode({ skipWaiting: true, files: prometheusFiles() });
const prometheus = new Prometheus(node);
const [first, second, third, fourth] = vfs;

/** Lets time pass on the guest's clock. */
const pass = (minutes: number) => node.shell(`sleep ${minutes * 60}`, minutes * 60 + 600);
const scrapes = (number: number) => pass((number * scrapeInterval) / 60);

async function startAgent(options: string): Promise<void> {
  await node.shell(`${plugin} agent ${options} >/tmp/agent.log 2>&1 & echo $! >/tmp/agent.pid
    until grep -q :24C2 /proc/net/tcp; do sleep 0.05; done`);
}

const stopAgent = () =>
  node.shell(`pid=$(cat /tmp/agent.pid); kill $pid; while [ -e /proc/$pid ]; do sleep 0.05; done`);

const guid = (index: number) => `02:00:00:00:00:00:00:1${index}`;
const inPod = (name: string, container: string) => ({
  container,
  args: `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${name}`,
});
const pods = [first, second].map((vf, i) =>
  network(vf, { guid: guid(i), link_state: "enable", ipam: hostLocal(["10.1.0.0/24"]) }),
) as [Config, Config];

beforeAll(async () => {
  await node.shell("mkdir -p /tmp/bin; ip link set lo up; ip netns add gone; ip netns add stuck");
  await startAgent("--interval 60 --provision --gc --install --cni-bin-dir /tmp/bin");
  await prometheus.start();
  await scrapes(2);
});
afterAll(() => node.shell("kill $(pidof prometheus ib-sriov); ip link set lo down"));

describe("a healthy node", () => {
  test("all rules are loaded and evaluated", async () => {
    const { groups } = await prometheus.get<{
      groups: { rules: { name: string; health: string; lastError?: string }[] }[];
    }>("/api/v1/rules");
    const rules = groups.flatMap((group) => group.rules);
    expect(rules.length).toBeGreaterThan(8);
    for (const rule of rules) expect(rule).toMatchObject({ health: "ok" });
  });

  test("every query of the dashboard has a result after ADDs, DELs, failures and traffic", async () => {
    await node.add("a", pods[0], inPod("one", "c1"));
    await node.add("b", pods[1], inPod("two", "c2"));
    // A step has no counters before it is needed for the first time, so its increase is only visible the second time.
    for (let turn = 0; turn < 2; turn++) {
      await node.add("a", network(third), { container: "c3", ifname: "net2" });
      await node.del("a", network(third), { container: "c3", ifname: "net2" });
      await node.shell("echo 16 >/sys/module/vhca/parameters/fail_guid");
      const failing = network(third, { guid: guid(3) });
      await node.refused({ command: "ADD", netns: "a", config: failing, container: "c4", ifname: "net2" });
      await node.shell("ip netns exec b ping -c 3 -i 0.2 -s 1000 -W 5 10.1.0.2");
      await scrapes(1);
    }
    for (const { title, query } of dashboardQueries("5m")) {
      const result = await prometheus.query(query);
      expect(result, `${title}: ${query}`).not.toEqual([]);
      for (const { value } of result) expect(Number(value[1]), query).not.toBeNaN();
    }
    const path = "/api/v1/label/instance/values?match%5B%5D=ib_sriov_build_info";
    expect(await prometheus.get(path)).toEqual(["node"]);
  });

  test("all metrics follow Prometheus's rules", async () => {
    const answer = await node.shell(
      "exec 3<>/dev/tcp/127.0.0.1/9410; printf 'GET /metrics HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3",
    );
    const text = answer.slice(answer.indexOf("\r\n\r\n") + 4);
    for (const { name } of documentedMetrics()) expect(text).toContain(`# TYPE ${name} `);
    expect(metricsErrors(text)).toBe("");
  });

  test("the dashboard names the pods that the traffic belongs to", async () => {
    const queries = dashboardQueries("5m").filter(({ title }) => title === "Traffic received by pods");
    expect(queries).toHaveLength(1);
    const series = await prometheus.query(queries[0]?.query ?? "");
    const traffic = series.map(({ metric, value }) => [metric.pod, Number(value[1]) > 3000 / 300]);
    expect(traffic.sort()).toEqual([
      ["one", true],
      ["two", true],
    ]);
  });

  test("no alert fires", async () => {
    await pass(11);
    expect(await prometheus.firedAlerts()).toEqual([]);
  });
});

test("each alert fires on a node that deserves it", async () => {
  await prometheus.addNodeWithoutAgent();
  await stopAgent();
  // ADDs of a VF that is in use fail.
  for (let turn = 0; turn < 3; turn++)
    await node.refused({ command: "ADD", netns: "b", config: pods[0], container: "c5", ifname: "net3" });
  // The IPAM plugin is slow in one network, and does not release addresses in another.
  const address = `echo '{"cniVersion":"1.0.0","ips":[{"address":"10.2.0.5/24"}]}'`;
  await node.plugin("slow", `[ $CNI_COMMAND != ADD ] || { sleep 40; ${address}; }`);
  await node.plugin("stuck", `[ $CNI_COMMAND != DEL ] || exit 1; ${address}`);
  for (let turn = 0; turn < 2; turn++) {
    const slow = network(fourth, { ipam: { type: "slow" } });
    await node.add("a", slow, { container: "c6", ifname: "net2" });
    await node.del("a", slow, { container: "c6", ifname: "net2" });
  }
  // Two containers terminate without a DEL, and another container gets the VF of the first.
  await node.add("stuck", network(third, { ipam: { type: "stuck" } }), { container: "c7" });
  await node.add("gone", network(fourth), { container: "c8" });
  await node.shell("ip netns del stuck; ip netns del gone");
  await node.add("a", network(third), { container: "c9", ifname: "net2" });
  // The VFs of running containers are destroyed.
  await node.shell("echo 0 >/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs");
  // A task of the agent fails, and another hangs.
  const failing = "--install --cni-bin-dir /absent";
  await startAgent(`--interval 10 --provision ${failing}`);
  // After the first round, before which the agent reports no task.
  await node.shell(`sleep 5; agent=$(cat /tmp/agent.pid)
    until [ -n "\${stopped:-}" ]; do
      read -r -a children </proc/$agent/task/$agent/children || true
      for child in "\${children[@]}"; do
        mapfile -d '' -t words </proc/$child/cmdline || continue
        [[ " \${words[*]} " != *" provision "* ]] || { kill -STOP $child && stopped=1; }
      done
    done`);
  await pass(14);
  // The stopped task ends with the agent: the kernel sends it SIGHUP.
  await stopAgent();
  await startAgent(`--interval 300 ${failing}`);
  await pass(9);
  expect(await prometheus.firedAlerts()).toEqual([
    "IbSriovAddsSlow",
    "IbSriovAgentDown",
    "IbSriovAgentRoundHangs",
    "IbSriovAgentTaskFails install",
    "IbSriovAttachmentsLeft orphaned",
    "IbSriovCallsFail ADD 101",
    "IbSriovLeasesUnreleased",
    "IbSriovNoFreeVfs",
    "IbSriovVfDestroyed destroyed",
  ]);
});
