// The owner of a VF: also after a reboot, after the VF was created again, and if the pod that has the VF is not
// visible.
import { describe, expect, test } from "vitest";
import { type Config, commandLine, hostLocal, type Invocation, network } from "./harness/cni.ts";
import type { Outcome } from "./harness/guest.ts";
import { plugin, testNode, vfs } from "./harness/node.ts";

const node = testNode();
const [vf, other] = vfs;
const ipam = hostLocal(["10.1.0.0/24"]);
const first = network(vf, { guid: "02:00:00:00:00:00:00:77", link_state: "enable", ipam });
const second = network(vf, { guid: "02:00:00:00:00:00:00:88", link_state: "auto", ipam });
const kept = network(vf, { ipam });
const requests = { "the same": first, "another GUID": second, "no GUID": kept };
const c2 = { container: "c2" };
const record = "/var/lib/cni/ib-sriov/c1-net1";

const leases = async () => Number(await node.shell("ls /var/lib/cni/networks/mynet | grep -c ^10. || true"));

/** Calls the plugin in a new mount namespace, in which `command` runs first. */
const from = (command: string, call: Invocation): Promise<Outcome> =>
  node.guest.execute(commandLine(plugin, call, `unshare -m sh -c '${command} && exec "$0"'`));

/** Expects an action to change nothing. */
async function unchangedBy(action: () => Promise<unknown>): Promise<void> {
  const before = await node.snapshot();
  await action();
  await node.expectSnapshot(before);
}

describe("a running container", () => {
  test("keeps its VF, whatever another container requests, and the error names its pod", () =>
    node.unchanged(async () => {
      const pod = "K8S_POD_NAMESPACE=default;K8S_POD_NAME=trainer-0";
      await node.add("a", first, { args: `IgnoreUnknown=1;${pod};K8S_POD_UID=1` });
      await unchangedBy(async () => {
        for (const config of Object.values(requests)) {
          const answer = await node.refused({ command: "ADD", netns: "b", config, ...c2 });
          expect(answer).toMatchObject({
            code: 101,
            msg: expect.stringContaining(
              `${vf} belongs to container c1 of pod default/trainer-0 (interface net1`,
            ),
          });
          await node.del("b", config, c2);
        }
      });
      await node.del("a", first);
    }));

  test("keeps its GUID: another VF cannot get it", () =>
    node.unchanged(async () => {
      const sameGuid = network(other, { guid: "02:00:00:00:00:00:00:77" });
      await node.add("a", first);
      await unchangedBy(async () => {
        const answer = await node.refused({ command: "ADD", netns: "b", config: sameGuid, ...c2 });
        expect(answer).toMatchObject({
          code: 7,
          msg: expect.stringMatching(
            `GUID 02:00:00:00:00:00:00:77 .* VF ${other}: VF ${vf} has it, which container c1`,
          ),
        });
        await node.del("b", sameGuid, c2);
      });
      await node.del("a", first);
      await node.add("b", sameGuid, c2);
      await node.del("b", sameGuid, c2);
    }));

  test.each([
    ["the port GUID of a free VF", "0a:00:00:00:00:00:01:02", `netdev \\S+ of ${other}`],
    ["the node GUID of a free VF", "0a:00:00:00:00:00:01:01", "RDMA device \\S+"],
    ["the GUID of the PF", undefined, "netdev ib0 of its PF"],
  ])("cannot get %s", (_, requested, holder) =>
    node.unchanged(async () => {
      const guid = requested ?? (await node.shell("cat /sys/class/net/ib0/address")).trim().slice(-23);
      const config = network(vf, { guid });
      expect(await node.refused({ command: "ADD", netns: "a", config })).toMatchObject({
        code: 7,
        msg: expect.stringMatching(`GUID ${guid} cannot be given to VF ${vf}: ${holder} .*runs with it`),
      });
      await node.del("a", config);
    }),
  );

  /**
   * Makes an ADD that is killed, together with its IPAM plugin, when only the steps that need the address are missing.
   */
  async function addKilled(config: Config): Promise<void> {
    await node.plugin("slow", "[ $CNI_COMMAND != ADD ] || sleep 1000");
    const call = { command: "ADD", netns: "a", config: { ...config, ipam: { type: "slow" } } };
    await node.shell(`{ ${commandLine(plugin, call)}; } >/dev/null 2>&1 &`);
    await node.until("ip -n a -br link show dev net1 up 2>/dev/null | grep -q net1");
    await node.shell("kill -KILL $(pidof ib-sriov); kill -KILL $(pidof slow) $(pidof sleep)");
  }

  test.each([
    ["is attached", "has another GUID", "the same", first],
    ["is attached", "has the VF's own GUID", "another GUID", kept],
    ["is attached", "has the VF's own GUID", "no GUID", kept],
    ["was being attached", "has another GUID", "no GUID", first],
    ["was being attached", "has the VF's own GUID", "another GUID", kept],
  ] as const)(
    "that is not visible, %s and %s, keeps its VF when another container requests %s",
    (state, _, request, config) =>
      node.unchanged(async () => {
        if (state === "is attached") await node.add("a", config);
        else await addKilled(config);
        await unchangedBy(async () => {
          const call = { netns: "b", config: requests[request], ...c2 };
          const { status, stdout } = await from("umount -l /run/netns/a", { command: "ADD", ...call });
          expect(status).toBe(1);
          expect(JSON.parse(stdout)).toMatchObject({ code: 101, msg: expect.stringContaining(vf) });
          expect(await from("umount -l /run/netns/a", { command: "DEL", ...call })).toMatchObject({
            status: 0,
            stdout: "",
          });
        });
        await node.del("a", config);
      }),
  );
});

