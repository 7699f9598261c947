// VFs that are bound to vfio-pci, on a node with an IOMMU.
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Config, hostLocal, network } from "./harness/cni.ts";
import { compile } from "./harness/compile.ts";
import { plugin, testNode, vfs } from "./harness/node.ts";

const node = testNode({ iommu: true, pfs: 2, files: [compile("test/e2e/guest/open-vfio.c")] });
const guid = "02:00:00:00:00:00:00:77";
const [vf, other, , fresh] = vfs;
const whole = network(vf, {
  vfioPciMode: true,
  link_state: "enable",
  guid,
  ipam: hostLocal(["10.1.0.0/24"]),
});

/** The interface in the result, which does not exist: Multus makes an entry of network-status of it. */
const inResult = { name: "net1", sandbox: "/run/netns/a" };
/** A PF without VFs. */
const physical = "0000:02:00.0";
/** Returns the node and port GUID that the PF stores for a VF. */
const guidsAtPf = async (index: number): Promise<string[]> => {
  const [pf] = JSON.parse(await node.shell("ip -j link show ib0"));
  const { "node guid": nodeGuid, "port guid": portGuid } = pf.vfinfo_list[index];
  return [nodeGuid, portGuid];
};

/** The port GUID of that PF, which the kernel shows only before it is bound to vfio-pci. */
let portGuid = "";

beforeAll(async () => {
  const gid = await node.shell(`cat /sys/bus/pci/devices/${physical}/infiniband/*/ports/1/gids/0`);
  portGuid = gid
    .trim()
    .replaceAll(":", "")
    .slice(16)
    .replace(/..(?=.)/g, "$&:");
  await node.shell(`/host/ib-sriov provision ${other} >/dev/null`);
  await node.bindToVfio(vf, fresh, physical);
}, 120_000);

