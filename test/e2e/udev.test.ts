// Debian's udev, with its own rules and those of rdma-core, renames every netdev and RDMA device that a rebind makes,
// some 20 to 60 ms after it appeared: while an ADD is at work, after it, or in the middle of a DEL.
import { dirname } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { blocksIn, textOf } from "../support/documents.ts";
import { type Caller, commandLine, network } from "./cni.ts";
import { containers, driver, makeContainers, netnsOf } from "./containers.ts";
import { inRepository, quote } from "./guest.ts";
import { plugin, testNode, vfs } from "./node.ts";

const node = testNode({
  udev: true,
  processors: 2,
  files: [inRepository("test/e2e/guest/churn.sh"), containers],
});
beforeAll(() => makeContainers(node));
/** For each VF. */
const rounds = 25;

/** An operator's own rule, which gives a VF an alternative name besides. */
const rule = `[Match]
Path=pci-${vfs[1]}
[Link]
NamePolicy=keep kernel database onboard slot path
AlternativeNamesPolicy=database onboard slot path mac
AlternativeName=named-by-udev
`;

/** Runs a test with udev at work, which must have left all names as they were before when it is done. */
async function withUdev(body: () => Promise<void>): Promise<void> {
  await node.shell(`mkdir -p /run/systemd/network; printf %s ${quote(rule)} >/run/systemd/network/10-rail.link
    [ -e /run/udev/control ] || /usr/lib/systemd/systemd-udevd --daemon 2>/dev/null
    udevadm trigger --type=all --action=add; udevadm settle`);
  await node.unchanged(async () => {
    await body();
    await node.shell("udevadm settle");
  });
}

/** How often netdevs that the kernel had named were renamed before. */
const renames = async () => Number(await node.shell("dmesg | grep -c ': renamed from ib[0-9]' || true"));

test(`${vfs.length * rounds} attachments come and go, some at the same time: none fails, and the names come back`, () =>
  withUdev(async () => {
    const before = await renames();
    const churns = vfs.map((vf, i) => {
      const guid = `02:00:00:00:00:0${i}:00`;
      return `bash /host/churn.sh ${vf} ${"ab".charAt(i % 2)} ${rounds} '' ${guid} >/tmp/churn.${i} 2>&1 &`;
    });
    expect(await node.shell(`${churns.join("\n")}\nwait; cat /tmp/churn.*`, 1500)).toBe("");
    // Both ADD and DEL make a new netdev; the kernel numbers it, and somebody gave it another name.
    expect((await renames()) - before).toBeGreaterThanOrEqual(2 * vfs.length * rounds);
  }));

/**
 * What strace shows of requests that give devices names: RTM_SETLINK with the first letters of a netdev's, and
 * RDMA_NLDEV_CMD_SET (linux/rtnetlink.h, rdma/rdma_netlink.h).
 */
const naming = /nlmsg_type=0x13 .*\\x69\\x62\\x70\\x31|nlmsg_type=0x1402 /;

// The plugin is faster than udev most of the time. Slowed down, it is overtaken at each of its steps. In a container
// that has not the host's /run it must know of udev all the same: two that name a device get in each other's way.
test.each<[number, string, Caller | undefined]>([
  [5, "on the host", undefined],
  [10, "on the host", undefined],
  [20, "on the host", undefined],
  [10, "in a DRA driver's container", driver],
])("ADD and DEL that take %i ms for each request to the kernel, %s", (delay, _, from) =>
  withUdev(async () => {
    const slow = `strace -f -o /tmp/trace -e trace=sendto -e inject=sendto:delay_enter=${delay * 1000}`;
    const vf = vfs[1];
    const bound = network(vf, { guid: "02:00:00:00:00:00:00:77", link_state: "enable" });
    for (const config of [bound, network(vf)]) {
      for (const command of ["ADD", "DEL"]) {
        const call = commandLine(plugin, { command, netns: netnsOf("a"), config, from }, slow);
        const { status, stdout, stderr } = await node.guest.execute(call);
        expect({ status, stderr }, stdout).toEqual({ status: 0, stderr: "" });
        // A netdev that was not bound anew comes home under its name.
        const names = command === "DEL" && config !== bound;
        expect(naming.test(await node.shell("cat /tmp/trace")), command).toBe(names);
      }
    }
  }),
);

test("the .link file of docs/hardware.md has udev make VFs", async () => {
  const [block] = blocksIn(textOf("docs/hardware.md")).filter(({ text }) =>
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
