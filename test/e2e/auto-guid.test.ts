// "guid": "auto": the GUID that a VF gets, and that it keeps this GUID.
import { expect, test } from "vitest";
import { type Config, network } from "./harness/cni.ts";
import { testNode, vfs } from "./harness/node.ts";

const node = testNode();
/** VF 3 has no GUID; each of the other VFs has one. */
const fresh = vfs[3];
/** Derived from the PF's port GUID 98:03:9b:03:00:ab:01:00 and VF index 3: byte 0 gets the local bit (0x02), byte 4 the index + 1. */
const derived = "9a:03:9b:03:04:ab:01:00";
const auto = (pci: string, more: Config = {}) => network(pci, { guid: "auto", ...more });

/** Returns the GUID of the interface in a pod. */
const guidIn = async (pod: string) => (await node.podInterface(pod)).address.slice(-23);

/** Returns how often the driver was bound to VF 3. */
const probes = async () => Number(await node.shell("dmesg | grep -c ': vf 3 guid'"));

/** Returns the GUID that a VF runs with, and the GUIDs that its PF stores for VF 3. */
const guidsOf = (pci: string) =>
  node.shell(`cat /sys/bus/pci/devices/${pci}/infiniband/*/node_guid; ip -d link show ib0 | grep 'vf 3 '`);

test("a VF without a GUID gets a permanent one: only the first ADD makes a rebind", async () => {
  await node.reset();
  const before = await probes();
  await node.add("a", auto(fresh));
  expect(await guidIn("a")).toBe(derived);
  expect(await probes()).toBe(before + 1);
  await node.del("a", auto(fresh));
  const after = await guidsOf(fresh);
  expect(after).toContain(derived.replaceAll(":", "").replace(/(....)(....)(....)(....)/, "$1:$2:$3:$4"));
  expect(after).toMatch(new RegExp(`NODE_GUID ${derived}.*PORT_GUID ${derived}`, "i"));
  await node.unchanged(async () => {
    await node.add("b", auto(fresh));
    expect(await guidIn("b")).toBe(derived);
    await node.del("b", auto(fresh));
  });
  expect(await probes()).toBe(before + 1);

  // The GUID also returns after a pod with another GUID.
  await node.unchanged(async () => {
    const guid = "02:00:00:00:00:00:00:77";
    await node.add("a", network(fresh, { guid }));
    expect(await guidIn("a")).toBe(guid);
    await node.del("a", network(fresh, { guid }));
  });

  // VFs that were created again get the same GUID again.
  await node.reset();
  await node.add("a", auto(fresh));
  expect(await guidIn("a")).toBe(derived);
  await node.del("a", auto(fresh));
  await node.reset();
});

test("a VF that has a GUID keeps it", () =>
  node.unchanged(async () => {
    await node.add("a", auto(vfs[0]));
    expect(await guidIn("a")).toBe("0a:00:00:00:00:00:00:02");
    await node.del("a", auto(vfs[0]));
  }));

test("a VF does not keep a GUID that belonged to a pod according to a cache file of the Go plugin", async () => {
  await node.setGuid(0, "02:00:00:00:00:00:00:77");
  const cache = {
    ContIFNames: "net1",
    HostIFGUID: "00:00:00:00:00:00:00:00",
    HostIFNames: "ib1",
    Master: "ib0",
    VFID: 0,
    deviceID: vfs[0],
    runtimeConfig: { infinibandGUID: "02:00:00:00:00:00:00:77" },
  };
  await node.shell(
    `mkdir -p /var/lib/cni/ib-sriov; echo '${JSON.stringify(cache)}' >/var/lib/cni/ib-sriov/gone-net1`,
  );
  await node.add("a", auto(vfs[0]));
  expect(await guidIn("a")).toBe("9a:03:9b:03:01:ab:01:00");
  await node.del("a", auto(vfs[0]));
  await node.reset();
});

test("a VF does not keep the GUID of a pod whose record is lost", async () => {
  const config = network(vfs[0], { guid: "02:00:00:00:00:00:00:77" });
  await node.shell("ip netns add gone");
  await node.add("gone", config);
  await node.shell("ip netns del gone; rm /var/lib/cni/ib-sriov/c1-net1");
  await node.until(`[ -n "$(ls /sys/bus/pci/devices/${vfs[0]}/net)" ]`);
  await node.add("a", auto(vfs[0]), { container: "c2" });
  expect(await guidIn("a")).toBe("0a:00:00:00:00:00:00:02");
  await node.del("a", auto(vfs[0]), { container: "c2" });
  await node.reset();
});

test("a VF never gets a GUID that another device of the node has, also while that device is in a pod", async () => {
  await node.setGuid(1, derived);
  await node.add("b", network(vfs[1]), { container: "c2" });
  await node.add("a", auto(fresh));
  expect(await guidIn("a")).toBe("9a:03:9b:13:04:ab:01:00");
  await node.del("a", auto(fresh));
  await node.del("b", network(vfs[1]), { container: "c2" });
  await node.reset();
});

test("ADD fails if the GUID does not take effect; the next ADD tries again", async () => {
  const dropped = (value: number) => node.shell(`echo ${value} >/sys/module/vhca/parameters/drop_guid`);
  await dropped(1);
  expect((await node.refused({ command: "ADD", netns: "a", config: auto(fresh) })).msg).toContain(derived);
  await dropped(0);
  await node.add("a", auto(fresh));
  expect(await guidIn("a")).toBe(derived);
  await node.del("a", auto(fresh));
  await node.reset();
});

test("without auto and without a GUID the error names the VF and the remedies", async () => {
  const { code, msg } = await node.addRefused(network(fresh));
  expect(code).toBe(7);
  for (const text of [fresh, '"auto"', "ib-kubernetes", "ip link set"]) expect(msg).toContain(text);
});
