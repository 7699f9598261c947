// The effects of a call besides its answer: an entry in the journal or in a file, and the counters of `metrics`. If
// they cannot be written, the call has the same result.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readMetrics } from "../support/prometheus.ts";
import { type Config, hostLocal, network } from "./harness/cni.ts";
import { compile } from "./harness/compile.ts";
import { plugin, testNode, vfs } from "./harness/node.ts";

const node = testNode({
  files: [compile("test/e2e/guest/receive.c"), compile("test/e2e/guest/hold-lock.c")],
});
const [vf] = vfs;
const guid = "02:00:00:00:00:00:00:77";
const args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=trainer";
const counters = "/var/lib/cni/ib-sriov/.calls";
/** The value of COUNTERS_BYTES in src/log/counters.ts. */
const mostBytes = 32 << 10;

/** Returns the steps of an entry, as "apply GUID", and how long each took, ms. */
const durations = (steps: string) =>
  new Map(
    (JSON.parse(steps) as { step: string; action: string; ms: number }[]).map(({ step, action, ms }) => [
      `${action} ${step}`,
      ms,
    ]),
  );

// The receiver runs during all tests, because the processes in the guest must not change between them.
const received = "/tmp/received";
beforeAll(() =>
  node.shell(`mkdir -p /run/systemd/journal
    mkfifo /tmp/ready; /host/receive /run/systemd/journal/socket ${received} >/tmp/ready & read -r _ </tmp/ready`),
);

