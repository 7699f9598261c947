// DEL, in any state of the pod, of its record, and of the previous call.
import { describe, expect, test } from "vitest";
import { commandLine, hostLocal, network } from "./harness/cni.ts";
import { compile } from "./harness/compile.ts";
import { plugin, testNode, vfs } from "./harness/node.ts";

const node = testNode({ files: [compile("test/e2e/guest/bpf.c"), compile("test/e2e/guest/tune.c")] });
const guid = "02:00:00:00:00:00:00:77";
const [vf, other] = vfs;
const config = network(vf, {
  link_state: "enable",
  runtimeConfig: { infinibandGUID: guid },
  ipam: hostLocal(["10.1.0.0/24"]),
});

test("DEL twice, and a third time for a VF that another pod already has", () =>
  node.unchanged(async () => {
    await node.add("a", config);
    await node.del("a", config);
    await node.del("a", config);
    await node.add("b", config, { container: "c2" });
    await node.del("a", config);
    expect((await node.podInterface("b")).flags).toContain("UP");
    await node.del("b", config, { container: "c2" });
  }));

test("DEL after the pod's namespace is gone", () =>
  node.unchanged(async () => {
    await node.shell("ip netns add gone");
    await node.add("gone", config);
    await node.shell("ip netns del gone");
    await node.del("gone", config);
  }));

test("DEL after the namespace is gone, for a VF that kept its GUID", () =>
  node.unchanged(async () => {
    await node.shell("ip netns add gone");
    await node.add("gone", network(vf));
    await node.shell("ip netns del gone");
    await node.del("gone", network(vf));
  }));

test("DEL after the namespace is gone and another namespace has its path", () =>
  node.unchanged(async () => {
    await node.shell("ip netns add gone");
    await node.add("gone", config);
    await node.shell("ip netns del gone; ip netns add gone; ip -n gone link add net1 type dummy");
    await node.del("gone", config);
    expect((await node.podInterface("gone")).ifname).toBe("net1");
    await node.shell("ip netns del gone");
  }));

test("DEL with an empty CNI_NETNS while the namespace exists", () =>
  node.unchanged(async () => {
    await node.add("a", config);
    await node.del("", config);
  }));

test("DEL with an empty CNI_NETNS after the namespace is gone", () =>
  node.unchanged(async () => {
    await node.shell("ip netns add gone");
    await node.add("gone", config);
    await node.shell("ip netns del gone");
    await node.del("", config);
  }));

test("DEL with a namespace path that is a plain file", () =>
  node.unchanged(async () => {
    await node.add("a", config);
    await node.shell("touch /run/plain");
    await node.del("/run/plain", config);
  }));

test.each([
  ["without a record", "rm"],
  ["with a damaged record", "truncate -s 40"],
])("DEL %s returns the VF to the host namespace and releases the lease", (_, damage) =>
  node.unchanged(async () => {
    // Without a GUID: the original GUID is not known if the record is lost.
    const kept = network(vf, { ipam: hostLocal(["10.1.0.0/24"]) });
    const name = await node.hostNetdev(vf);
    await node.add("a", kept);
    await node.shell(`${damage} /var/lib/cni/ib-sriov/c1-net1`);
    await node.del("a", kept);
    // The VF's names, and that its netdev was up, are lost with the record.
    await node.renameHostNetdev(vf, name);
    await node.shell(`ip link set ${name} up; ip link property add dev ${name} altname rail0`);
  }),
);

test("DEL of an attachment that was never added", () =>
  node.unchanged(async () => {
    await node.del("a", config);
    await node.del("", config);
    await node.del("/run/netns/never", config);
  }));

test("DEL again, with a network without ranges, as Multus 4.3 calls it", () =>
  node.unchanged(async () => {
    await node.add("a", config);
    await node.del("a", config);
    expect(
      await node.call({ command: "DEL", netns: "a", config: { ...config, ipam: { type: "host-local" } } }),
    ).toMatchObject({ status: 0, stdout: "", stderr: expect.stringContaining("no IP ranges specified") });
  }));

