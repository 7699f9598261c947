// A request that cannot be fulfilled is refused before any change, with a message that names the cause.
import { describe, expect, test } from "vitest";
import { hostLocal, network, pluginPath } from "./harness/cni.ts";
import { quote } from "./harness/guest.ts";
import { testNode, vfs } from "./harness/node.ts";

const node = testNode({ iommu: true });
const guid = "02:00:00:00:00:00:00:77";
const [vf, other] = vfs;
const config = network(vf, { guid, ipam: hostLocal(["10.1.0.0/24"]) });

describe("deviceID", () => {
  test("is not a PCI address", async () => {
    for (const deviceID of ["../../etc", "0000:01:10.0/../..", "", "ib0"]) {
      expect(await node.addRefused(network(deviceID))).toMatchObject({
        code: 7,
        msg: expect.stringContaining("deviceID"),
      });
    }
  });

  test("does not exist", async () => {
    const answer = await node.addRefused(network("0000:7f:1f.7"));
    expect(answer.msg).toMatch(/0000:7f:1f\.7/);
  });

  test("is the PF", async () => {
    expect((await node.addRefused(network("0000:01:00.0"))).msg).toMatch(/0000:01:00\.0.*not an SR-IOV VF/);
  });

  test("is not a network device", async () => {
    const bridge = (
      await node.shell("cd /sys/bus/pci/devices; grep -l 0x0604 */class | head -n 1 | cut -d / -f 1")
    ).trim();
    expect((await node.addRefused(network(bridge))).msg).toContain(bridge);
  });

  test("in upper case is accepted", () =>
    node.unchanged(async () => {
      await node.shell("ip netns add upper");
      const upper = network(other.toUpperCase(), { link_state: "enable" });
      await node.add("upper", upper);
      await node.del("upper", upper);
      await node.shell("ip netns del upper");
    }));

  test("has no driver", () =>
    node.unchanged(async () => {
      const driver = "/sys/bus/pci/drivers/mlx5_core";
      const name = await node.hostNetdev(vfs[3]);
      await node.shell(`echo ${vfs[3]} >${driver}/unbind`);
      expect(
        (await node.refused({ command: "ADD", netns: "a", config: network(vfs[3], { guid }) })).msg,
      ).toMatch(/driver/);
      await node.shell(`echo ${vfs[3]} >${driver}/bind`);
      await node.renameHostNetdev(vfs[3], name);
    }));
});

describe("the host uses the VF", () => {
  test("its netdev has pkey children, made by ip or through sysfs", async () => {
    const name = await node.hostNetdev(other);
    await node.unchanged(async () => {
      const children = `${name}.8002, a0.8001`;
      await node.shell(
        `ip link add link ${name} name a0.8001 type ipoib pkey 0x8001; echo 0x8002 >/sys/class/net/${name}/create_child`,
      );
      const before = await node.snapshot();
      for (const request of [network(other), network(other, { guid, link_state: "auto" })]) {
        const { code, msg } = await node.refused({ command: "ADD", netns: "a", config: request });
        expect(code).toBe(101);
        expect(msg).toContain(`VF ${other} is in use by the host: its netdev ${name} has the pkey children `);
        for (const child of children.split(", ")) expect(msg).toContain(`ip link del ${child}`);
        await node.expectSnapshot(before);
      }
      await node.shell(`ip link del a0.8001; echo 0x8002 >/sys/class/net/${name}/delete_child`);
      // Without pkey children the VF is free.
      await node.add("a", network(other));
      await node.del("a", network(other));
    });
  });

  test("its netdev has a pkey child in another namespace", () =>
    node.unchanged(async () => {
      const name = await node.hostNetdev(other);
      await node.shell(
        `ip link add link ${name} name a0.8001 type ipoib pkey 0x8001; ip link set a0.8001 netns b`,
      );
      expect(await node.refused({ command: "ADD", netns: "a", config: network(other) })).toMatchObject({
        code: 101,
        msg: expect.stringContaining("has pkey children in another network namespace"),
      });
      await node.shell("ip -n b link del a0.8001");
    }));

  test("its netdev is a port of a bond", () =>
    node.unchanged(async () => {
      const name = await node.hostNetdev(other);
      await node.shell(`modprobe bonding max_bonds=0
        ip link add rail type bond mode active-backup fail_over_mac active
        ip link set ${name} down; ip link set ${name} master rail; ip link set ${name} up`);
      const before = await node.snapshot();
      const answer = await node.refused({ command: "ADD", netns: "a", config: network(other, { guid }) });
      expect(answer.code).toBe(101);
      expect(answer.msg).toContain(
        `VF ${other} is in use by the host: its netdev ${name} is a port of rail; ip link set ${name} nomaster`,
      );
      await node.expectSnapshot(before);
      await node.shell(`ip link del rail; ip link set ${name} up`);
    }));

  test("its netdev has addresses: ADD warns and succeeds", () =>
    node.unchanged(async () => {
      const name = await node.hostNetdev(other);
      await node.shell(
        `ip address add 192.0.2.77/24 dev ${name}; ip address add 2001:db8::77/64 dev ${name} nodad`,
      );
      const { status, stderr } = await node.call({ command: "ADD", netns: "a", config: network(other) });
      expect(status).toBe(0);
      expect(stderr).toContain(
        `the netdev ${name} of VF ${other} has the address 192.0.2.77/24, 2001:db8::77/64 on the host, and loses it`,
      );
      await node.del("a", network(other));
    }));
});