describe("a VF that is bound to vfio-pci", () => {
  test("keeps its GUID: another VF cannot get it", () =>
    node.requireGuidKept(vf, whole, network(other, { guid })));

  test.each<[string, Config]>([
    ["with vfioPciMode", whole],
    ["without vfioPciMode", { ...whole, vfioPciMode: false }],
  ])("gets its GUID at the PF, is not rebound, and DEL restores the PF's GUIDs: %s", (_, config) =>
    node.unchanged(async () => {
      const group = await node.shell(
        `readlink /sys/bus/pci/devices/${vf}/iommu_group; stat -c %i /dev/vfio/*`,
      );
      const { status, stdout, stderr } = await node.call({ command: "ADD", netns: "a", config });
      expect(status).toBe(0);
      const result = JSON.parse(stdout);
      expect(result).toEqual({ cniVersion: "1.0.0", interfaces: [inResult] });
      expect(stderr).toMatch(/IPAM plugin host-local is not called/);
      expect(await guidsAtPf(0)).toEqual([guid, guid]);
      expect(
        await node.shell(`readlink /sys/bus/pci/devices/${vf}/iommu_group; stat -c %i /dev/vfio/*`),
      ).toBe(group);
      const check = { command: "CHECK", netns: "a", config: { ...config, prevResult: result } };
      expect(await node.call(check)).toMatchObject({ status: 0 });
      await node.shell("ip link set ib0 vf 0 port_guid 02:00:00:00:00:00:00:11");
      expect((await node.refused(check)).msg).toMatch(
        /is 02:00:00:00:00:00:00:11, not 02:00:00:00:00:00:00:77/,
      );
      await node.shell(`ip link set ib0 vf 0 port_guid ${guid}`);
      await node.del("a", config);
    }),
  );

  test("is released by DEL after the namespace is gone", () =>
    node.unchanged(async () => {
      await node.shell("ip netns add gone");
      await node.add("gone", whole);
      await node.shell("ip netns del gone");
      await node.del("", whole);
    }));

  test("stays with its container if its record cannot be read", () =>
    node.unchanged(async () => {
      const record = "/var/lib/cni/ib-sriov/c1-net1";
      await node.add("a", whole);
      await node.shell(`cp ${record} /tmp/backup; truncate -s 300 ${record}`);
      const refused = await node.refused({ command: "ADD", netns: "b", config: whole, container: "c2" });
      expect(refused).toMatchObject({ code: 101, msg: expect.stringContaining(`${record} cannot be read`) });
      expect(await guidsAtPf(0)).toEqual([guid, guid]);
      await node.shell(`cp /tmp/backup ${record}`);
      await node.del("a", whole);
    }));

  test("stays with its container while a virtual machine may have it open, although the namespace is gone", () =>
    node.unchanged(async () => {
      await node.shell("ip netns add gone");
      await node.add("gone", whole);
      await node.shell(`ip netns del gone
        group=$(basename $(readlink /sys/bus/pci/devices/${vf}/iommu_group))
        sleep infinity <>/dev/vfio/$group >/dev/null 2>&1 & echo $! >/tmp/machine`);
      const refused = await node.refused({ command: "ADD", netns: "a", config: whole, container: "c2" });
      expect(refused).toMatchObject({
        code: 11,
        msg: expect.stringMatching(/c1.*a virtual machine may have it open/),
      });
      const gc = {
        command: "GC",
        config: { ...whole, cniVersion: "1.1.0", "cni.dev/valid-attachments": [] },
      };
      expect(await node.call(gc)).toMatchObject({
        status: 0,
        stderr: expect.stringMatching(/keeps VF .* a virtual machine may have it open/),
      });
      expect(await guidsAtPf(0)).toEqual([guid, guid]);
      await node.shell("kill $(cat /tmp/machine)");
      await node.until("! [ -e /proc/$(cat /tmp/machine) ]");
      expect(await node.call(gc)).toMatchObject({
        status: 0,
        stderr: expect.not.stringContaining("keeps VF"),
      });
    }));

  test.each([
    ["a VF", vf],
    ["a whole PF", physical],
  ])(
    "stays with its container while a process has its group open, although its namespace is empty: %s",
    (_, pci) =>
      node.unchanged(async () => {
        const config = network(pci, { vfioPciMode: true, ...(pci === vf ? { guid } : {}) });
        const gc = {
          command: "GC",
          config: { ...config, cniVersion: "1.1.0", "cni.dev/valid-attachments": [] },
        };
        await node.shell("ip netns add gone");
        await node.add("gone", config);
        await node.makeOld("c1");
        await node.shell(`group=$(basename $(readlink /sys/bus/pci/devices/${pci}/iommu_group))
        sleep infinity <>/dev/vfio/$group >/dev/null 2>&1 & echo $! >/tmp/machine`);
        const keeps = {
          status: 0,
          stderr: expect.stringMatching(/keeps VF .* a virtual machine may have it open/),
        };
        expect(await node.call(gc)).toMatchObject(keeps);
        await node.shell("ip netns del gone");
        expect(await node.shell(`${plugin} gc`)).toMatch(
          /c1 +net1 .* left .*a virtual machine may have it open/,
        );
        const [listed] = JSON.parse(await node.shell(`${plugin} attachments -o json`)).attachments;
        expect(listed.condition).toBe("attached");
        await node.shell("kill $(cat /tmp/machine)");
        await node.until("! [ -e /proc/$(cat /tmp/machine) ]");
        expect(await node.shell(`${plugin} gc`)).toMatch(/c1 +net1 .* released/);
      }),
  );

  test("stays with its container if gc runs in a container, which does not see whether it is open", () =>
    node.unchanged(async () => {
      await node.shell("ip netns add gone");
      await node.add("gone", whole);
      await node.shell("ip netns del gone");
      const inContainer = `unshare -m sh -c 'mount -t tmpfs none /dev && exec ${plugin} gc'`;
      expect(await node.shell(inContainer)).toMatch(/c1 +net1 .* left .*a virtual machine may have it open/);
      expect(await guidsAtPf(0)).toEqual([guid, guid]);
      expect(await node.shell(`${plugin} gc`)).toMatch(/c1 +net1 .* released/);
    }));

  test("has the pod's GUID if another driver is bound to it", async () => {
    await node.add("a", whole);
    await node.shell(`device=/sys/bus/pci/devices/${vf}; echo >$device/driver_override
      echo ${vf} >$device/driver/unbind; echo ${vf} >/sys/bus/pci/drivers_probe`);
    expect(await node.shell(`cat /sys/bus/pci/devices/${vf}/infiniband/*/node_guid`)).toBe(
      "0200:0000:0000:0077\n",
    );
    await node.bindToVfio(vf);
    await node.del("a", whole);
  });

  test("is released if ADD fails", async () => {
    await node.shell(
      "echo 5 >/sys/module/vhca/parameters/fail_guid; echo 1 >/sys/module/vhca/parameters/skip_guid",
    );
    expect((await node.addRefused(whole)).msg).toMatch(
      /^cannot apply the GUID of VF .*: RTM_SETLINK .* GUID of VF/,
    );
  });
});

