// GC undoes the attachments that the runtime no longer lists, and nothing else.
import { describe, expect, test } from "vitest";
import { type Config, commandLine, hostLocal, network } from "./harness/cni.ts";
import { plugin, testNode, vfs } from "./harness/node.ts";

const node = testNode();
const [vf, second] = vfs;
const config = network(vf, {
  link_state: "enable",
  runtimeConfig: { infinibandGUID: "02:00:00:00:00:00:00:77" },
  ipam: hostLocal(["10.1.0.0/24"]),
});
const other = network(second, { ipam: hostLocal(["10.1.0.0/24"]) });

/** Returns a GC call with a list of container IDs, whose interfaces are all called net1; `undefined` for no list. */
function gc(valid: readonly string[] | undefined, more: Config = {}) {
  const list = valid?.map((containerID) => ({ containerID, ifname: "net1" }));
  const listed = list === undefined ? {} : { "cni.dev/valid-attachments": list, "cni.dev/attachments": list };
  const collected = { cniVersion: "1.1.0", name: "mynet", type: "ib-sriov", ...listed, ...more };
  return { command: "GC", container: "", ifname: "", config: collected };
}

const mustCollect = async (valid: readonly string[] | undefined, more: Config = {}) => {
  const outcome = await node.call(gc(valid, more));
  expect(outcome).toMatchObject({ status: 0, stdout: "" });
  return outcome.stderr;
};

const attachedIn = async (pod: string) =>
  (await node.guest.execute(`ip -n ${pod} link show net1`)).status === 0;

test("GC undoes attachments that are not in the list, and keeps those that are", () =>
  node.unchanged(async () => {
    await node.add("a", config);
    await node.add("b", other, { container: "c2" });
    for (const container of ["c1", "c2"]) await node.makeOld(container);
    await mustCollect(["c2"]);
    expect([await attachedIn("a"), await attachedIn("b")]).toEqual([false, true]);
    expect((await node.podInterface("b")).addr_info.map(({ local }) => local)).toContain("10.1.0.3");
    await mustCollect([]);
  }));

test("GC undoes attachments of pods that are gone, also if ADD was not done, and keeps that of a running pod", () =>
  node.unchanged(async () => {
    await node.shell("ip netns add gone");
    await node.add("gone", config, { container: "gone" });
    await node.plugin(
      "slow",
      "[ $CNI_COMMAND != ADD ] || { touch /tmp/started; sleep 2; }\nexec /opt/cni/bin/host-local",
    );
    const slow = network(second, { ipam: { ...hostLocal(["10.2.0.0/24"]), type: "slow" }, name: "slownet" });
    const add = commandLine(plugin, { command: "ADD", netns: "b", container: "killed", config: slow });
    await node.shell(`rm -f /tmp/started; { ${add}; } & until [ -e /tmp/started ]; do sleep 0.02; done
      kill -KILL $(pidof ib-sriov); ! wait $!; ip netns del gone`);
    await node.add("a", network(vfs[2]), { container: "stays" });
    await mustCollect(["stays"], { ipam: hostLocal(["10.1.0.0/24"]) });
    // The IPAM plugin that outlived its parent still holds the VF, and GC waits for it.
    await mustCollect([], { name: "slownet", ipam: { type: "slow" } });
    expect(await attachedIn("a")).toBe(true);
    await node.del("a", network(vfs[2]), { container: "stays" });
  }));

test("GC keeps an attachment that is younger than ten minutes, whatever the list contains, and reports that", () =>
  node.unchanged(async () => {
    await node.add("a", config);
    const attached = await node.snapshot();
    for (const valid of [[], ["other"]]) {
      expect(await mustCollect(valid)).toMatch(
        /c1 \(net1\) is not in the list.*keeps VF 0000:01:10\.0: it is younger than ten minutes/,
      );
    }
    await node.expectSnapshot(attached);
    // If its namespace is gone, the attachment is orphaned, however young.
    await node.shell("ip netns add gone");
    await node.add("gone", other, { container: "gone" });
    await node.shell("ip netns del gone");
    expect(await mustCollect([])).not.toMatch(/gone/);
    await node.expectSnapshot(attached);
    await node.makeOld("c1");
    expect(await mustCollect([])).toBe("");
  }));

test("GC keeps the attachment of a pod with running processes, although it is not in the list, and reports that", () =>
  node.unchanged(async () => {
    await node.add("a", config);
    await node.makeOld("c1");
    await node.shell("nsenter --net=/run/netns/a sleep 1000 </dev/null >/dev/null 2>&1 & echo $! >/tmp/pid");
    await node.until('[ "$(readlink -f /proc/$(cat /tmp/pid)/exe)" = /bin/sleep ] || pidof sleep');
    expect(await mustCollect([])).toMatch(
      /c1 \(net1\) is not in the list.*keeps VF 0000:01:10\.0: process \d+ \(sleep\) runs in its namespace/,
    );
    expect(await attachedIn("a")).toBe(true);
    await node.shell("kill $(cat /tmp/pid) $(pidof sleep)");
    await node.until("! pidof sleep");
    expect(await mustCollect([])).not.toMatch(/keeps VF/);
  }));