describe("the namespace", () => {
  test("is the plugin's own: refused before any change", async () => {
    const answer = await node.addRefused(config, { netns: "/proc/self/ns/net" });
    expect(answer.code).toBe(8);
    expect(await node.refused({ command: "DEL", netns: "/proc/self/ns/net", config })).toMatchObject({
      code: 8,
    });
  });

  test.each([
    ["does not exist", "/run/netns/nowhere"],
    ["is a plain file", "/etc/plain"],
    ["is a directory", "/run/netns"],
    ["is a namespace of another kind", "/proc/1/ns/mnt"],
    ["is another file of procfs", "/proc/1/status"],
  ])("%s", async (_, netns) => {
    await node.shell("touch /etc/plain");
    expect((await node.addRefused(config, { netns })).msg).toContain(netns);
  });
});

describe("the configuration", () => {
  test.each([
    ["empty", "", 6],
    ["not JSON", "{", 6],
    ["followed by text", `${JSON.stringify(config)} x`, 6],
    ["a list", "[]", 6],
    ["a document with a NUL byte", JSON.stringify({ ...config, deviceID: "0000:01:10.0\u0000" }), 7],
  ])("is %s", async (_, text, code) => {
    expect(await node.addRefused(text)).toMatchObject({ code });
  });

  const callWith = (stdin: string, command = "ADD") =>
    node.guest.execute(`${stdin} | env CNI_COMMAND=${command} CNI_CONTAINERID=c1 CNI_NETNS=/run/netns/a \
      CNI_IFNAME=net1 CNI_PATH=/opt/cni/bin /host/ib-sriov`);

  // The runtime copies 160 KB of "<" from a pod's annotation, and Go writes each as \u003c.
  test("would make a record that is too long to be read", () =>
    node.unchanged(async () => {
      const begin = JSON.stringify(config).slice(0, -1);
      const stdin = `{ printf %s ${quote(`${begin},"note":"`)}; yes '\\u003c' | tr -d '\\n' | head -c 960000; echo '"}'; }`;
      const { status, stdout } = await callWith(stdin);
      expect(status).toBe(1);
      expect(JSON.parse(stdout)).toMatchObject({ code: 7, msg: expect.stringMatching(/limit is 983040/) });
      expect(await callWith(stdin, "DEL")).toMatchObject({ status: 0, stdout: "" });
    }));

  test("is very long, or deeply nested", async () => {
    await node.unchanged(async () => {
      for (const stdin of ["yes | head -c 20000000", "yes '[' | tr -d '\\n' | head -c 900000"]) {
        const { status, stdout } = await callWith(stdin);
        expect(status).toBe(1);
        expect(JSON.parse(stdout)).toMatchObject({ code: expect.any(Number), msg: expect.any(String) });
      }
    });
  });

  test.each([
    ["rdmaIsolation", { rdmaIsolation: true }],
    ["vfioPciMode", { vfioPciMode: true }],
    ["dhcp", { ipam: { type: "dhcp" } }],
    ["link_state", { link_state: "up" }],
    ["link_state", { link_state: 1 }],
    ["guid", { guid: "00:00:00:00:00:00:00:00" }],
    ["infinibandGUID", { runtimeConfig: { infinibandGUID: "ff:ff:ff:ff:ff:ff:ff:ff" } }],
    ["ibKubernetesEnabled", { ibKubernetesEnabled: true }],
  ])("has a value of %s that is not possible on this node", async (key, more) => {
    expect((await node.addRefused(network(vf, { guid, ...more }))).msg).toContain(key);
  });

  const copy = `${pluginPath}/copy`;
  const copied = network(vf, { guid, ipam: { type: "copy" } });

  test("has ib-sriov itself as the IPAM plugin, also under another name", async () => {
    await node.shell(`cp /host/ib-sriov ${copy}`);
    for (const type of ["ib-sriov", "copy"])
      expect(await node.addRefused(network(vf, { guid, ipam: { type } }))).toMatchObject({
        code: 2,
        msg: expect.stringContaining("ipam.type"),
      });
    await node.shell(`rm ${copy}`);
  });

  test("names an IPAM plugin that ib-sriov has replaced since ADD: DEL puts the VF back", async () => {
    await node.unchanged(async () => {
      await node.plugin("copy", `echo '{"cniVersion":"1.0.0","ips":[{"address":"10.1.0.9/24"}]}'`);
      await node.add("a", copied);
      await node.shell(`cp --remove-destination /host/ib-sriov ${copy}`);
      const { status, stderr } = await node.call({ command: "DEL", netns: "a", config: copied });
      expect({ status, stderr }).toMatchObject({
        status: 0,
        stderr: expect.stringContaining("ib-sriov itself"),
      });
    });
    await node.shell(`rm ${copy}`);
  });

  test("has an unknown version, or a version that cannot express a result without addresses", async () => {
    expect(await node.addRefused({ ...config, cniVersion: "1.2.0" })).toMatchObject({ code: 1 });
    for (const cniVersion of ["0.1.0", "0.2.0"]) await node.addRefused(network(vf, { guid, cniVersion }));
  });
});

