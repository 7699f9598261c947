// RDMA between pods: Debian's unchanged programs for verbs, and programs of these tests, on VFs that the plugin attached.
import { beforeAll, describe, expect, test } from "vitest";
import { hostLocal, network } from "./harness/cni.ts";
import { compile } from "./harness/compile.ts";
import { addresses, railNetwork, rails, setUpRails } from "./harness/eight-rails.ts";
import { plugin, testNode, vfs } from "./harness/node.ts";
import { Rdma, rdmaNetwork, rdmaPods } from "./harness/rdma.ts";

const programs = ["rdma-rules", "rdma-pattern", "rdma-fuzz"].map((name) =>
  compile(`test/e2e/guest/${name}.c`),
);
const node = testNode({ verbs: true, files: programs });
const rdma = new Rdma(node);
const [vf, second] = vfs;
/** Port 18515 is the default of all programs that exchange addresses over TCP. */
const port = "grep -q ':4853 .* 0A ' /proc/$server/net/tcp /proc/$server/net/tcp6";
/** With completion events, so that the two do not wait for each other's time slices. */
const pingPongs = ["rc", "uc", "ud", "srq"].map((kind) => `ibv_${kind}_pingpong -e`);
const perftest = [
  ...["ib_send_bw", "ib_send_bw -c UC", "ib_send_bw -c UD", "ib_write_bw", "ib_read_bw"],
  ...["ib_atomic_lat", "ib_atomic_lat -A CMP_AND_SWAP", "ib_write_lat"],
].map((command) => `${command} -F`);
const cm = "rdma resource show cm_id | grep -q LISTEN";
const rebind = (pci: string) =>
  node.shell(`cd /sys/bus/pci/drivers/mlx5_core; echo ${pci} >unbind; echo ${pci} >bind`);

