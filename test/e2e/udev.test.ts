// Debian's udev, with its own rules and those of rdma-core, renames every netdev and RDMA device that a rebind creates,
// 20 to 60 ms after the device appears: during an ADD, after it, or in the middle of a DEL.
import { dirname } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { blocksIn, textOf } from "../support/documents.ts";
import { type Caller, commandLine, network } from "./harness/cni.ts";
import { containers, driver, makeContainers, netnsOf } from "./harness/containers.ts";
import { inRepository, quote } from "./harness/guest.ts";
import { plugin, testNode, vfs } from "./harness/node.ts";

const node = testNode({
  udev: true,
  processors: 2,
  files: [inRepository("test/e2e/guest/churn.sh"), containers],
});
beforeAll(() => makeContainers(node));
/** Number of attachments of each VF. */
const rounds = 25;

/** A rule of an operator that adds an alternative name to a VF. */
const rule = `[Match]
Path=pci-${vfs[1]}
[Link]
NamePolicy=keep kernel database onboard slot path
AlternativeNamesPolicy=database onboard slot path mac
AlternativeName=named-by-udev
`;

/**
 * Runs a test with udev, after which all names must be as they were before. Of the node's devices, udev handles those
 * that it names, as at boot.
 */
async function withUdev(body: () => Promise<void>): Promise<void> {
  await node.shell(`mkdir -p /run/systemd/network; printf %s ${quote(rule)} >/run/systemd/network/10-rail.link
    [ -e /run/udev/control ] || /usr/lib/systemd/systemd-udevd --daemon 2>/dev/null
    udevadm trigger --action=add --subsystem-match=net --subsystem-match=infiniband; udevadm settle`);
  await node.unchanged(async () => {
    await body();
    await node.shell("udevadm settle");
  });
}

/** Returns how often netdevs that the kernel had named were renamed so far. */
const renames = async () => Number(await node.shell("dmesg | grep -c ': renamed from ib[0-9]' || true"));

test(`${vfs.length * rounds} attachments, some of them simultaneous, succeed, and DEL restores the names`, () =>
  withUdev(async () => {
    const before = await renames();
    const churns = vfs.map((vf, i) => {
      const guid = `02:00:00:00:00:0${i}:00`;
      return `bash /host/churn.sh ${vf} ${"ab".charAt(i % 2)} ${rounds} '' ${guid} >/tmp/churn.${i} 2>&1 &`;
    });
    expect(await node.shell(`${churns.join("\n")}\nwait; cat /tmp/churn.*`, 1500)).toBe("");
    // Both ADD and DEL create a new netdev; the kernel gives it a number, and udev or the plugin renames it.
    expect((await renames()) - before).toBeGreaterThanOrEqual(2 * vfs.length * rounds);
  }));

/**
 * Matches requests in the output of strace that give names to devices: RTM_SETLINK with the first letters of a
 * netdev's name, and RDMA_NLDEV_CMD_SET (linux/rtnetlink.h, rdma/rdma_netlink.h).
 */
const naming = /nlmsg_type=0x13 .*\\x69\\x62\\x70\\x31|nlmsg_type=0x1402 /;

// The plugin is usually faster than udev. If it is slowed down, udev overtakes it at each of its steps. In a container
// without the host's /run, the plugin must detect udev too, because the two would rename a device against each other.
test.each<[number, string, Caller | undefined]>([
  [5, "on the host", undefined],
  [10, "on the host", undefined],
  [20, "on the host", undefined],
  [10, "in a DRA driver's container", driver],
])("ADD and DEL that take %i ms for each request to the kernel, %s", (delay, _, from) =>
  withUdev(() =>
    requireNamesFromUdev(
      `strace -f -o /tmp/trace -e trace=sendto -e inject=sendto:delay_enter=${delay * 1000}`,
      from,
    ),
  ),
);

/** Rules for a udev that takes 3 s for each new netdev and RDMA device of a VF. */
const slowRules = `ACTION=="add", SUBSYSTEM=="net", PROGRAM="/bin/sleep 3"
ACTION=="add", SUBSYSTEM=="infiniband", PROGRAM="/run/udev/slow-rename %k"
`;

/**
 * Runs rdma_rename, and stops it after it has found that the device belongs to a VF and before it reads the PF's
 * configuration space, which decides whether it adds the numbers of PF and VF to the name.
 */
const slowRename = `#!/bin/bash
exec strace -o /dev/null -P /sys/class/infiniband/$1/device/physfn/config -e trace=openat \\
  -e inject=openat:delay_enter=3000000 /usr/lib/udev/rdma_rename $1 NAME_FALLBACK
`;

// As on a busy node: if the plugin renamed a device at the same time, udev would give the device a wrong name.
test("ADD and DEL while udev takes 3 s to rename a device", () =>
  withUdev(async () => {
    const rules = "/run/udev/rules.d/60-rdma-persistent-naming.rules";
    await node.shell(`mkdir -p /run/udev/rules.d; printf %s ${quote(slowRules)} >${rules}
      printf %s ${quote(slowRename)} >/run/udev/slow-rename; chmod +x /run/udev/slow-rename
      udevadm control --reload`);
    await requireNamesFromUdev("strace -f -o /tmp/trace -e trace=sendto");
    await node.shell(`udevadm settle; rm ${rules}; udevadm control --reload`);
  }));

/** Makes ADD and DEL, with and without a rebind, and requires that udev, not the plugin, renames all new devices. */
async function requireNamesFromUdev(strace: string, from?: Caller): Promise<void> {
  const vf = vfs[1];
  const bound = network(vf, { guid: "02:00:00:00:00:00:00:77", link_state: "enable" });
  for (const config of [bound, network(vf)]) {
    for (const command of ["ADD", "DEL"]) {
      const call = commandLine(plugin, { command, netns: netnsOf("a"), config, from }, strace);
      const { status, stdout, stderr } = await node.guest.execute(call);
      expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: "" });
      // A netdev that was not rebound returns to the host namespace with its original name.
      const names = command === "DEL" && config !== bound;
      expect(naming.test(await node.shell("cat /tmp/trace")), command).toBe(names);
    }
  }
}

test("udev creates VFs with the .link file of docs/how-to/hardware.md", async () => {
  const [block] = blocksIn(textOf("docs/how-to/hardware.md")).filter(({ text }) =>
    text.includes("SR-IOVVirtualFunctions"),
  );
  const [, path = "", link = ""] = /^# (\S+)\n(.*)$/s.exec(block?.text ?? "") ?? [];
  const pf = "/sys/bus/pci/devices/0000:01:00.0";
  await node.shell(`mkdir -p ${dirname(path)}
    printf '%s\n' ${quote(link.replace("0000:03:00.0", "0000:01:00.0"))} >${path}
    [ -e /run/udev/control ] || /usr/lib/systemd/systemd-udevd --daemon 2>/dev/null
    until echo 0 >${pf}/sriov_numvfs; do sleep 0.1; done 2>/dev/null`);
  expect(await node.shell(`cat ${pf}/sriov_numvfs`)).toBe("0\n");
  // As at boot.
  await node.shell(`udevadm control --reload; udevadm trigger --action=add ${pf}/net/*; udevadm settle`);
  expect(await node.shell(`cat ${pf}/sriov_numvfs`)).toBe("4\n");
  await node.shell(`rm ${path}`);
});
