// STATUS reports whether an ADD could succeed on this node.
import { expect, test } from "vitest";
import { type Config, hostLocal, network } from "./harness/cni.ts";
import { testNode, vfs } from "./harness/node.ts";

const node = testNode();
const config: Config = { cniVersion: "1.1.0", name: "mynet", type: "ib-sriov" };
const status = (more: Config = {}) => ({
  command: "STATUS",
  container: "",
  ifname: "",
  config: { ...config, ...more },
});

const mustBeReady = async (more: Config = {}) => {
  const outcome = await node.call(status(more));
  expect(outcome).toMatchObject({ status: 0, stdout: "" });
  return outcome.stderr;
};

test("a node is ready before its first ADD, while a pod has a VF, and afterwards", () =>
  node.unchanged(async () => {
    expect(await mustBeReady()).toBe("");
    await node.add("a", network(vfs[0]));
    expect(await mustBeReady()).toBe("");
    await node.del("a", network(vfs[0]));
    expect(await mustBeReady()).toBe("");
  }));

test.each([
  [
    "is on a read-only file system",
    "mount --bind /var/lib/cni /var/lib/cni; mount -o remount,bind,ro /var/lib/cni",
    "umount /var/lib/cni",
    /EROFS/,
  ],
  [
    "is on a full file system",
    "mount -t tmpfs -o size=64k tmpfs /var/lib/cni; ! dd if=/dev/zero of=/var/lib/cni/all 2>/dev/null",
    "umount /var/lib/cni",
    /ENOSPC/,
  ],
  [
    "has no files left on its file system",
    "mount -t tmpfs -o nr_inodes=2 tmpfs /var/lib/cni; touch /var/lib/cni/last",
    "umount /var/lib/cni",
    /ENOSPC/,
  ],
  [
    "is a file",
    "rm -rf /var/lib/cni/ib-sriov; touch /var/lib/cni/ib-sriov",
    "rm /var/lib/cni/ib-sriov",
    /ENOTDIR/,
  ],
  [
    "has a file in the place of its lock directory",
    "mkdir -p /var/lib/cni/ib-sriov; rm -rf /var/lib/cni/ib-sriov/.vf; touch /var/lib/cni/ib-sriov/.vf",
    "rm /var/lib/cni/ib-sriov/.vf",
    /ENOTDIR.*|\.vf/,
  ],
])("a node whose state directory %s is not ready, and ADD fails", (_, damage, repair, errno) =>
  node.unchanged(async () => {
    await node.shell(damage);
    const answer = await node.refused(status());
    expect(answer).toMatchObject({ code: 50, msg: expect.stringMatching(errno) });
    await node.refused({ command: "ADD", netns: "a", config: network(vfs[0]) });
    await node.shell(repair);
    await mustBeReady();
  }),
);

test("a node without VFs is ready, with a warning, because only a ready node can get VFs", async () => {
  await node.shell("echo 0 >/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs");
  expect(await mustBeReady()).toMatch(/no InfiniBand VF/);
  await node.shell("rmmod vhca");
  expect(await mustBeReady()).toMatch(/no InfiniBand VF/);
  await node.reset();
  expect(await mustBeReady()).toBe("");
});

test("a node is not ready without the IPAM plugin, or with an IPAM plugin that ADD could not use", () =>
  node.unchanged(async () => {
    expect(await node.refused(status({ ipam: { type: "nowhere" } }))).toMatchObject({ code: 50 });
    // Debian's host-local is older than CNI 1.1: it supports neither STATUS nor a network of that version.
    const ipam = hostLocal(["10.1.0.0/24"]);
    const answer = await node.refused(status({ ipam }));
    expect(answer).toMatchObject({
      code: 50,
      msg: expect.stringMatching(/host-local does not speak CNI 1\.1\.0/),
    });
    const add = { ...network(vfs[0], { ipam }), cniVersion: "1.1.0" };
    expect(await node.addRefused(add)).toMatchObject({ code: 1 });
  }));
