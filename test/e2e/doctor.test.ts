// ib-sriov doctor: for a node in order it prints only "ok" lines. Each defect has its own line, and the command below
// this line fixes the defect exactly as it is printed.
import { beforeAll, describe, expect, test } from "vitest";
import { goCache } from "../support/go-cache.ts";
import { type Config, hostLocal, network } from "./cni.ts";
import { examine, type Finding, runRemedies, short } from "./doctor.ts";
import { quote } from "./guest.ts";
import { testNode, vfs } from "./node.ts";

const node = testNode();
const pf = "0000:01:00.0";
const state = "/var/lib/cni/ib-sriov";
const conf = "/etc/cni/net.d/10-ib.conflist";

/** Returns a network configuration list that contains ib-sriov. */
const chain = (more: Config = {}, ...others: readonly Config[]) => ({
  cniVersion: "1.0.0",
  name: "mynet",
  plugins: [{ type: "ib-sriov", ipam: hostLocal(["10.1.0.0/24"]), ...more }, ...others],
});
const configure = (list: Config) => `printf %s ${quote(JSON.stringify(list))} >${conf}`;

/** Brings the node from the state of guest/setup.sh to one without findings, by the commands that doctor prints. */
async function makeHealthy(): Promise<void> {
  await node.shell(`rm -rf /opt/cni/bin/ib-sriov /etc/udev /etc/modprobe.d
    mkdir -p /etc/cni/net.d /etc/modprobe.d /etc/udev/rules.d /usr/lib/cni
    ${configure(chain())}`);
  await runRemedies(node);
}

beforeAll(makeHealthy, 120_000);

type Expected = readonly [subject: string, level: Finding["level"], found: RegExp];

/**
 * Makes a defect, expects findings of only this defect, and fixes it with the commands that were printed.
 * @param fix a command for defects for which the doctor prints no command, or none that can be run here.
 * @returns all findings until the defect was fixed.
 */
async function defect(
  script: string,
  expected: readonly Expected[],
  fix?: string,
): Promise<readonly Finding[]> {
  try {
    await node.shell(script);
    const { status, findings } = await examine(node);
    const found = short(findings);
    expect(found).toHaveLength(expected.length);
    for (const [subject, level, text] of expected) {
      const finding = expect.objectContaining({ subject, level, found: expect.stringMatching(text) });
      expect(found).toContainEqual(finding);
    }
    expect(status).toBe(expected.some(([, level]) => level === "error") ? 1 : 0);
    if (fix === undefined) {
      expect(found.filter(({ command }) => command === undefined)).toEqual([]);
      return await runRemedies(node, found);
    }
    await node.shell(fix);
    return await runRemedies(node);
  } catch (error) {
    await node.shell(`echo ${pf} >/sys/bus/pci/drivers_probe`);
    await node.reset();
    await makeHealthy();
    throw error;
  }
}

const rebind = (vf: string) =>
  `for way in unbind bind; do echo ${vf} >/sys/bus/pci/drivers/mlx5_core/$way; done`;
const guid = (vf: number, guid: string) =>
  `ip link set ib0 vf ${vf} node_guid ${guid}; ip link set ib0 vf ${vf} port_guid ${guid}`;
const zero = "00:00:00:00:00:00:00:00";
const ones = "ff:ff:ff:ff:ff:ff:ff:ff";
const netdev = (vf: string) => `$(ls /sys/bus/pci/devices/${vf}/net)`;

test("a healthy node has only ok lines", async () => {
  const { status, stdout } = await node.guest.execute("/host/ib-sriov doctor");
  expect(status).toBe(0);
  const lines = stdout.trimEnd().split("\n");
  expect(lines.at(-1)).toBe("Pods can be attached: 0 errors, 0 warnings");
  expect(lines.slice(0, -2).filter((line) => !line.startsWith("ok "))).toEqual([]);
  for (const subject of "kernel PF VF GUID RDMA udev plugin network state records".split(" "))
    expect(stdout).toMatch(new RegExp(`^ok +${subject} `, "m"));
});