describe("the journal", () => {
  /** Returns the entries since the last call, as fields. */
  const entries = async (): Promise<Record<string, string>[]> => {
    const text = await node.shell(`cat ${received}; : >${received}`);
    return text.split("--\n").flatMap((entry) => {
      const fields = entry.split("\n").filter((line) => line !== "");
      const pairs = fields.map((line) => [
        line.slice(0, line.indexOf("=")),
        line.slice(line.indexOf("=") + 1),
      ]);
      return fields.length === 0 ? [] : [Object.fromEntries(pairs) as Record<string, string>];
    });
  };

  test("gets the span of a runtime's call, and the IPAM plugin gets the variables of the trace", () =>
    node.unchanged(async () => {
      const [trace, span] = ["4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"];
      const config = network(vf, { ipam: { type: "traced" } });
      await node.plugin(
        "traced",
        `env >>/tmp/traced; echo '{"cniVersion": "1.0.0", "ips": [{"address": "10.1.0.5/24"}]}'`,
      );
      await entries();
      // As libcni calls a plugin since commit beb7d36 (pkg/invoke/raw_exec.go).
      const environment = {
        TRACEPARENT: `00-${trace}-${span}-01`,
        TRACESTATE: "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
        BAGGAGE: "userId=alice",
      };
      await node.add("a", config, { args, environment });
      await node.del("a", config, { args, environment: { TRACEPARENT: `00-${trace}-${span}` } });
      const [add, del] = await entries();
      expect(add).toMatchObject({ CNI_COMMAND: "ADD", CNI_TRACE_ID: trace, CNI_SPAN_ID: span });
      expect(Object.keys(del ?? {})).not.toContain("CNI_TRACE_ID");
      const variables = await node.shell("grep -E '^(TRACE|BAGGAGE)' /tmp/traced | sort; rm /tmp/traced");
      expect(variables.trimEnd().split("\n")).toEqual([
        `BAGGAGE=${environment.BAGGAGE}`,
        `TRACEPARENT=00-${trace}-${span}`,
        `TRACEPARENT=${environment.TRACEPARENT}`,
        `TRACESTATE=${environment.TRACESTATE}`,
      ]);
    }));

  test("gets entries of ADD, a failure and DEL, with container, VF, the time of each step, and the error", () =>
    node.unchanged(async () => {
      const config = network(vf, { guid, ipam: hostLocal(["10.1.0.0/24"]) });
      await entries();
      await node.add("a", config, { args });
      await node.refused({ command: "ADD", container: "c2", netns: "b", config, args });
      await node.del("a", config, { args });
      const [add, refusal, del, ...more] = await entries();
      expect(more).toEqual([]);
      const pod = {
        SYSLOG_IDENTIFIER: "ib-sriov",
        CNI_PODNAMESPACE: "default",
        CNI_PODNAME: "trainer",
        CNI_NETWORK: "mynet",
        CNI_VF: vf,
      };
      const attached = { ...pod, CNI_CONTAINERID: "c1", CNI_IFNAME: "net1", CNI_GUID: guid };
      expect(add).toMatchObject({ ...attached, CNI_COMMAND: "ADD", PRIORITY: "6" });
      expect(add?.MESSAGE).toMatch(/^ADD default\/trainer net1 mynet 0000:01:10.0: done \(\d+ ms\)$/);
      const steps = durations(add?.CNI_STEPS ?? "");
      expect([...steps.keys()]).toEqual(
        expect.arrayContaining(["apply lease", "apply GUID", "apply interface", "apply addresses"]),
      );
      // A rebind takes time, and all steps together do not take longer than the call.
      expect(steps.get("apply GUID")).toBeGreaterThan(5);
      const sum = [...steps].reduce((all, [name, ms]) => (name.startsWith("wait") ? all : all + ms), 0);
      expect(sum).toBeLessThan(Number(add?.CNI_MS));
      expect(refusal).toMatchObject({
        ...pod,
        CNI_CONTAINERID: "c2",
        CNI_COMMAND: "ADD",
        PRIORITY: "3",
        MESSAGE: expect.stringContaining("failed with code 101: VF 0000:01:10.0 belongs to container c1"),
      });
      expect(JSON.parse(refusal?.CNI_ERROR ?? "")).toMatchObject({
        code: 101,
        msg: expect.stringContaining("c1"),
      });
      expect(del).toMatchObject({ ...attached, CNI_COMMAND: "DEL", PRIORITY: "6" });
      expect([...durations(del?.CNI_STEPS ?? "").keys()]).toEqual(
        expect.arrayContaining(["undo GUID", "undo interface", "undo lease"]),
      );
    }));

  test("gets the warnings of a call, and no entries below logLevel", () =>
    node.unchanged(async () => {
      const status = {
        command: "STATUS",
        container: "",
        ifname: "",
        config: { cniVersion: "1.1.0", name: "mynet", type: "ib-sriov" },
      };
      await entries();
      await node.call(status);
      await node.add("a", network(vf, { logLevel: "warning" }));
      await node.del("a", network(vf, { logLevel: "loud" }));
      await node.call({ ...status, config: { ...status.config, logLevel: "debug" } });
      const message =
        'network configuration: logLevel must be one of panic, error, warning, info, debug, not "loud"';
      expect(await entries()).toEqual([
        expect.objectContaining({
          CNI_COMMAND: "DEL",
          PRIORITY: "4",
          CNI_WARNINGS: JSON.stringify([message]),
        }),
        expect.objectContaining({ CNI_COMMAND: "STATUS", PRIORITY: "7" }),
      ]);
    }));

  test("that hangs does not delay a call", () =>
    node.unchanged(async () => {
      await node.shell("kill -STOP $(pidof receive)");
      // More messages than its queue holds.
      await node.shell(`for i in $(seq $(($(cat /proc/sys/net/unix/max_dgram_qlen) + 2))); do
          CNI_COMMAND=CHECK ${plugin} </dev/null >/dev/null || true; done`);
      const outcome = await node.call({ command: "ADD", netns: "a", config: network(vf) });
      expect(outcome).toMatchObject({
        status: 0,
        stderr: expect.stringContaining("cannot write the log entry of this call: sendto"),
      });
      expect(JSON.parse(outcome.stdout)).toMatchObject({ cniVersion: "1.0.0" });
      await node.del("a", network(vf));
      await node.shell("kill -CONT $(pidof receive)");
    }));
});