test("a PF that is bound to vfio-pci can be attached", async () => {
  const base = network(physical, { vfioPciMode: true, link_state: "enable", guid });
  const bound = network("0000:01:00.0", { vfioPciMode: true });
  expect((await node.addRefused(bound)).msg).toMatch(/is not an SR-IOV VF/);
  await node.unchanged(async () => {
    const path = "/run/k8s.cni.cncf.io/devinfo/cni/a-mynet-c1_net1";
    await node.shell(`mkdir -p ${path.slice(0, path.lastIndexOf("/"))}
      echo '{"type":"pci","version":"1.1.0","pci":{"pci-address":"${physical}"}}' >${path}`);
    const config = { ...base, runtimeConfig: { CNIDeviceInfoFile: path } };
    const { status, stdout, stderr } = await node.call({ command: "ADD", netns: "a", config });
    expect(status).toBe(0);
    expect(stderr).toMatch(/is a PF, which keeps its own GUID and link state/);
    const prevResult = JSON.parse(stdout);
    expect(prevResult).toEqual({ cniVersion: "1.0.0", interfaces: [inResult] });
    expect((await node.refused({ command: "ADD", netns: "b", config, container: "c2" })).code).toBe(101);
    expect(
      await node.call({ command: "CHECK", netns: "a", config: { ...config, prevResult } }),
    ).toMatchObject({
      status: 0,
    });
    expect(JSON.parse(await node.shell(`cat ${path}`)).pci).toEqual({
      "pci-address": physical,
      "port-guid": portGuid,
    });
    const { attachments } = JSON.parse(await node.shell("/host/ib-sriov attachments show -o json"));
    expect(attachments).toEqual([expect.objectContaining({ pci: physical, portGuid })]);
    const { pfs } = JSON.parse(await node.shell("/host/ib-sriov list -o json"));
    expect(pfs).toContainEqual(
      expect.objectContaining({
        pci: physical,
        portGuid,
        attachment: expect.objectContaining({ containerId: "c1" }),
      }),
    );
    expect(await node.shell("/host/ib-sriov metrics")).toMatch(
      new RegExp(`^ib_sriov_attachment_info\\{.*pf="${physical}".*port_guid="${portGuid}".*\\} 1$`, "m"),
    );
    await node.del("a", config);
    await node.del("a", config);
    await node.shell("rm -r /run/k8s.cni.cncf.io");
  });
});

test("a VF that is not bound to vfio-pci is refused with vfioPciMode", async () => {
  expect((await node.addRefused(network(other, { vfioPciMode: true }))).msg).toMatch(
    /vfioPciMode.*mlx5_core/,
  );
});

test("a VF that is bound to vfio-pci without a valid GUID is refused without guid, and guid auto derives a permanent GUID", async () => {
  const answer = await node.addRefused(network(fresh));
  expect(answer.msg).toMatch(/no valid GUID/);
  const config = network(fresh, { guid: "auto" });
  await node.add("a", config);
  const [derived] = await guidsAtPf(3);
  expect(derived).not.toMatch(/^(00:){7}00$|^(ff:){7}ff$/);
  await node.del("a", config);
  expect(await guidsAtPf(3)).toEqual([derived, derived]);
});