test("DEL of two attachments whose records have the same name", () =>
  node.unchanged(async () => {
    const first = { container: "a", ifname: "b-c" };
    const second = { container: "a-b", ifname: "c" };
    await node.add("a", network(vf, { guid }), first);
    await node.add("b", network(other), second);
    await node.del("a", network(vf, { guid }), first);
    expect((await node.podInterface("b", "c")).flags).toContain("UP");
    await node.del("b", network(other), second);
  }));

test("DEL of a VF that was created again, or is gone", () =>
  node.unchanged(async () => {
    await node.add("a", config);
    await node.shell("echo 0 >/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs");
    await node.del("a", config);
    await node.reset();
    await node.add("a", config);
    await node.shell("cd /sys/bus/pci/devices/0000:01:00.0; echo 0 >sriov_numvfs; echo 4 >sriov_numvfs");
    await node.del("a", config);
    await node.reset();
  }));

/** Sets the GUIDs that the PF stores for a VF. */
const setAtPf = (nodeGuid: string, portGuid: string) =>
  node.shell(`ip link set ib0 vf 0 node_guid ${nodeGuid}; ip link set ib0 vf 0 port_guid ${portGuid}`);

/** Returns the node and port GUID that the VF runs with. */
const running = async () => {
  const sysfs = `/sys/bus/pci/devices/${vf}`;
  const [nodeGuid, portGuid] = (
    await node.shell(`cat ${sysfs}/infiniband/*/node_guid; cut -c37- ${sysfs}/net/*/address`)
  )
    .trim()
    .split("\n");
  return [nodeGuid?.replaceAll(":", "").replace(/(..)(?!$)/g, "$1:"), portGuid];
};

test("GUIDs that were set at the PF while the pod had the VF take effect at DEL", async () => {
  await node.add("a", config);
  await setAtPf("0c:00:00:00:00:00:00:01", "0c:00:00:00:00:00:00:02");
  await node.del("a", config);
  expect(await running()).toEqual(["0c:00:00:00:00:00:00:01", "0c:00:00:00:00:00:00:02"]);
  await node.reset();
});

test("DEL restores the VF's GUIDs also if the PF stores zero", () =>
  node.unchanged(async () => {
    await node.add("a", config);
    await setAtPf("00:00:00:00:00:00:00:00", "00:00:00:00:00:00:00:00");
    await node.del("a", config);
  }));

test("DEL fails while the VF keeps the pod's GUID, and the next DEL completes", () =>
  node.unchanged(async () => {
    const dropped = (value: number) => node.shell(`echo ${value} >/sys/module/vhca/parameters/drop_guid`);
    await node.add("a", config);
    await dropped(1);
    const { code, msg } = await node.refused({ command: "DEL", netns: "a", config });
    expect(code).toBe(100);
    expect(msg).toContain(`is ${guid} after a rebind, not 0a:00:00:00:00:00:00:01`);
    await dropped(0);
    await node.del("a", config);
  }));

test("the VF's GUIDs survive an ADD that is killed in the middle of a rebind, and ten ADDs that are killed before they set others", () =>
  node.unchanged(async () => {
    const call = (number: number, wrap = "") =>
      commandLine(
        plugin,
        {
          command: "ADD",
          container: `killed${number}`,
          netns: "a",
          config: network(vf, { guid: `02:00:00:00:00:00:01:${10 + number}` }),
        },
        wrap,
      );
    // The probe takes so long that the loop sees it on a busy machine, too.
    await node.shell(`parameter=/sys/module/vhca/parameters/probe_delay_ms; echo 3000 >$parameter
      { ${call(0)}; } >/dev/null 2>&1 &
      until cat $(pidof ib-sriov | sed 's:[0-9]*:/proc/&/wchan:g') 2>/dev/null | grep -q msleep; do :; done
      kill -KILL $(pidof ib-sriov); wait || true; while pidof ib-sriov >/dev/null; do :; done
      echo 0 >$parameter`);
    // Each ADD is killed after it wrote its record, when it is about to move the record of the previous ADD aside. The
    // previous ADD was killed before it could do that itself.
    const strace = (number: number) =>
      `/bin/strace -o /tmp/strace -e trace=renameat2 -e inject=renameat2:signal=KILL:when=${number === 1 ? 1 : 2}`;
    const numbers = Array.from({ length: 10 }, (_, number) => number + 1);
    await node.shell(numbers.map((number) => `! { ${call(number, strace(number))}; }`).join("\n"));
    expect(await node.shell("ls /var/lib/cni/ib-sriov")).toBe("killed10-net1\nkilled9-net1\n");
    for (const number of [10, 9]) {
      await node.del("a", network(vf), { container: `killed${number}` });
    }
    expect(await running()).toEqual(["0a:00:00:00:00:00:00:01", "0a:00:00:00:00:00:00:02"]);
  }));