describe("VFs", () => {
  test("without a GUID, with a GUID of all ones, and with a GUID that is not in effect", () =>
    defect(
      `${guid(0, zero)}; ${guid(1, ones)}; ${guid(2, zero)}; ${guid(3, ones)}
      for vf in ${vfs.join(" ")}; do ${rebind("$vf")}; done
      ${guid(2, "02:00:00:00:00:00:00:01")}`,
      [
        ["GUID", "warning", /^VF 0000:01:10\.0 without a GUID.*drains/],
        ["GUID", "warning", /^2 VFs \(0000:01:10\.2, 0000:01:10\.6\) with all ones/],
        ["GUID", "warning", /^VF 0000:01:10\.4 with a GUID .*not in effect/],
      ],
    ));

  test("two with the same GUID", () =>
    defect(
      `${guid(0, "02::77")}; ${guid(2, "02::77")}; ${rebind(vfs[0])}; ${rebind(vfs[2])}`.replaceAll(
        "::77",
        ":00:00:00:00:00:00:77",
      ),
      [["GUID", "error", /^02:00:00:00:00:00:00:77 is the GUID of 0000:01:10\.0, 0000:01:10\.4/]],
    ));

  test("two without a driver, one without a netdev", () =>
    defect(
      `echo 1 >/sys/module/vhca/parameters/no_netdev; ${rebind(vfs[3])}; echo 0 >/sys/module/vhca/parameters/no_netdev
      for vf in ${vfs[1]} ${vfs[2]}; do echo $vf >/sys/bus/pci/drivers/mlx5_core/unbind; done`,
      [
        ["VF", "error", /^2 VFs \(0000:01:10\.2, 0000:01:10\.4\) without a driver/],
        ["VF", "warning", /^VF 0000:01:10\.6 without a netdev.*rdmaOnly/],
      ],
    ));

  test("one whose netdev was moved to another namespace", () =>
    defect(
      `ip link set ${netdev(vfs[1])} netns a name taken`,
      [["VF", "error", /^VF 0000:01:10\.2 with a netdev in another/]],
      "ip -n a link set taken netns 1",
    ));

  test("two with another MTU, of which the second has a name that a shell would execute; two with their link disabled", () =>
    defect(
      `name=${netdev(vfs[1])}; ip link set $name up; until grep -q 1 /sys/class/net/$name/carrier; do sleep 0.02; done
      ip link set $name mtu 1500
      name=${netdev(vfs[2])}; ip link set $name down; ip link set $name name '$(reboot)' mtu 1600
      for vf in 0 3; do ip link set ib0 vf $vf state disable; done`,
      [
        ["VF", "warning", /MTU of VFs: \S+ 1500, of the PF 2044.*drains/],
        ["VF", "warning", /MTU of VFs: \$\(reboot\) 1600, of the others 2044.*drains/],
        ["VF", "warning", /^2 VFs \(0000:01:10\.0, 0000:01:10\.6\) with link policy "disable"/],
      ],
    ));

  test("no finding for a VF whose network disables the link", async () => {
    const config = network(vfs[1], { link_state: "disable" });
    await node.add("a", config);
    expect(short((await examine(node)).findings)).toEqual([]);
    await node.del("a", config);
  });
});

