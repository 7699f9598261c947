// rdmaIsolation moves the VF's RDMA device into the pod, and DEL returns it. One kernel then creates its netdev in the
// initial namespace, another creates it in the namespace of the RDMA device (the module's ipoib_netns imitates that).
import { beforeAll, describe, expect, test } from "vitest";
import { type Config, commandLine, hostLocal, network } from "./harness/cni.ts";
import { compile } from "./harness/compile.ts";
import { examine, type Finding } from "./harness/doctor.ts";
import { plugin, testNode, vfs } from "./harness/node.ts";

const node = testNode({ files: [compile("test/e2e/guest/tracer.c")] });
const guid = "02:00:00:00:00:00:00:77";
const [vf, other, , fresh] = vfs;

/** Networks with isolation: with a new GUID and an address, and with the VF's own GUID. */
const whole = network(vf, {
  rdmaIsolation: true,
  link_state: "enable",
  guid,
  ipam: hostLocal(["10.1.0.0/24"]),
});
const bare = network(vf, { rdmaIsolation: true });

/** Returns the names of the RDMA devices in a pod. */
const rdmaDevices = async (pod: string) =>
  (await node.shell(`ip netns exec ${pod} rdma dev`)).match(/\S+(?=: node_type)/g) ?? [];
/** Returns the entries of a VF in a directory of sysfs. */
const listed = async (pci: string, directory: string) =>
  (await node.shell(`ls /sys/bus/pci/devices/${pci}/${directory}`)).trim().split("\n");
/** Opens a VF's uverbs device in a pod, as a program that uses verbs does. */
const openVerbs = async (pod: string) =>
  node.guest.execute(
    `exec 2>&1; ip netns exec ${pod} bash -c ": <>/dev/infiniband/$(ls /sys/bus/pci/devices/${vf}/infiniband_verbs)"`,
  );

describe("in shared mode, in which every namespace has all RDMA devices", () => {
  test("isolation is refused, and the error contains the commands that enable it", async () => {
    const answer = await node.addRefused(whole);
    expect(answer.msg).toMatch(/rdma system set netns exclusive.*netns_mode=0/);
  });
});

/** Moves an RDMA device from pod a to the host. */
const returnToHost = (name: string | undefined) =>
  node.shell(`touch /run/netns/host; mount --bind /proc/1/ns/net /run/netns/host
    ip netns exec a rdma dev set ${name} netns host; umount /run/netns/host; rm /run/netns/host`);

const args = "K8S_POD_NAMESPACE=default;K8S_POD_NAME=trainer";
/** Returns the problems of the pod that doctor reports. */
const podFindings = async () => {
  const { stdout } = await node.guest.execute("/host/ib-sriov doctor --pod default/trainer -o json");
  return (JSON.parse(stdout) as { findings: Finding[] }).findings.filter(({ subject }) => subject === "pod");
};

const makeExclusive = () => node.makeRdmaExclusive();