test.each([
  ["is not mounted", "umount -l /sys"],
  ["hides all PCI functions", "mount -t tmpfs tmpfs /sys/bus/pci/devices"],
])("DEL fails and keeps the record if sysfs %s, and the next DEL returns the VF", (_, hide) =>
  node.unchanged(async () => {
    await node.add("a", config);
    const before = await node.snapshot();
    const enter = `unshare -m sh -c '${hide} && exec "$0"'`;
    const answer = await node.refused({ command: "DEL", netns: "a", config, from: { enter, plugin } });
    expect(answer).toMatchObject({ code: 100, msg: expect.stringMatching(/shows neither it nor its PF/) });
    await node.expectSnapshot(before);
    await node.del("a", config);
  }),
);

test("a VF that was destroyed is shown as destroyed while its container exists, and DEL succeeds", () =>
  node.unchanged(async () => {
    await node.add("a", config);
    await node.shell("echo 0 >/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs");
    expect(JSON.parse(await node.shell(`${plugin} attachments show -o json`))).toMatchObject({
      attachments: [{ containerId: "c1", condition: "destroyed" }],
    });
    const { stdout } = await node.guest.execute(`COLUMNS=1000 ${plugin} doctor`);
    expect(stdout).toMatch(/VF 0000:01:10.0 was destroyed while it was attached/);
    await node.del("a", config);
    await node.reset();
  }));

test("a VF that was destroyed and created again is shown as destroyed until DEL, also after provision, bind and gc", () =>
  node.unchanged(async () => {
    const leases = async () => Number(await node.shell("ls -d /var/lib/cni/networks/mynet/10.1.* | wc -l"));
    const destroyed = async () => {
      const { attachments } = JSON.parse(await node.shell(`${plugin} attachments show -o json`));
      expect(attachments).toMatchObject([{ containerId: "c1", condition: "destroyed" }]);
      expect(await leases()).toBe(1);
    };
    await node.add("a", config);
    await node.shell("cd /sys/bus/pci/devices/0000:01:00.0; echo 0 >sriov_numvfs; echo 4 >sriov_numvfs");
    await destroyed();
    await node.shell(`${plugin} provision; ${plugin} gc`);
    await destroyed();
    await node.shell(`echo ${vf} >/sys/bus/pci/drivers/mlx5_core/unbind; ${plugin} bind ${vf}`);
    await destroyed();
    // The VF is free, and doctor names what the pod has lost.
    const metrics = await node.shell(`${plugin} metrics`);
    expect(metrics).toMatch(/^ib_sriov_attachments\{condition="destroyed"\} 1$/m);
    expect(metrics).toMatch(/^ib_sriov_vfs\{.*state="used"\} 0$/m);
    const { stdout } = await node.guest.execute(`COLUMNS=1000 ${plugin} doctor`);
    expect(stdout).toMatch(/VF 0000:01:10.0 was destroyed while it was attached/);
    const before = (await node.snapshot()).filter((line) => !/^(file|owner) /.test(line));
    await node.del("a", config);
    expect((await node.snapshot()).filter((line) => !/^(file|owner) /.test(line))).toEqual(before);
    expect(JSON.parse(await node.shell(`${plugin} attachments show -o json`)).attachments).toEqual([]);
    expect(await node.shell("ls -d /var/lib/cni/networks/mynet/10.1.* 2>/dev/null || true")).toBe("");
    await node.reset();
  }));