describe("a container that is gone", () => {
  test.each(Object.keys(requests) as (keyof typeof requests)[])(
    "without DEL: the next container, which requests %s, gets its VF, and its lease is released",
    (request) =>
      node.unchanged(async () => {
        await node.shell("ip netns add gone");
        await node.add("gone", first);
        await node.shell("ip netns del gone");
        await node.add("b", requests[request], c2);
        expect(await leases()).toBe(1);
        await unchangedBy(async () => {
          await node.del("gone", first);
          await node.del("", first);
        });
        await node.del("b", requests[request], c2);
      }),
  );

  test("never changes the VF that another container already has, even if its record has come back", () =>
    node.unchanged(async () => {
      await node.shell("ip netns add gone");
      await node.add("gone", first);
      await node.shell(`cp ${record} /tmp/backup; ip netns del gone`);
      await node.add("b", second, c2);
      await unchangedBy(async () => {
        await node.shell(`cp /tmp/backup ${record}`);
        await node.del("gone", first);
      });
      await node.del("b", second, c2);
    }));
});

describe("for a record from before", () => {
  /** Returns the lines of a snapshot without the plugin's files and leases. */
  const withoutFiles = (lines: string[]) => lines.filter((line) => !/^(file|owner) /.test(line));

  test("a reboot, DEL only releases the lease", () =>
    node.unchanged(async () => {
      await node.shell("echo 7e1c0f4e-94b7-4d0d-8f3d-6f1d0a3c2b11 >/tmp/boot_id; ip netns add gone");
      const boot = "mount -o bind /tmp/boot_id /proc/sys/kernel/random/boot_id";
      const added = await from(boot, { command: "ADD", netns: "gone", config: kept });
      expect(added, added.stdout).toMatchObject({ status: 0 });
      await node.shell("ip netns del gone");
      await node.until(`[ -e /sys/bus/pci/devices/${vf}/net/* ]`);
      // The settings that the node has made for the VF since.
      const name = await node.hostNetdev(vf);
      await node.shell(`ip link set ${name} name since; ip link set since mtu 1900
        ip link set ib0 vf 0 state enable`);
      const before = withoutFiles(await node.snapshot());
      expect(await leases()).toBe(1);
      await node.del("", kept);
      expect(await leases()).toBe(0);
      expect(withoutFiles(await node.snapshot())).toEqual(before);
      await node.shell(`ip link set since name ibp1s0f0v0; ip link set ibp1s0f0v0 mtu 1800 up
        ip link property add dev ibp1s0f0v0 altname rail0; ip link set ib0 vf 0 state disable`);
    }));

  const pf = "/sys/bus/pci/devices/0000:01:00.0";
  test.each([
    ["a write to sriov_numvfs", `echo 0 >${pf}/sriov_numvfs`],
    [
      "a reload of the PF's driver",
      "for verb in unbind bind; do echo 0000:01:00.0 >/sys/bus/pci/drivers/mlx5_core/$verb; done",
    ],
  ])("%s, DEL only releases the lease, and another container can have the VF", (_, destroy) =>
    node.unchanged(async () => {
      await node.add("a", first);
      await node.shell(`${destroy}; echo 4 >${pf}/sriov_numvfs`);
      await node.add("b", second, c2);
      // The first container is still running, with its address.
      expect(await leases()).toBe(2);
      const before = withoutFiles(await node.snapshot());
      await node.del("a", first);
      expect(withoutFiles(await node.snapshot())).toEqual(before);
      expect(await leases()).toBe(1);
      expect((await node.podInterface("b")).flags).toContain("UP");
      await node.del("b", second, c2);
      expect(await leases()).toBe(0);
      await node.reset();
    }),
  );
});