describe("attachments", () => {
  test("of a pod that is gone", async () => {
    await node.shell("ip netns add gone");
    await node.add("gone", network(vfs[1]));
    await defect("ip netns del gone", [["records", "warning", /left behind: orphaned: c1 net1/]]);
  });

  test("of the Go plugin whose VF is in the host namespace again, and a record that cannot be read", () => {
    const cache = { ...goCache, ipam: hostLocal(["10.1.0.0/24"]) };
    return defect(
      `printf %s ${quote(JSON.stringify(cache))} >${state}/c9-net1; echo '{"attachment":' >'${state}/it'\\''s broken'`,
      [
        ["records", "warning", /c9-net1 is the Go plugin's.*0000:01:10\.0 is not in that container/],
        ["records", "warning", /it's broken cannot be read/],
      ],
    );
  });

  test("the state directory is read-only", async () => {
    await defect("mount --bind /var/lib/cni /var/lib/cni; mount -o remount,bind,ro /var/lib/cni", [
      ["state", "error", /cannot be written to.*EROFS/],
    ]);
    await node.shell("umount /var/lib/cni");
  });

  test("the state directory is a file", () =>
    defect(
      `mv ${state} ${state}.saved; touch ${state}`,
      [
        ["state", "error", /cannot be written to.*ENOTDIR/],
        ["records", "error", /ENOTDIR/],
      ],
      `mv ${state} ${state}.old; mv ${state}.saved ${state}`,
    ));
});

describe("recent calls", () => {
  const log = "/var/log/ib-sriov.log";
  const args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=trainer";
  const config = network(vfs[1], { logFile: log, link_state: "disable" });
  const doctor = async (words: string) => {
    const { status, stdout, stderr } = await node.guest.execute(`/host/ib-sriov doctor ${words}`);
    expect(stderr).toBe("");
    return { status, stdout };
  };

  test("that failed are the first section, from the log file and the journal, and are counted", async () => {
    await node.shell(`mkdir -p /var/log; ${configure(chain({ logFile: log }))}`);
    await node.add("a", config, { args });
    for (const container of ["c2", "c3"])
      await node.refused({ command: "ADD", container, netns: "b", config, args });
    const entry = {
      __REALTIME_TIMESTAMP: "1764281940000000",
      CNI_COMMAND: "DEL",
      CNI_CONTAINERID: "c9",
      CNI_ERROR: JSON.stringify({ code: 11, msg: "VF is busy" }),
    };
    // A virtual node has no systemd. The entry has the form that journalctl prints.
    await node.shell(`mkdir -p /usr/local/bin; printf '#!/bin/sh\\necho "$@" >/tmp/words; cat <<"END"\\n%s\\nEND\\n' ${quote(JSON.stringify(entry))} >/usr/local/bin/journalctl
      chmod +x /usr/local/bin/journalctl`);
    const { recentFailures } = JSON.parse((await doctor("-o json")).stdout);
    expect(recentFailures).toMatchObject({
      failures: [
        { command: "ADD", pod: "default/trainer", ifname: "net1", code: 101, times: 2, vf: vfs[1] },
        { command: "DEL", containerID: "c9", code: 11, msg: "VF is busy", times: 1 },
      ],
      sources: ["journal", log],
      unread: [],
    });
    expect(recentFailures.counted).toContainEqual({ command: "ADD", code: "101", times: 2 });
    expect(await node.shell("cat /tmp/words; rm /tmp/words /usr/local/bin/journalctl")).toMatch(
      /^--no-pager -q -t ib-sriov .* -p err --since=-1d$/m,
    );
    const { stdout } = await doctor("");
    expect(stdout).toMatch(
      /^Recent failures\n {2}ADD of default\/trainer net1 failed 2 times, .* code 101:\n {6}VF/,
    );
  });

  test("of one pod are reported with its attachments, VFs and problems, and no others", async () => {
    const { status, stdout } = await doctor("--pod default/trainer -o json");
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({
      schemaVersion: 1,
      pod: "default/trainer",
      attachments: [{ containerId: "c1", pci: vfs[1], condition: "attached", vf: { driver: "mlx5_core" } }],
      calls: [{ command: "ADD", error: { code: 101 } }, {}, { command: "ADD", containerID: "c1" }],
      sources: [log],
      unread: [expect.stringContaining("journalctl is not installed")],
    });
    expect(report.findings).toEqual([]);
    expect(status).toBe(1);
    // Another VF has the same problem as the pod's VF, and a third has no driver.
    await node.shell(`${guid(1, "02:00:00:00:00:00:00:77")}; ${guid(0, "02:00:00:00:00:00:00:77")}
      for vf in ${vfs[0]} ${vfs[1]}; do ${rebind("$vf")}; done
      for vf in ${vfs[1]} ${vfs[2]}; do echo $vf >/sys/bus/pci/drivers/mlx5_core/unbind; done`);
    const broken = await doctor("--pod default/trainer");
    expect(broken.stdout).toMatch(new RegExp(`Problems\nerror +VF +VF ${vfs[1]} without a driver`));
    expect(broken.stdout).not.toContain(vfs[2]);
    await node.del("a", config, { args });
    expect((await doctor("--pod default/trainer")).stdout).toMatch(/DEL net1 .*done/);
    const unknown = await doctor("--pod default/other");
    expect(unknown.status).toBe(1);
    expect(unknown.stdout).toContain("Pod default/other is not known here");
    expect((await node.guest.execute("/host/ib-sriov doctor --pod other")).status).toBe(2);
    await node.shell(`rm ${log}; ${configure(chain())}`);
    await runRemedies(node);
  });
});

test("--fix carries out the safe remedies, and leaves running pods; --dry-run prints the commands", async () => {
  const [held, orphaned, undriven, bare] = vfs;
  const running = network(held, { guid: "02:00:00:00:00:00:00:78" });
  await node.add("a", running);
  await node.shell("ip netns add gone");
  await node.add("gone", network(orphaned), { container: "c2" });
  const probe = () => node.shell(`stat -c %i /sys/bus/pci/devices/${held}/infiniband`);
  const before = await probe();
  await node.shell(`ip netns del gone
    echo 1 >/sys/module/vhca/parameters/no_netdev; ${rebind(bare)}; echo 0 >/sys/module/vhca/parameters/no_netdev
    ${guid(2, zero)}; echo ${undriven} >/sys/bus/pci/drivers/mlx5_core/unbind`);
  const doctor = (words: string) => node.guest.execute(`PATH=/host:$PATH; ib-sriov doctor ${words}`);
  const { status, stdout } = await doctor("--fix --dry-run");
  expect(status).toBe(0);
  expect(stdout).toBe(`ib-sriov gc\nib-sriov bind ${undriven} ${bare}\n`);
  expect(short((await examine(node)).findings)).toHaveLength(3);
  const fixed = await doctor("--fix");
  expect(fixed).toMatchObject({ status: 0, stderr: expect.not.stringContaining("ib-sriov: ") });
  // Only a VF with a driver reveals that it has no GUID.
  expect(fixed.stdout).toMatch(
    new RegExp(`^Remedies
  ib-sriov gc: done
      .*c2-net1: released
  ib-sriov bind ${undriven} ${bare}: done
      ${undriven}: bound mlx5_core
      ${bare}: bound mlx5_core
  ib-sriov provision ${undriven}: done
      ${undriven}: given [0-9a-f:]{23}

ok `),
  );
  expect(fixed.stdout).toMatch(/Pods can be attached: 0 errors, 0 warnings\n$/);
  expect(await probe()).toBe(before);
  expect((await doctor("--fix")).stdout).toMatch(/^There is nothing that can be fixed safely\.\n/);
  // The VF of a running pod stays as it is, even if it has no driver.
  await node.shell(`echo ${held} >/sys/bus/pci/drivers/mlx5_core/unbind`);
  const left = await doctor("--fix");
  expect(left.status).toBe(1);
  expect(left.stdout).toMatch(new RegExp(`error +VF +VF ${held} without a driver`));
  expect(await node.shell(`ls /sys/bus/pci/devices/${held}`)).not.toMatch(/^driver$/m);
  await node.del("a", running);
  await node.shell("rmmod ib_ipoib");
  const loaded = JSON.parse((await doctor("--fix -o json")).stdout);
  expect(loaded.fixes).toContainEqual({ command: "modprobe ib_ipoib", outcome: "done", results: [] });
  await runRemedies(node);
});

describe("networks", () => {
  test("one whose IPAM plugin is in the directory of the distribution", () =>
    defect("mv /opt/cni/bin/host-local /usr/lib/cni/", [
      ["network", "error", /mynet .*10-ib\.conflist.*"host-local"/],
    ]));

  test("that chains rdma-cni, is newer than its IPAM plugin, would be refused, or cannot be read", () => {
    const lists = {
      "20-chain.conflist": chain({}, { type: "rdma" }),
      "30-new.conflist": { ...chain(), cniVersion: "1.1.0" },
      "40-wrong.conf": { cniVersion: "1.0.0", name: "mynet", type: "ib-sriov", link_state: "up" },
    };
    const written = Object.entries(lists).map(
      ([file, list]) => `printf %s ${quote(JSON.stringify(list))} >/etc/cni/net.d/${file}`,
    );
    return defect(
      `${written.join("\n")}\necho '{"type": "ib-sriov",' >/etc/cni/net.d/50-half.conf`,
      [
        ["network", "error", /20-chain\.conflist\) chains rdma-cni/],
        ["network", "error", /30-new\.conflist\) has CNI 1\.1\.0, but .*host-local supports .*1\.0\.0/],
        ["network", "error", /40-wrong\.conf\): .*link_state/],
        ["network", "error", /50-half\.conf is not a JSON object/],
      ],
      "rm /etc/cni/net.d/[2345]0-*",
    );
  });
});