describe("in shared mode, in which every namespace has all RDMA devices", () => {
  test("ibv_devices and ibv_devinfo show the pod's device", () =>
    rdma.attached(async () => {
      const device = await rdma.deviceOf(vf);
      const devices = await node.shell("ip netns exec a ibv_devices");
      expect(devices).toMatch(new RegExp(`${device} +\\t0200000000000070`));
      const info = await node.shell(`ip netns exec a ibv_devinfo -v -d ${device}`);
      for (const line of [
        /node_guid:\s+0200:0000:0000:0070/,
        /state:\s+PORT_ACTIVE/,
        /link_layer:\s+InfiniBand/,
        /atomic_cap:\s+ATOMIC_HCA/,
        /GID\[ *0\]:\s+fe80:[0:]*200:[0:]*70/,
      ])
        expect(info).toMatch(line);
    }));

  test.each([
    ["the ping-pongs of rdma-core run", pingPongs, /100 iters in .* usec\/iter/],
    ["perftest runs", perftest, /^ \d+ +100 +[\d.]+/m],
  ])("%s between two pods", (_, commands, expected) =>
    rdma.attached(async (address) => {
      const [server, client] = await Promise.all(rdmaPods.map((pod) => rdma.deviceOf(pod.vf)));
      for (const command of commands) {
        const output = await rdma.serve(
          `${command} -n 100 -d ${server}`,
          `${command} -n 100 -d ${client} ${address}`,
          port,
        );
        expect(output, command).toMatch(expected);
      }
    }),
  );

  test.each([
    ["rping", "rping -s -a ADDRESS -C 5 -V", "rping -c -a ADDRESS -C 5 -V -v", /rdma-ping-4: /],
    ["ucmatose", "ucmatose -b ADDRESS", "ucmatose -s ADDRESS", /return status 0/],
  ])("%s connects two pods with the RDMA CM and their IP addresses", (_, server, client, expected) =>
    rdma.attached(async (address) => {
      await node.shell("modprobe rdma_ucm");
      const at = (command: string) => command.replace("ADDRESS", address);
      expect(await rdma.serve(at(server), at(client), cm)).toMatch(expected);
    }),
  );

  test("RDMA WRITE fills another pod's memory with patterns, and RDMA READ returns them", () =>
    rdma.attached(async () => {
      const [target, source] = await Promise.all(rdmaPods.map((pod) => rdma.verbsOf(pod.vf)));
      await node.shell("rm -f /tmp/exchange.*");
      const role = (name: string, device: string | undefined) =>
        `/host/rdma-pattern ${name} ${device} /tmp/exchange`;
      expect(await rdma.serve(role("target", target), role("source", source), "true")).toBe("running\nok\n");
    }));

  test("work requests follow the rules of the specification: data, access rights, bounds, and error statuses", async () => {
    await node.shell(`ip link set ib0 vf 0 state enable`);
    const outcome = await node.guest.execute(
      `/host/rdma-rules ${await rdma.verbsOf(vf)} ${await rdma.verbsOf(second)}`,
    );
    await node.shell(`ip link set ib0 vf 0 state disable`);
    expect(outcome.stdout.split("\n").filter((line) => !line.startsWith("ok"))).toEqual([""]);
    expect(outcome).toMatchObject({ status: 0, stdout: expect.stringContaining("ok more completions than") });
  });

  test("nothing is left of processes that were killed, and the other side gets an error", () =>
    rdma.attached(async () => {
      await rdma.startTraffic();
      expect(await rdma.inUse()).toMatch(/2 mr 2 ctx 1/);
      await node.shell("kill -KILL $(cat /tmp/target.pid)");
      // IBV_WC_RETRY_EXC_ERR: the queue pair does not answer.
      expect(await rdma.endOf("source")).toBe("status 12");
      await rdma.expectNothingInUse();
    }));

  // The lost queue pair flushes its work requests (IBV_WC_WR_FLUSH_ERR), and after that the device is gone (EIO).
  const lost = /^(status 5|post: Input\/output error)$/;

  test("a process whose VF is rebound or removed gets an error instead of a hang", async () => {
    const remove = () => node.shell("echo 0 >/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs");
    for (const [role, lose] of [
      ["target", () => rebind(vf)],
      ["source", () => rebind(second)],
      ["target", remove],
    ] as const) {
      await node.shell("ip link set ib0 vf 0 state enable");
      await rdma.startTraffic();
      await lose();
      expect(await rdma.endOf(role), role).toMatch(lost);
    }
    await node.reset();
    await rdma.expectNothingInUse();
  });

  test("DEL, and release --force, take the VF from a process that uses it, which gets an error", () =>
    node.unchanged(async () => {
      for (const release of [
        () => node.del("a", rdmaNetwork(0, {}), { container: "a" }),
        () => node.shell(`${plugin} attachments release a net1 --force`),
      ]) {
        await node.add("a", rdmaNetwork(0, {}), { container: "a" });
        await node.shell("ip link set ib0 vf 1 state enable");
        await rdma.startTraffic();
        await release();
        expect(await rdma.endOf("target")).toMatch(lost);
      }
    }));

  test("DEL without a new GUID ends the traffic of a process of the pod, and that of the next pod runs", () =>
    node.unchanged(async () => {
      const kept = network(vf, { link_state: "enable", ipam: hostLocal(["10.1.0.0/24"]) });
      await node.shell("ip link set ib0 vf 1 state enable");
      const pods = [
        { pod: "a", vf, config: kept },
        { pod: "b", vf: second, config: {} },
      ];
      await node.add("a", kept, { container: "a" });
      await rdma.startTraffic(pods);
      const { status, stderr } = await node.call({
        command: "DEL",
        netns: "a",
        container: "a",
        config: kept,
      });
      expect([status, stderr]).toEqual([
        0,
        expect.stringMatching(/still uses the RDMA device .* bound again/),
      ]);
      expect(await rdma.endOf("target")).toMatch(lost);
      await node.add("a", kept, { container: "next" });
      await rdma.startTraffic(pods);
      expect(await node.shell("tail -n 1 /tmp/source")).toBe("running\n");
      await rdma.killTraffic();
      await node.del("a", kept, { container: "next" });
    }));

  test("GC and an ADD for another pod leave the VF to a process that uses it in a deleted namespace, until it ends", () =>
    node.unchanged(async () => {
      await node.shell("ip netns add gone");
      const config = rdmaNetwork(0, {});
      await node.add("gone", config, { container: "gone" });
      await rdma.startTraffic([
        { pod: "gone", vf, config },
        { pod: "b", vf: second, config },
      ]);
      await node.shell("ip netns del gone");
      const collect = {
        command: "GC",
        container: "",
        ifname: "",
        config: { ...config, cniVersion: "1.1.0", "cni.dev/valid-attachments": [] },
      };
      expect((await node.call(collect)).stderr).toContain(`keeps VF ${vf}`);
      expect((await node.refused({ command: "ADD", netns: "a", config })).msg).toContain(vf);
      expect(await node.shell("tail -n 1 /tmp/source")).toBe("running\n");
      await rdma.killTraffic();
      await node.until(`ls /sys/bus/pci/devices/${vf}/net/* >/dev/null 2>&1`);
      await node.add("a", config);
      await node.del("a", config);
    }));

  test("100,000 hostile requests cause errors, and no kernel warning", async () => {
    const fuzz = `/host/rdma-fuzz ${await rdma.verbsOf(vf)} ${await rdma.verbsOf(second)} 100000 ${process.env.FUZZ_SEED ?? 1}`;
    await node.shell("ip link set ib0 vf 0 state enable");
    const output = await node.shell(fuzz);
    await node.shell("ip link set ib0 vf 0 state disable");
    expect(output).toMatch(/^accepted \d{5}, refused \d{4,}, completions 0:\d+ .*\b5:\d+ .*\b10:\d+/);
    await rdma.expectNothingInUse();
  });
});