test.each([
  [
    "in a mount namespace without the path of its namespace",
    "unshare -m sh -c 'umount /run/netns/a; exec \"$0\"'",
    /cannot be found/,
  ],
  [
    "from a PID namespace that shows no processes",
    "unshare -pf --mount-proc",
    /does not see the processes of the host.*hostPID/,
  ],
])("GC %s keeps the attachment of a pod that may be running, and reports that", (_, wrap, message) =>
  node.unchanged(async () => {
    await node.add("a", config);
    await node.makeOld("c1");
    const { stdout, stderr, status } = await node.guest.execute(commandLine(plugin, gc([]), wrap));
    expect({ stdout, status }).toEqual({ stdout: "", status: 0 });
    expect(stderr).toMatch(message);
    expect((await node.podInterface("a")).flags).toContain("UP");
    await node.del("a", config);
  }),
);

test("GC keeps attachments of other networks, and without a list keeps all and reports that", () =>
  node.unchanged(async () => {
    await node.shell("ip netns add gone");
    await node.add("gone", config);
    await node.shell("ip netns del gone");
    const before = await node.snapshot();
    await mustCollect([], { name: "othernet" });
    expect(await mustCollect(undefined)).toMatch(/nothing is removed/);
    expect(await mustCollect(["c1"])).toBe("");
    await node.expectSnapshot(before);
    // libcni writes an empty list as null.
    await mustCollect(undefined, { "cni.dev/valid-attachments": null });
  }));

test("GC continues after a failure and reports all failures; the next GC does the rest", () =>
  node.unchanged(async () => {
    const script = (status: number) =>
      `[ $CNI_COMMAND != DEL ] || [ ${status} = 0 ] || { echo "{\\"code\\":70,\\"msg\\":\\"no DEL of $CNI_CONTAINERID\\"}"; exit 1; }
      exec /opt/cni/bin/host-local`;
    const ipam = { ...hostLocal(["10.1.0.0/24"]), type: "fails" };
    await node.plugin("fails", script(0));
    await node.add("a", { ...config, ipam });
    await node.add("b", { ...other, ipam }, { container: "c2" });
    for (const container of ["c1", "c2"]) await node.makeOld(container);
    await node.plugin("fails", script(1));
    const { code, msg, details } = await node.refused(gc([]));
    expect(code).toBe(70);
    for (const container of ["c1", "c2"]) expect(`${msg} ${details}`).toContain(`no DEL of ${container}`);
    expect([await attachedIn("a"), await attachedIn("b")]).toEqual([false, false]);
    await node.plugin("fails", script(0));
    await mustCollect([]);
  }));

test("GC releases the unreleased lease of a pod whose VF another pod has", () =>
  node.unchanged(async () => {
    const script = (status: number) =>
      `[ $CNI_COMMAND != DEL ] || [ ${status} = 0 ] || exit 1\nexec /opt/cni/bin/host-local`;
    const failing = { ...config, ipam: { ...hostLocal(["10.1.0.0/24"]), type: "fails" } };
    await node.plugin("fails", script(0));
    await node.shell("ip netns add gone");
    await node.add("gone", failing, { container: "gone" });
    await node.shell("ip netns del gone");
    await node.plugin("fails", script(1));
    await node.add("b", network(vf), { container: "c2" });
    const leases = () =>
      node.shell("ls /var/lib/cni/ib-sriov/.leases; cd /var/lib/cni/networks/mynet; ls | grep ^10 || true");
    expect((await leases()).split("\n")).toHaveLength(3);
    await node.plugin("fails", script(0));
    await mustCollect(["c2"]);
    expect(await leases()).toBe("");
    await node.del("b", network(vf), { container: "c2" });
  }));

describe("a lease is released although the CNI_PATH of its ADD no longer contains plugins", () => {
  /** The plugin directory at ADD, whose contents an upgrade of the node moves to the usual directory. */
  const old = "/opt/old/bin";
  const addAndMove = async () => {
    await node.shell(`mkdir -p ${old}; cp /opt/cni/bin/host-local ${old}; ip netns add gone`);
    await node.add("gone", config, { environment: { CNI_PATH: old } });
    await node.shell(`rm -r ${old}; ip netns del gone`);
  };

  test("by GC", () =>
    node.unchanged(async () => {
      await addAndMove();
      await mustCollect([]);
    }));

  test("by the next container's ADD", () =>
    node.unchanged(async () => {
      await addAndMove();
      await node.add("a", config, { container: "c2" });
      expect(await node.shell("ls /var/lib/cni/ib-sriov")).not.toMatch(/c1-net1/);
      await node.del("a", config, { container: "c2" });
    }));
});