describe("in exclusive mode, in which an RDMA device belongs to one namespace", () => {
  beforeAll(makeExclusive, 120_000);

  // Sysfs does not show a device of such a name, and ends a listing at a name with a slash.
  describe.each(["..", ".", "a/b"])("of a pod that has renamed its RDMA device to %s", (name) => {
    const rename = async () =>
      node.shell(`ip netns exec a rdma dev set ${(await rdmaDevices("a"))[0]} name ${name}`);

    test.each([
      ["DEL", whole],
      ["DEL without another GUID", bare],
    ])("%s gives the device its original name", (_, config) =>
      node.unchanged(async () => {
        await node.add("a", config);
        await rename();
        await node.del("a", config);
      }),
    );

    test("the next ADD takes the VF over, after the namespace is gone", () =>
      node.unchanged(async () => {
        const config = bare;
        await node.add("a", config);
        await rename();
        await node.shell("ip netns del a");
        await node.add("b", config, { container: "c2" });
        await node.del("b", config, { container: "c2" });
        await node.del("", config);
        await node.shell("ip netns add a");
        await node.reset();
      }));
  });

  test("a pod without isolation cannot open the RDMA device, and ADD warns of that", () =>
    node.unchanged(async () => {
      const config = network(vf, { guid });
      const { status, stderr } = await node.call({ command: "ADD", netns: "a", config });
      expect(status).toBe(0);
      expect(stderr).toMatch(/EPERM.*rdmaIsolation/);
      expect(await openVerbs("a")).toMatchObject({
        status: 1,
        stdout: expect.stringMatching(/not permitted/),
      });
      await node.del("a", config);
    }));

  describe.each([
    ["in the initial namespace", 0],
    ["in the namespace of the RDMA device", 1],
  ])("with a kernel that creates the netdev %s", (_, follows) => {
    beforeAll(() => node.shell(`echo ${follows} >/sys/module/vhca/parameters/ipoib_netns`));

    test("release --force returns an RDMA device that the container has moved elsewhere, and DEL cannot", () =>
      node.unchanged(async () => {
        await node.add("a", bare);
        const [name] = await rdmaDevices("a");
        await node.shell(`ip netns exec a rdma dev set ${name} netns b`);
        expect(await node.refused({ command: "DEL", netns: "a", config: bare })).toMatchObject({
          code: 11,
          msg: expect.stringContaining("another network namespace still holds"),
        });
        expect(await node.shell(`${plugin} attachments release c1 net1 --force`)).toMatch(/ is released\.$/m);
        expect(await rdmaDevices("b")).toEqual([]);
      }));

    test.each([
      ["a new GUID", whole],
      ["the VF's own GUID", bare],
    ])("a pod has the RDMA device and can open it, and DEL returns it: with %s", (_, config) =>
      node.unchanged(async () => {
        const [name] = await listed(vf, "infiniband");
        const result = await node.add("a", config);
        expect(await rdmaDevices("a")).toEqual([name]);
        expect(await rdmaDevices("b")).toEqual([]);
        expect((await openVerbs("a")).status).toBe(0);
        const inPod = await node.podInterface("a");
        expect(inPod).toMatchObject({ mtu: 1800, flags: expect.arrayContaining(["UP"]) });
        expect(inPod.address.slice(-23)).toBe(config === whole ? guid : "0a:00:00:00:00:00:00:02");
        expect(result.interfaces).toMatchObject([{ name: "net1", mac: inPod.address }]);
        const check = { ...config, prevResult: result };
        expect(await node.call({ command: "CHECK", netns: "a", config: check })).toMatchObject({ status: 0 });
        await node.del("a", config);
      }),
    );

    test("CHECK fails if the pod no longer has the RDMA device", () =>
      node.unchanged(async () => {
        const prevResult = await node.add("a", bare);
        const [name] = await rdmaDevices("a");
        await returnToHost(name);
        const answer = await node.refused({ command: "CHECK", netns: "a", config: { ...bare, prevResult } });
        expect(answer.msg).toContain(name);
        await node.del("a", bare);
      }));

    test.each([
      ["a new GUID", whole],
      ["the VF's own GUID", bare],
    ])("DEL returns the RDMA device from a namespace that was deleted: with %s", (_, config) =>
      node.unchanged(async () => {
        await node.shell("ip netns add gone");
        await node.add("gone", config);
        await node.shell("ip netns del gone");
        await node.del("", config);
      }),
    );

    test("DEL undoes a name that the pod gave to the RDMA device", () =>
      node.unchanged(async () => {
        await node.add("a", bare);
        const [name] = await rdmaDevices("a");
        await node.shell(`ip netns exec a rdma dev set ${name} name mine`);
        await node.del("a", bare);
      }));

    test("DEL returns the RDMA device without a record", () =>
      node.unchanged(async () => {
        const name = await node.hostNetdev(vf);
        await node.add("a", bare);
        await node.shell("rm /var/lib/cni/ib-sriov/c1-net1");
        await node.del("a", bare);
        await node.renameHostNetdev(vf, name);
        await node.shell(`ip link set ${name} mtu 1800 up
          ip link set ${name} txqueuelen 300 group 3 alias rail-0 gso_max_segs 100 type ipoib umcast 1
          ip link property add dev ${name} altname rail0`);
      }));

    test("rdma-cni after this plugin: it takes the interface of a pod without rdmaIsolation, and doctor reports that", () =>
      node.unchanged(async () => {
        const config = network(vf, { guid });
        await node.add("a", config, { args });
        const [name] = await listed(vf, "infiniband");
        expect(await podFindings()).toEqual([]);
        // The step of rdma-cni's ADD, and that of its DEL, which comes before this plugin's DEL.
        await node.shell(`rdma dev set ${name} netns a`);
        const where = follows === 1 ? "down, and has no addresses" : "on the host";
        await node.until(`ip ${follows === 1 ? "-n a" : ""} -br link | grep -q '^ib[0-9]'`);
        expect((await node.guest.execute("ip -n a link show net1")).status).toBe(1);
        expect(await podFindings()).toEqual([
          expect.objectContaining({
            id: "pod-no-interface",
            level: "error",
            found: expect.stringMatching(
              `^default/trainer \\(c1\\) net1 with VF ${vf} has lost its interface: ib\\d, .* is ${where}$`,
            ),
          }),
        ]);
        await returnToHost(name);
        await node.del("a", config);
      }));

    test("rdma-cni after this plugin finds no RDMA device of a VF with rdmaIsolation", () =>
      node.unchanged(async () => {
        const [name] = await listed(vf, "infiniband");
        await node.add("a", bare, { args });
        expect((await node.guest.execute(`ls /sys/bus/pci/devices/${vf}/infiniband`)).stdout).toBe("");
        expect((await node.guest.execute(`rdma dev set ${name} netns a`)).status).not.toBe(0);
        expect(await podFindings()).toEqual([]);
        await node.del("a", bare);
      }));

    test("an ADD that fails after the move returns the RDMA device", async () => {
      await node.plugin("fake", 'if [ "$CNI_COMMAND" = ADD ]; then sleep 1; exit 1; fi');
      await node.addRefused({ ...bare, ipam: { type: "fake" } });
      await node.addRefused({ ...whole, ipam: { type: "fake" } });
    });

    test("DEL undoes an ADD that was killed at any moment", () =>
      node.unchanged(async () => {
        const before = await node.snapshot();
        for (const config of [bare, whole]) {
          let killed = true;
          for (let call = 60; killed; call += 23) {
            const add = commandLine(
              plugin,
              { command: "ADD", netns: "a", config },
              `/host/tracer -k ${call} /tmp/killed-at`,
            );
            const { status } = await node.guest.execute(add);
            expect([0, 137], `killed at call ${call}`).toContain(status);
            killed = status === 137;
            await node.del("a", config);
            await node.expectSnapshot(before);
          }
        }
      }));
  });

  test("two simultaneous ADDs keep the numbers of the RDMA devices below /dev/infiniband", () =>
    node.unchanged(async () => {
      const configs: Config[] = [
        whole,
        network(other, { rdmaIsolation: true, guid: "02:00:00:00:00:00:00:78" }),
      ];
      const numbers = async () => [
        await listed(vf, "infiniband_verbs"),
        await listed(other, "infiniband_verbs"),
      ];
      const before = await numbers();
      const all = (command: string) =>
        node.inParallel(
          configs.map((config, i) => ({ command, container: "ab".charAt(i), netns: "ab".charAt(i), config })),
        );
      await all("ADD");
      expect(await numbers()).toEqual(before);
      expect([await rdmaDevices("a"), await rdmaDevices("b")].map(({ length }) => length)).toEqual([1, 1]);
      await all("DEL");
    }));

  test("another VF cannot get the GUID of a pod whose RDMA device is not visible on the host", () =>
    node.requireGuidKept(vf, whole, network(other, { rdmaIsolation: true, guid })));

  test("an RDMA device keeps the name that its administrator gave it, in the pod and afterwards", () =>
    node.unchanged(async () => {
      const [name] = await listed(vf, "infiniband");
      await node.shell(`rdma dev set ${name} name rail0`);
      const before = await node.snapshot();
      await node.add("a", whole);
      expect(await rdmaDevices("a")).toEqual(["rail0"]);
      await node.del("a", whole);
      await node.expectSnapshot(before);
      await node.shell(`rdma dev set rail0 name ${name}`);
    }));

  // Containerd calls DEL of a sandbox whose ADD has failed, and kubelet starts the next sandbox of the same pod.
  test.each([
    ["of a move", { rdmaIsolation: true }, undefined, ["c1", "c1"]],
    ["of a rebind", { guid }, "a2fa9fe4-6f4f-4b9b-8f7f-000000000001", ["c1", "c1", "c2", "c3"]],
  ])(
    "ADD of a VF whose numbers change because %s fails for every container of the pod, until the pod is deleted",
    async (_, more, uid, containers) => {
      // The numbers of the other VF are free, and lower.
      await node.shell(`echo ${vf} >/sys/bus/pci/drivers/mlx5_core/unbind`);
      try {
        const uverbs = await listed(other, "infiniband_verbs");
        const config = network(other, more);
        const podArgs = { args: `IgnoreUnknown=1${uid === undefined ? "" : `;K8S_POD_UID=${uid}`}` };
        for (const container of containers) {
          const again = { netns: "a", config, container, ...podArgs };
          const answer = await node.refused({ command: "ADD", ...again });
          expect(answer.msg).toMatch(new RegExp(`had ${uverbs}, .* and now it has uverbs.*; delete the pod`));
          // The VF keeps its new numbers; they cannot be restored.
          expect(await node.hostNetdev(other)).toBe("ibp1s0f0v1");
          expect(await listed(other, "infiniband_verbs")).not.toEqual(uverbs);
          if (container !== containers[0]) await node.del("a", config, { container, ...podArgs });
        }
        await node.del("a", config, { container: "c1", ...podArgs });
        await node.add("a", config, { container: "c4" });
        await node.del("a", config, { container: "c4" });
      } finally {
        await node.reset();
      }
    },
  );

  test("ADD fails if the numbers differ from those that kubelet gives to the pod", () =>
    node.unchanged(async () => {
      const uid = "a2fa9fe4-6f4f-4b9b-8f7f-000000000002";
      const path = "/var/lib/kubelet/device-plugins/kubelet_internal_checkpoint";
      /** Writes what kubelet writes after the device plugin has allocated the VF. */
      const allocate = (uverbs: string) => {
        const file = `/dev/infiniband/${uverbs}`;
        const spec = `\n${String.fromCharCode(file.length)}${file}`;
        const entry = {
          PodUID: uid,
          ContainerName: "main",
          ResourceName: "nvidia.com/ib",
          DeviceIDs: { "-1": [other] },
          AllocResp: Buffer.from(`\x1a${String.fromCharCode(spec.length)}${spec}`).toString("base64"),
        };
        const data = { Data: { PodDeviceEntries: [entry], RegisteredDevices: {} }, Checksum: 1 };
        return node.shell(
          `mkdir -p ${path.slice(0, path.lastIndexOf("/"))}; echo '${JSON.stringify(data)}' >${path}`,
        );
      };
      const config = network(other, { guid });
      const pod = { args: `IgnoreUnknown=1;K8S_POD_UID=${uid}` };
      const [own = ""] = await listed(other, "infiniband_verbs");
      await allocate("uverbs99");
      const answer = await node.refused({ command: "ADD", netns: "a", config, ...pod });
      expect(answer.msg).toContain(`kubelet gives the pod uverbs99, and VF ${other} has ${own}`);
      await allocate(own);
      await node.add("a", config, pod);
      await node.del("a", config, pod);
      await node.shell("rm -r /var/lib/kubelet");
    }));

  test("a pod that has the RDMA device and no device files is reported by doctor, and by doctor --pod", () =>
    node.unchanged(async () => {
      await node.add("a", bare, { args });
      const [uverbs] = await listed(vf, "infiniband_verbs");
      /** Starts a process of a container, which has its own /dev with these files. */
      const start = (...files: readonly string[]) =>
        node.shell(`ip netns exec a unshare -m sh -c 'mount -t tmpfs dev /dev; mkdir /dev/infiniband
          for file in ${files.join(" ")}; do mknod /dev/infiniband/$file c 231 0; done; exec sleep 1000' \\
          </dev/null >/dev/null 2>&1 & echo $! >>/tmp/pids; until [ "$(cat /proc/$!/comm)" = sleep ]; do sleep 0.02; done`);
      const missing = expect.objectContaining({
        id: "pod-no-device-files",
        level: "warning",
        found: expect.stringMatching(
          `^default/trainer \\(c1\\) net1 with VF ${vf} .*no process .*/dev/infiniband/${uverbs}$`,
        ),
      });
      // `doctor` reports nothing while the pod has no process, or only the pause container.
      expect(await podFindings()).toEqual([]);
      await start();
      await node.shell(`[ -e /sys/fs/cgroup/cgroup.procs ] || mount -t cgroup2 cgroup2 /sys/fs/cgroup
        mkdir /sys/fs/cgroup/cri-containerd-c1.scope
        cat /tmp/pids >/sys/fs/cgroup/cri-containerd-c1.scope/cgroup.procs`);
      expect(await podFindings()).toEqual([]);
      await start("uverbs99");
      expect(await podFindings()).toEqual([missing]);
      expect((await examine(node)).findings).toContainEqual(missing);
      await start(`${uverbs}`);
      expect(await podFindings()).toEqual([]);
      await node.shell(`kill -KILL $(cat /tmp/pids); rm /tmp/pids
        until rmdir /sys/fs/cgroup/cri-containerd-c1.scope; do sleep 0.02; done 2>/dev/null`);
      await node.del("a", bare);
    }));

  test("a fresh VF is refused without a GUID, and attached with a GUID", async () => {
    await node.addRefused(network(fresh, { rdmaIsolation: true }));
    await node.unchanged(async () => {
      const config = network(fresh, { rdmaIsolation: true, guid });
      await node.add("a", config);
      expect(await rdmaDevices("a")).toHaveLength(1);
      await node.del("a", config);
    });
  });
});