test("DEL after the PF was renamed", () =>
  node.unchanged(async () => {
    await node.add("a", config);
    await node.shell("ip link set ib0 name ibp1s0f0");
    await node.del("a", config);
    await node.shell("ip link set ibp1s0f0 name ib0");
  }));

test("DEL while another netdev has the VF's old name", () =>
  node.unchanged(async () => {
    await node.add("a", network(other));
    await node.shell("ip link add ibp1s0f0v1 type dummy");
    await node.del("a", network(other));
    await node.shell("ip link del ibp1s0f0v1");
    await node.renameHostNetdev(other, "ibp1s0f0v1");
  }));

test("DEL removes an altname of the pod that is not UTF-8, and restores such an altname of the host", () =>
  node.unchanged(async () => {
    const show = async (name: string) => (await node.shell(`ip -o link show dev $'${name}' | wc -l`)).trim();
    for (const each of [network(vf), config]) {
      await node.shell(`ip link property add dev ibp1s0f0v0 altname $'r\\xff\\xfe'`);
      await node.add("a", each);
      await node.shell(`ip -n a link property add dev net1 altname $'\\xff\\xfe'
        ip -n a link set net1 alias $'\\xfd'`);
      await node.del("a", each);
      expect(await show("r\\xff\\xfe")).toBe("1");
      // The next ADD of the VF succeeds in both cases.
      await node.add("b", each, { container: "c2" });
      await node.del("b", each, { container: "c2" });
      expect(await show("r\\xff\\xfe")).toBe("1");
      await node.shell(`ip link property del dev ibp1s0f0v0 altname $'r\\xff\\xfe'`);
    }
  }));

/** Adds 290 alternative names of 126 bytes to the interface of a pod: a message of the kernel then has 39 KB. */
const addAltnames = (pod: string) =>
  node.shell(`name=$(printf 'x%.0s' $(seq 120))
    for i in $(seq 290); do printf 'link property add dev net1 altname %06d%s\n' $i $name; done | ip -n ${pod} -batch -`);

describe("with 290 alternative names that a pod has added to its interface,", () => {
  test("DEL and CHECK succeed, and calls that wait for netdevs at the same time", () =>
    node.unchanged(async () => {
      const kept = network(vf, { cniVersion: "1.1.0" });
      const prevResult = await node.add("a", kept);
      await addAltnames("a");
      const check = { command: "CHECK", netns: "a", config: { ...kept, prevResult } };
      expect(await node.call(check)).toMatchObject({ status: 0 });
      // The namespace goes while another VF is rebound: each name is in the events that the rebind waits for.
      const rebound = network(other, { guid });
      const calls = ["ADD", "DEL"].map((command) =>
        commandLine(plugin, { command, netns: "b", container: "c2", config: rebound }),
      );
      await node.shell(`ip netns del a; for i in 1 2 3; do { ${calls.join(";")}; } >/dev/null; done`);
      await node.del("a", kept);
      await node.shell("ip netns add a");
      await node.reset();
    }));

  test("DEL succeeds, and no name remains on the host", () =>
    node.unchanged(async () => {
      await node.add("a", network(vf));
      await addAltnames("a");
      await node.del("a", network(vf));
    }));
});

test.each([
  [
    "after the namespace is gone",
    "ip netns del gone; until ip -o link show eno1 2>/dev/null; do sleep 0.1; done",
  ],
  ["in the namespace", "true"],
])("DEL %s removes the pod's alternative names, so that another netdev of the host can have one", (_, end) =>
  node.unchanged(async () => {
    await node.shell("ip netns add gone");
    await node.add("gone", network(vf));
    await node.shell(`ip -n gone link property add dev net1 altname eno1 altname mine\n${end}`);
    await node.del("gone", network(vf));
    await node.shell("ip link add eno1 type dummy; ip link del eno1; ip netns del gone 2>/dev/null || true");
  }),
);