test("udev names RDMA devices after their HCA", () =>
  defect(
    `mkdir -p /run/udev; touch /run/udev/control
    echo 'ACTION=="add", SUBSYSTEM=="infiniband", PROGRAM="rdma_rename %k NAME_GUID"' \\
      >/etc/udev/rules.d/60-rdma-persistent-naming.rules`,
    [["udev", "warning", /NAME_GUID/]],
  ));

describe("the mode of RDMA devices", () => {
  test("is shared, and a network has rdmaIsolation", async () => {
    // The printed command works if no other network namespace exists; deleting them takes the kernel a moment.
    await node.shell(`ip -all netns delete
      until rdma system set netns exclusive 2>/dev/null; do sleep 0.02; done; rdma system set netns shared`);
    const all = await defect(configure(chain({ rdmaIsolation: true })), [
      ["RDMA", "error", /^mynet .*: rdmaIsolation is set, but RDMA devices are shared/],
      ["RDMA", "warning", /^shared, after a reboot shared/],
    ]);
    expect(all.length).toBeGreaterThanOrEqual(2);
    expect(await node.shell("rdma system")).toContain("netns exclusive");
    expect(await node.shell("cat /etc/modprobe.d/*")).toBe("options ib_core netns_mode=0\n");
    await defect("echo options ib_core netns_mode=0 netns_mode=1 >/etc/modprobe.d/zz.conf", [
      ["RDMA", "warning", /^exclusive, after a reboot shared \(.*zz\.conf\)/],
    ]);
  });

  test("is exclusive, and a network has no rdmaIsolation", () =>
    defect(
      configure(chain()),
      [["RDMA", "warning", /^mynet .*: rdmaIsolation is not set.*only IPoIB/]],
      "rm /etc/modprobe.d/*; rdma system set netns shared",
    ));

  test("is shared, and will be exclusive", () =>
    defect(
      "echo options ib_core netns_mode=1 netns_mode=0 >/etc/modprobe.d/rdma.conf",
      [["RDMA", "warning", /^shared, after a reboot exclusive.*rdma\.conf/]],
      "rm /etc/modprobe.d/*",
    ));
});

describe("without", () => {
  test("ib_ipoib", () => defect("rmmod ib_ipoib", [["kernel", "error", /ib_ipoib is not loaded/]]));

  test("a driver of the PF, and so VFs", async () => {
    const all = await defect(`echo ${pf} >/sys/bus/pci/drivers/mlx5_core/unbind`, [
      ["PF", "error", /^0000:01:00\.0 has no driver/],
    ]);
    expect(all.map(({ found }) => found)).toContainEqual(expect.stringMatching(/^0000:01:00\.0 has no VFs/));
  });
});