describe("a record that cannot be read", () => {
  const later = `sed -i 's/"format":1,/"format":2,"needs":"3.1.0",/' ${record}`;
  const losses = [
    ["empty", `: >${record}`],
    ["cut off", `truncate -s 300 ${record}`],
    ["too long", `truncate -s 2M ${record}`],
    ["of a later format", later],
  ] as const;
  const release = (more: string) => node.guest.execute(`${plugin} attachments release c1 net1 ${more}`);
  /** Restores the settings that a rebind takes from the VF's netdev. */
  const restore = async (name: string) => {
    await node.renameHostNetdev(vf, name);
    await node.shell(`ip link set dev ${name} mtu 1800 txqueuelen 300 group 3 alias rail-0 gso_max_segs 100 type ipoib umcast 1
      ip link set ${name} up
      ip -d link show dev ${name} | grep -q 'altname rail0' || ip link property add dev ${name} altname rail0
      ip link set ib0 vf 0 state disable`);
  };

  test.each(losses)("because it is %s keeps its VF until an operator releases it", (_, damage) =>
    node.unchanged(async () => {
      const name = await node.hostNetdev(vf);
      // Without a GUID, because a GUID would stay with the VF.
      await node.add("a", kept);
      await node.shell(damage);
      await unchangedBy(async () => {
        const answer = await node.refused({ command: "ADD", netns: "b", config: second, ...c2 });
        expect(answer).toMatchObject({ code: 101, msg: expect.stringMatching(`${record} cannot be read`) });
        const gc = await node.guest.execute(`${plugin} gc`);
        expect(gc).toMatchObject({
          status: 0,
          stdout: expect.stringMatching(`c1 +net1 +${vf} +left +its record cannot be read`),
        });
        const collected = await node.call({
          command: "GC",
          config: { ...kept, cniVersion: "1.1.0", "cni.dev/valid-attachments": [] },
        });
        expect(collected).toMatchObject({
          status: 0,
          stderr: expect.stringMatching(`${record} cannot be read`),
        });
        expect(await release("")).toMatchObject({ status: 1, stderr: expect.stringContaining("--force") });
        expect(await node.shell(`${plugin} attachments show`)).toMatch(
          new RegExp(`c1 +net1 .*${vf} .*unreadable`),
        );
      });
      expect(await release("--force")).toMatchObject({ status: 0 });
      await node.shell(`! [ -e ${record} ]`);
      await node.add("b", kept, c2);
      await node.del("b", kept, c2);
      // The lease remains until the runtime's DEL releases it.
      await node.del("a", kept);
      await restore(name);
    }),
  );

  test("because a later version wrote it makes DEL fail and name that version", () =>
    node.unchanged(async () => {
      await node.add("a", first);
      await node.shell(`cp ${record} /tmp/backup; ${later}`);
      await unchangedBy(async () => {
        const answer = await node.refused({ command: "DEL", netns: "a", config: first });
        expect(answer).toMatchObject({
          code: 100,
          msg: expect.stringMatching(/format 2, .* version 3\.1\.0 or a later/),
        });
      });
      await node.shell(`cp /tmp/backup ${record}`);
      await node.del("a", first);
    }));

  test("and is from before a reboot does not keep its VF", () =>
    node.unchanged(async () => {
      const name = await node.hostNetdev(vf);
      await node.shell("echo 7e1c0f4e-94b7-4d0d-8f3d-6f1d0a3c2b11 >/tmp/boot_id; ip netns add gone");
      const boot = "mount -o bind /tmp/boot_id /proc/sys/kernel/random/boot_id";
      expect(await from(boot, { command: "ADD", netns: "gone", config: kept })).toMatchObject({ status: 0 });
      await node.shell(`ip netns del gone; : >${record}`);
      await node.until(`[ -e /sys/bus/pci/devices/${vf}/net/* ]`);
      await node.add("b", second, c2);
      await node.del("b", second, c2);
      await node.del("", kept);
      await restore(name);
    }));
});

test.each([
  ["first", 0],
  ["second", 1],
])("of two attachments whose records have the same name, DEL of the %s keeps the other", (_, order) =>
  node.unchanged(async () => {
    const both = [
      { netns: "a", config: first, container: "a", ifname: "b-c" },
      { netns: "b", config: network(other, { ipam }), container: "a-b", ifname: "c" },
    ] as const;
    for (const { netns, config, ...name } of both) await node.add(netns, config, name);
    const [one, two] = order === 0 ? both : [both[1], both[0]];
    await node.del(one.netns, one.config, one);
    expect((await node.podInterface(two.netns, two.ifname)).flags).toContain("UP");
    expect(await leases()).toBe(1);
    await node.del(two.netns, two.config, two);
  }),
);