/** Another program binds the VF of a container to its driver, or is about to, during a call. */
describe("a VF that another program has bound to vfio-pci", () => {
  const config = network(other, { link_state: "disable", guid, ipam: hostLocal(["10.1.0.0/24"]) });
  const device = `/sys/bus/pci/devices/${other}`;
  const originals = ["0a:00:00:00:00:00:01:01", "0a:00:00:00:00:00:01:02"];
  const gc = { command: "GC", config: { ...config, cniVersion: "1.1.0", "cni.dev/valid-attachments": [] } };
  /** Returns the VF's driver, and the attachments in the state directory and in host-local's. */
  const seen = () =>
    node.shell(`if [ -e ${device}/driver ]; then basename $(readlink ${device}/driver); else echo none; fi
      cat ${device}/driver_override; shopt -s nullglob; cd /var/lib/cni; echo ib-sriov/*net1 networks/mynet/10.*`);
  const open = () =>
    node.shell(`modprobe vfio_iommu_type1
      /host/open-vfio /dev/vfio/$(basename $(readlink ${device}/iommu_group)) ${other} >/tmp/open 2>&1 &
      echo $! >/tmp/machine; until grep -q open /tmp/open; do sleep 0.02; done`);
  /** Expects that the virtual machine still has the VF, and that no call holds the lock of the node. */
  const expectUnharmed = async () => {
    expect(
      await node.shell(`cat /proc/$(cat /tmp/machine)/comm
        grep ":$(stat -c %i /var/lib/cni/ib-sriov/.node) " /proc/locks || echo free`),
    ).toBe("open-vfio\nfree\n");
    await node.shell("kill $(cat /tmp/machine)");
  };

  beforeEach(() => node.reset(), 120_000);

  test("stays with its virtual machine at DEL, which releases the lease and restores the GUID at the PF", async () => {
    await node.add("a", config);
    await node.bindToVfio(other);
    await open();
    expect(await node.call({ command: "DEL", netns: "a", config })).toMatchObject({
      status: 0,
      stderr: expect.stringMatching(
        /VF 0000:01:10.2 is bound to vfio-pci, not to mlx5_core: container c1 does not/,
      ),
    });
    expect(await seen()).toBe("vfio-pci\nvfio-pci\n\n");
    expect(await guidsAtPf(1)).toEqual(originals);
    await expectUnharmed();
  });

  test("stays with its virtual machine at GC and at a release, also without driver_override", async () => {
    const takeVf = async () => {
      await node.shell("ip netns add gone");
      await node.add("gone", config);
      await node.bindToVfio(other);
      await node.shell(`echo >${device}/driver_override; ip netns del gone`);
      await open();
    };
    await takeVf();
    expect(await node.call(gc)).toMatchObject({ status: 0 });
    expect(await seen()).toBe("vfio-pci\n(null)\n\n");
    await expectUnharmed();
    await node.reset();
    await takeVf();
    await node.shell("/host/ib-sriov attachments release c1 net1");
    expect(await seen()).toBe("vfio-pci\n(null)\n\n");
    await expectUnharmed();
  });

  test("can be attached to the next container, with the PF's GUIDs from before the first attachment", async () => {
    await node.shell("ip netns add gone");
    await node.add("gone", config);
    await node.bindToVfio(other);
    await node.shell("ip netns del gone");
    const result = await node.add("a", network(other), { container: "c2" });
    expect(result.interfaces).toEqual([inResult]);
    expect(await guidsAtPf(1)).toEqual(originals);
    await node.del("", config);
    await node.del("a", network(other), { container: "c2" });
    expect(await seen()).toBe("vfio-pci\nvfio-pci\n\n");
    expect(await guidsAtPf(1)).toEqual(originals);
  });

  test("is not bound by DEL while it has no driver", async () => {
    await node.add("a", config);
    await node.shell(`echo vfio-pci >${device}/driver_override; echo ${other} >${device}/driver/unbind`);
    expect(await node.call({ command: "DEL", netns: "a", config })).toMatchObject({
      status: 0,
      stderr: expect.stringMatching(/has no driver, and its driver_override is vfio-pci/),
    });
    // The same without a record, and for a container that never had one.
    await node.del("a", config);
    await node.del("a", config, { container: "c5" });
    expect(await seen()).toBe("none\nvfio-pci\n\n");
    expect(await guidsAtPf(1)).toEqual(originals);
  });
});