describe("after any changes of a pod to its interface", () => {
  /** Changes all that CAP_NET_ADMIN and a writable /sys permit, and attaches a BPF program that drops every packet. */
  const change = (pod: string, kind: string) =>
    node.shell(`ip netns exec ${pod} bash -euc '
      ip link set net1 arp off promisc on allmulticast on multicast off dynamic on trailers off mode dormant
      ip link set net1 txqueuelen 7 group 5 alias mine brd 00:ff:ff:ff:ff:12:40:1b:ff:ff:00:00:00:00:00:00:ff:ff:ff:fe
      ip link set net1 gso_max_size 1500 gso_max_segs 3 gro_max_size 1501 gso_ipv4_max_size 1502 gro_ipv4_max_size 1503
      ip link set net1 type ipoib umcast 0 mode connected
      ip link set net1 mtu 65000 down
      ip link property add dev net1 altname mine
      cd /sys/class/net/net1
      echo 1000000000 >gro_flush_timeout; echo 200 >napi_defer_hard_irqs; echo 1 >threaded
      echo 1 >queues/rx-0/rps_cpus; echo 8 >queues/rx-0/rps_flow_cnt
      cd queues/tx-0/byte_queue_limits; echo 9 >limit_max; echo 5 >limit_min; echo 7 >hold_time
      /host/tune features net1; /host/tune coalesce net1
      /host/bpf ${kind} net1'`);
  const addressed = (pci: string, more = {}) => network(pci, { ipam: hostLocal(["10.1.0.0/24"]), ...more });
  const kinds = [
    ["an XDP program", "xdp"],
    ["an XDP program that a process holds", "link"],
    ["tcx programs", "tcx"],
  ] as const;

  test("DEL restores the host's polling settings", () =>
    node.unchanged(async () => {
      const poll = (timeout: number, empty: number, threaded: number) =>
        node.shell(`cd /sys/bus/pci/devices/${vf}/net/*
          echo ${timeout} >gro_flush_timeout; echo ${empty} >napi_defer_hard_irqs; echo ${threaded} >threaded`);
      await poll(20_000, 2, 1);
      const before = await node.snapshot();
      await node.add("a", network(vf));
      await node.shell(`ip netns exec a bash -euc 'cd /sys/class/net/net1
        echo 0 >gro_flush_timeout; echo 4 >napi_defer_hard_irqs; echo 0 >threaded'`);
      await node.del("a", network(vf));
      await node.expectSnapshot(before);
      // DEL also restores them if it has to rebind the VF because of the other changes.
      await node.add("a", network(vf));
      await change("a", "link");
      await node.del("a", network(vf));
      await node.shell("kill $(pidof bpf)");
      await node.expectSnapshot(before);
      await poll(0, 0, 0);
    }));

  describe.each(kinds)("with %s", (_, kind) => {
    test.each([
      ["DEL of a VF that kept its GUID restores it", network(vf)],
      ["DEL of a VF that had another GUID restores it", config],
    ])("%s", (_, config) =>
      node.unchanged(async () => {
        // The snapshot does not contain it. A netdev that comes to the host with ARP disabled has -1.
        const dad = () => node.shell("cat /proc/sys/net/ipv6/conf/ibp1s0f0v0/accept_dad");
        const before = await dad();
        await node.add("a", config);
        await change("a", kind);
        await node.del("a", config);
        expect(await dad()).toBe(before);
        await node.shell("kill $(pidof bpf) || true");
      }),
    );

    // The VF has link state enable, so that the pods reach each other.
    test.each(["after DEL", "after ADD of an orphan's VF"])(
      "the next pod has no such setting or program, %s",
      (when) =>
        node.unchanged(async () => {
          await node.shell("ip netns add first");
          await node.add("first", addressed(other));
          await change("first", kind);
          if (when === "after DEL") await node.del("first", addressed(other));
          await node.shell("ip netns del first");
          const [enabled, next, third] = [
            { link_state: "enable" },
            { container: "next" },
            { container: "third" },
          ];
          await node.add("a", addressed(other), next);
          const { ips = [] } = await node.add("b", addressed(vf, enabled), third);
          await node.until(`ip netns exec a ping -q -c 1 -W 1 ${ips[0]?.address.split("/")[0]} >/dev/null`);
          await node.del("b", addressed(vf, enabled), third);
          await node.del("a", addressed(other), next);
          await node.del("", addressed(other));
          await node.shell("kill $(pidof bpf) || true");
        }),
    );
  });
});