describe("the environment", () => {
  test.each([
    ["CNI_CONTAINERID", { container: "" }],
    ["CNI_CONTAINERID", { container: "../c1" }],
    ["CNI_CONTAINERID", { container: "c".repeat(300) }],
    ["CNI_IFNAME", { ifname: "" }],
    ["CNI_IFNAME", { ifname: "sixteen-bytes-it" }],
    ["CNI_IFNAME", { ifname: "a/b" }],
    ["CNI_NETNS", { netns: "" }],
    ["CNI_COMMAND", { environment: { CNI_COMMAND: "add" } }],
  ])("has a bad %s", async (variable, more) => {
    expect(await node.addRefused(config, more)).toMatchObject({
      code: 4,
      msg: expect.stringContaining(variable),
    });
  });

  test("has malformed CNI_ARGS: ADD and DEL succeed", () =>
    node.unchanged(async () => {
      const args = "IgnoreUnknown=1;;K8S_POD_NAME;=;GUID=x";
      await node.add("a", network(other), { args });
      await node.del("a", network(other), { args });
    }));
});

// This test is the last, because all netdevs are gone without ib_ipoib.
test("the PF has no netdev because ib_ipoib is not loaded", async () => {
  await node.shell("rmmod ib_ipoib");
  const answer = await node.refused({ command: "ADD", netns: "a", config });
  expect(answer.msg).toContain("ib_ipoib");
});
