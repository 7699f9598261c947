// The agent on a node whose VFs are in use: its rounds, and its answers while something is broken.
import { expect, test } from "vitest";
import { readMetrics } from "../support/prometheus.ts";
import { hostLocal, network } from "./harness/cni.ts";
import { plugin, testNode, vfs } from "./harness/node.ts";

const node = testNode();
const [vf, second, , fresh] = vfs;
const address = "127.0.0.1/9410";
const driver = "/sys/bus/pci/drivers/mlx5_core";

/** Returns the answer of the agent without its head; the status comes first. */
async function answer(path: string): Promise<{ status: number; body: string }> {
  const text = await node.shell(
    `exec 3<>/dev/tcp/${address}; printf 'GET ${path} HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3`,
  );
  const [head = "", body = ""] = text.split("\r\n\r\n");
  return { status: Number(head.split(" ")[1]), body };
}

/**
 * Runs a test while an agent runs, which must end by SIGTERM, and leave no process behind. How fast they end is a test of
 * test/native/agent.test.ts and agent-output.test.ts, because the processor of the virtual node can be slow.
 */
async function withAgent(options: string, action: () => Promise<void>): Promise<void> {
  await node.shell(`ip link set lo up
    ${plugin} agent ${options} >/tmp/agent.log 2>&1 & echo $! >/tmp/agent.pid
    until grep -q :24C2 /proc/net/tcp; do sleep 0.05; done`);
  try {
    await action();
  } catch (error) {
    if (error instanceof Error) error.message += `\n\n${await node.shell("cat /tmp/agent.log")}`;
    throw error;
  } finally {
    await node.shell(`pid=$(cat /tmp/agent.pid); kill $pid
      for i in $(seq 600); do [ -e /proc/$pid ] || pidof ib-sriov >/dev/null || break; sleep 0.05; done
      left=$(pidof ib-sriov || true); kill -KILL $left 2>/dev/null || true
      ip link set lo down; [ -z "$left" ]`);
  }
}

const health = async () => (await answer("/healthz")).status;
const soon = { timeout: 60_000, interval: 200 };
const portGuid = (vf: string) => node.shell(`cat /sys/bus/pci/devices/${vf}/infiniband/*/ports/1/gids/0`);

test("it gives VFs that appear a GUID, and releases terminated containers, beside ADDs and DELs", async () => {
  await withAgent("--interval 1 --provision --gc", async () => {
    await expect.poll(health, soon).toBe(200);
    await node.shell("ip netns add gone");
    await node.add("gone", network(vf));
    await node.shell("ip netns del gone");
    await expect.poll(() => node.shell(`ls /var/lib/cni/ib-sriov | grep -c net1 || true`), soon).toBe("0\n");
    expect(await portGuid(fresh)).not.toContain("0000:0000:0000:0000\n");
    for (let round = 0; round < 10; round++) {
      await node.add("a", network(second));
      await node.del("a", network(second));
    }
    // VFs that are created again, after the present round.
    await node.shell(`echo 0 >/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs
      echo 2 >/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs`);
    const fits = async () => (await node.shell(`${plugin} list -o json`)).includes("00:00:00:00:00:00:00:00");
    await expect.poll(fits, soon).toBe(false);
    const { status, body } = await answer("/metrics");
    expect([status, readMetrics(body).has("ib_sriov_vf_receive_bytes_total")]).toEqual([200, true]);
    expect(await health()).toBe(200);
  });
  await node.reset();
});

test("a pod whose VF is created again stays in the metrics as destroyed, with its lease, until its DEL", async () => {
  const config = network(vf, { ipam: hostLocal(["10.1.0.0/24"]) });
  const leases = () => node.shell("ls /var/lib/cni/networks/mynet | grep -c ^10 || true");
  await withAgent("--interval 0.5 --provision --gc", async () => {
    await node.add("a", config);
    await node.shell(`echo 0 >/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs
      echo 2 >/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs`);
    await expect.poll(() => portGuid(vf), soon).not.toContain("0000:0000:0000:0000\n");
    // Rounds after the VF was provisioned.
    const rounds = async () =>
      Number(/^ib_sriov_agent_rounds_total (\d+)$/m.exec((await answer("/metrics")).body)?.[1]);
    const first = await rounds();
    await expect.poll(rounds, soon).toBeGreaterThan(first + 2);
    expect((await answer("/metrics")).body).toMatch(/^ib_sriov_attachments\{condition="destroyed"\} 1$/m);
    expect(await leases()).toBe("1\n");
    await node.del("a", config);
    expect(await leases()).toBe("0\n");
  });
  await node.reset();
});

test("it survives a PF without its driver, a full disk, and a file in the place of the state directory", async () => {
  const state = "/var/lib/cni/ib-sriov";
  await withAgent("--interval 0.5 --provision --gc", async () => {
    await expect.poll(health, soon).toBe(200);
    await node.shell(`echo 0000:01:00.0 >${driver}/unbind`);
    await expect.poll(async () => (await answer("/metrics")).status, soon).toBe(200);
    await node.shell(
      `echo 0000:01:00.0 >${driver}/bind; echo 2 >/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs`,
    );
    await expect.poll(health, soon).toBe(200);

    await node.shell(`rm -rf ${state}; echo >${state}`);
    await expect.poll(health, soon).toBe(503);
    expect((await answer("/healthz")).body).toMatch(/ENOTDIR/);
    await node.shell(`rm ${state}`);
    await expect.poll(health, soon).toBe(200);

    await node.shell(
      `mount -t tmpfs -o mode=700,size=4k none ${state}; head -c 8192 /dev/zero >${state}/full 2>/dev/null || true`,
    );
    await node.shell(
      `echo 0 >/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs; echo 2 >/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs`,
    );
    await expect.poll(health, soon).toBe(503);
    expect((await answer("/healthz")).body).toMatch(/ENOSPC/);
    await node.shell(`umount ${state}`);
    await expect.poll(health, soon).toBe(200);
  });
  await node.reset();
});

test("it installs the plugin, and starts the installer again if that is killed", async () => {
  const copy = "/tmp/bin/ib-sriov";
  await node.shell("mkdir -p /tmp/bin");
  await withAgent("--interval 0.5 --install --cni-bin-dir /tmp/bin", async () => {
    await expect.poll(() => node.shell(`[ -x ${copy} ] && echo there || true`), soon).toBe("there\n");
    const installers = () =>
      node.shell("{ grep -lz ^install$ /proc/[0-9]*/cmdline 2>/dev/null || true; } | wc -l");
    expect(await installers()).toBe("1\n");
    // A process can end before grep reads it.
    await node.shell(`kill -KILL $(grep -lz ^install$ /proc/[0-9]*/cmdline 2>/dev/null | sed 's/[^0-9]//g')`);
    await expect.poll(installers, soon).toBe("1\n");
    await expect.poll(health, soon).toBe(200);

    // Another plugin that runs is not replaced. The agent is not healthy until its own plugin is back.
    await node.shell(
      `printf '#!/bin/sh\\nexec ${plugin}\\n' >/tmp/other; chmod +x /tmp/other; mv /tmp/other ${copy}`,
    );
    await expect.poll(health, soon).toBe(503);
    expect((await answer("/healthz")).body).toMatch(/\/tmp\/bin\/ib-sriov is another plugin/);
    await node.shell(`rm ${copy}`);
    await expect.poll(health, soon).toBe(200);
  });
  await node.shell("rm -r /tmp/bin");
});