describe("logFile", () => {
  const file = "/mnt/log/ib-sriov.log";
  const config = network(vf, { logFile: file });
  const lines = async (path: string): Promise<Config[]> =>
    (await node.shell(`cat ${path}`))
      .split("\n")
      .flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Config]));
  beforeAll(() => node.shell("mkdir /mnt/log; mount -t tmpfs tmpfs /mnt/log"));
  afterAll(() => node.shell("umount /mnt/log"));

  test("has a line for each call, and is rotated when it is long", () =>
    node.unchanged(async () => {
      await node.add("a", config, { args });
      await node.del("a", config, { args });
      expect(await lines(file)).toEqual([
        expect.objectContaining({
          command: "ADD",
          level: "info",
          podName: "trainer",
          vf,
          ms: expect.any(Number),
        }),
        expect.objectContaining({ command: "DEL", podNamespace: "default" }),
      ]);
      expect(await node.shell(`stat -c %a ${file}`)).toBe("600\n");
      await node.shell(`truncate -s 10M ${file}`);
      await node.add("a", config);
      expect(await node.shell(`stat -c %s ${file}.1; ls /mnt/log`)).toBe(
        `${10 << 20}\nib-sriov.log\nib-sriov.log.1\n`,
      );
      await node.del("a", config);
      expect((await lines(file)).map(({ command }) => command)).toEqual(["ADD", "DEL"]);
      await node.shell(`rm ${file}*`);
    }));

  const tmpfs = "mount -t tmpfs tmpfs /mnt/log";
  const others: [what: string, make: string, path?: string][] = [
    [
      "on a disk that is full",
      "mount -t tmpfs -o size=64k tmpfs /mnt/log; dd if=/dev/zero of=/mnt/log/ballast bs=4k 2>/dev/null || true",
    ],
    ["on a read-only file system", "mount -t tmpfs -o ro tmpfs /mnt/log"],
    ["that is a directory", `${tmpfs}; mkdir ${file}`],
    ["that is a FIFO without a reader", `${tmpfs}; mkfifo ${file}`],
    ["that is a symbolic link", `${tmpfs}; echo precious >/mnt/log/precious; ln -s precious ${file}`],
    ["that is a file of another program", `${tmpfs}; echo precious >${file}`],
    ["that is a file of another user", `${tmpfs}; echo '{"time":"1"}' >${file}; chown 65534 ${file}`],
    ["that is a device", tmpfs, "/dev/null"],
  ];
  test.each(others)(
    "%s: ADD succeeds nevertheless, and prints only its result on stdout",
    (_, make, path = file) =>
      node.unchanged(async () => {
        await node.shell(make);
        const contents = () => node.shell("find /mnt/log -type f -size +0 -exec md5sum {} +");
        const before = await contents();
        const own = { ...config, logFile: path };
        const outcome = await node.call({ command: "ADD", netns: "a", config: own });
        expect(outcome).toMatchObject({
          status: 0,
          stderr: expect.stringMatching(
            new RegExp(`cannot write the log entry of this call: (open|write) ${path}`),
          ),
        });
        expect(JSON.parse(outcome.stdout)).toMatchObject({ interfaces: [{ name: "net1" }] });
        await node.del("a", own);
        expect(await contents()).toBe(before);
        await node.shell("umount /mnt/log");
      }),
  );
});