describe("in exclusive mode, in which an RDMA device belongs to one namespace", () => {
  beforeAll(() => node.makeRdmaExclusive(), 120_000);
  const isolated = { rdmaIsolation: true };

  test("a pod with isolation has only its own device, cannot open another pod's, and its traffic runs", () =>
    rdma.attached(async (address) => {
      const names = await Promise.all(rdmaPods.map((pod) => rdma.deviceOf(pod.vf)));
      for (const [i, { pod }] of rdmaPods.entries()) {
        const listed = await node.shell(`ip netns exec ${pod} ibv_devices | tail -n +3`);
        expect(listed.trim().split(/\s+/)).toEqual([names[i], `020000000000007${i}`]);
        const other = rdmaPods[1 - i];
        const opened = await node.guest.execute(
          `ip netns exec ${pod} bash -c ': <>${await rdma.verbsOf(other?.vf ?? "")}' 2>&1`,
        );
        expect(opened).toMatchObject({ status: 1, stdout: expect.stringContaining("not permitted") });
      }
      const command = "ibv_rc_pingpong -n 100 -e";
      expect(await rdma.serve(command, `${command} ${address}`, port)).toContain("100 iters");
    }, isolated));

  test("a pod without isolation has no device", () =>
    rdma.attached(async () => {
      expect(await node.shell("ip netns exec a ibv_devices | tail -n +3")).toBe("");
    }));

  test("DEL takes an isolated device from a process that uses it, which gets an error", () =>
    node.unchanged(async () => {
      for (const { pod, vf: pci } of rdmaPods)
        await node.add(pod, rdmaNetwork(pci === vf ? 0 : 1, isolated), { container: pod });
      await rdma.startTraffic();
      for (const [i, { pod }] of rdmaPods.entries())
        await node.del(pod, rdmaNetwork(i, isolated), { container: pod });
      expect(await rdma.endOf("target")).toBe("status 5");
    }));

  test("eight rails of a pod keep their numbers below /dev/infiniband, and RDMA runs on all of them at once", async () => {
    await setUpRails(node);
    const numbers = () =>
      node.shell(`for vf in ${addresses.join(" ")}; do
        echo $(ls /sys/bus/pci/devices/$vf/infiniband_verbs /sys/bus/pci/devices/$vf/infiniband_mad)
      done`);
    const all = (command: string) =>
      node.inParallel(
        rails.map((rail) => ({
          command,
          ifname: `net${rail}`,
          netns: "a",
          config: { ...railNetwork(rail), ...isolated },
        })),
      );
    const before = await numbers();
    await all("ADD");
    expect(await numbers()).toBe(before);
    const devices = await Promise.all(addresses.map((address) => rdma.verbsOf(address)));
    const roles = devices.map((device, rail) => {
      const role = rail % 2 === 0 ? "target" : "source";
      return `ip netns exec a /host/rdma-pattern ${role} ${device} /tmp/exchange.${rail >> 1} >/tmp/rail.${rail} &`;
    });
    const output = await node.shell(`rm -f /tmp/exchange.*\n${roles.join("\n")}\nwait; cat /tmp/rail.?`);
    expect(output).toBe("ok\nrunning\n".repeat(4));
    await all("DEL");
    expect(await numbers()).toBe(before);
    await node.reset();
  });
});