describe("metrics", () => {
  /** Runs `metrics`, and returns a function that looks up a value by name and labels. */
  const metrics = async () => {
    const read = readMetrics(await node.shell(`${plugin} metrics`));
    return (name: string, labels: string, suffix = "") =>
      read.get(name)?.samples.get(`${name}${suffix}{${labels}}`);
  };
  /** Returns the numbers of free and used VFs of the PF, and of attachments of running and of terminated containers. */
  const present = async () => {
    const value = await metrics();
    return [
      ...["free", "used"].map((state) => value("ib_sriov_vfs", `pf="0000:01:00.0",state="${state}"`)),
      ...["attached", "orphaned"].map((each) => value("ib_sriov_attachments", `condition="${each}"`)),
    ];
  };

  test("count VFs, attachments, calls, failures and steps", () =>
    node.unchanged(async () => {
      const config = network(vf, { guid });
      await node.shell(`rm -f ${counters}; ip netns add gone`);
      expect(await present()).toEqual([4, 0, 0, 0]);
      await node.add("gone", config);
      await node.refused({ command: "ADD", container: "c2", netns: "b", config });
      expect(await present()).toEqual([3, 1, 1, 0]);
      await node.shell("ip netns del gone");
      expect(await present()).toEqual([3, 1, 0, 1]);
      await node.del("gone", config);
      expect(await present()).toEqual([4, 0, 0, 0]);
      const value = await metrics();
      const counts = ["ADD", "DEL", "GC"].map((verb) =>
        value("ib_sriov_call_duration_seconds", `verb="${verb}"`, "_count"),
      );
      expect(counts).toEqual([2, 1, 0]);
      expect(value("ib_sriov_call_failures_total", 'code="101",verb="ADD"')).toBe(1);
      expect(value("ib_sriov_call_failures_total", 'code="7",verb="ADD"')).toBe(0);
      const rebind = value("ib_sriov_step_duration_seconds", 'action="apply",step="guid"', "_sum");
      expect(rebind).toBeGreaterThan(0.01);
    }));

  test("name the pod and the devices of an attachment, and count the traffic of its VF", () =>
    node.unchanged(async () => {
      const pair = [vf, vfs[1]].map((pci, i) =>
        network(pci, {
          guid: guid.replace(/.$/, `${i}`),
          link_state: "enable",
          ipam: hostLocal(["10.1.0.0/24"]),
        }),
      );
      await node.add("a", pair[0] as Config, { args });
      await node.add("b", pair[1] as Config, { container: "c2" });
      const labels =
        'condition="attached",container="c1",interface="net1",namespace="default",netdev="ibp1s0f0v0",network="mynet",' +
        `pf="0000:01:00.0",pod="trainer",port_guid="",rdma_device="mlx5_1",vf="${vf}"`;
      expect((await metrics())("ib_sriov_attachment_info", labels)).toBe(1);
      const received = async () =>
        (await metrics())("ib_sriov_vf_receive_bytes_total", `pf="0000:01:00.0",vf="${vf}"`) ?? 0;
      // The traffic of the PF's port includes that of its VFs.
      const sent = async () =>
        (await metrics())(
          "ib_sriov_port_transmit_bytes_total",
          'device="mlx5_0",pf="0000:01:00.0",port="1"',
        ) ?? 0;
      const before = await received();
      const sentBefore = await sent();
      await node.shell(
        "ip netns exec b ping -c 3 -i 0.2 -s 1000 -W 5 $(ip -n a -o -4 address show dev net1 | sed 's/.*inet \\([0-9.]*\\).*/\\1/')",
      );
      expect(await received()).toBeGreaterThan(before + 3000);
      expect(await sent()).toBeGreaterThan(sentBefore + 6000);
      await node.del("a", pair[0] as Config);
      await node.del("b", pair[1] as Config, { container: "c2" });
    }));

  test("can be written to a file for node_exporter, which is not root", async () => {
    const file = "/tmp/ib-sriov.prom";
    await node.shell(`echo old >${file}; ${plugin} metrics --textfile ${file}`);
    expect(await node.shell(`stat -c %a ${file}; ls /tmp | grep prom`)).toBe("644\nib-sriov.prom\n");
    expect(readMetrics(await node.shell(`cat ${file}`)).has("ib_sriov_vfs")).toBe(true);
    expect(await node.guest.execute(`${plugin} metrics --textfile /nowhere/x.prom`)).toMatchObject({
      status: 1,
      stdout: "",
      stderr: expect.stringContaining("/nowhere/x.prom"),
    });
  });

  test("are written to a device, which stays; a disk is refused", async () => {
    const directory = "/tmp/outputs";
    await node.shell(`mkdir ${directory}; cd ${directory}; mknod null c 1 3; mknod disk b 7 0`);
    const types = `stat -c "%F %t %T %n" ${directory}/*`;
    const before = await node.shell(types);
    await node.shell(`${plugin} metrics --textfile ${directory}/null`);
    expect(await node.guest.execute(`${plugin} metrics --textfile ${directory}/disk`)).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(`${directory}/disk is .*a disk without a driver`),
    });
    expect(await node.shell(`${types}; rm -r ${directory}`)).toBe(before);
  });

  test("are the same after a call or `metrics` has compacted many lines to one", () =>
    node.unchanged(async () => {
      const config = network(vf);
      const counts = async () => {
        const value = await metrics();
        return ["ADD", "DEL"].map((verb) =>
          value("ib_sriov_call_duration_seconds", `verb="${verb}"`, "_count"),
        );
      };
      const bytes = async () => Number(await node.shell(`wc -c <${counters}`));
      const repeat = (times: number) =>
        node.shell(`for i in $(seq ${times}); do cat /tmp/pair; done >>${counters}`);
      await node.shell(`rm -f ${counters}`);
      await node.add("a", config);
      await node.del("a", config);
      const pair = await bytes();
      await node.shell(`cp ${counters} /tmp/pair`);
      const most = Math.floor(mostBytes / pair);
      await repeat(most - 1);
      for (let round = 0; round < 2; round++) {
        await node.add("a", config);
        await node.del("a", config);
      }
      expect(await bytes()).toBeLessThan(4096);
      expect(await counts()).toEqual([most + 2, most + 2]);
      await repeat(most - 8);
      const both = 2 * most - 6;
      expect(await counts()).toEqual([both, both]);
      expect(await bytes()).toBeLessThan(1024);
      expect(await counts()).toEqual([both, both]);
      expect(await node.shell(`stat -c %a ${counters}; ls -A ${counters}*`)).toBe(`600\n${counters}\n`);
    }));

  test("no call waits for them: counters that another process has locked stay as they are", () =>
    node.unchanged(async () => {
      const config = network(vf);
      await node.add("a", config);
      await node.shell(`rm ${counters}; for i in $(seq 600); do echo '{"GC":[1000,1]}'; done >${counters}`);
      const before = await node.shell(`cat ${counters}`);
      await node.shell(
        `mkfifo /tmp/held; /host/hold-lock ${counters} 6000 >/tmp/held & read -r _ </tmp/held`,
      );
      await node.del("a", config);
      const value = await metrics();
      expect(value("ib_sriov_call_duration_seconds", 'verb="GC"', "_count")).toBe(600);
      expect(await node.shell(`cat ${counters}; kill $(pidof hold-lock)`)).toBe(before);
    }));
});
