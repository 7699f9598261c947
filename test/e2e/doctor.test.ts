// ib-sriov doctor: for a node in order it prints only "ok" lines. Each broken node is a row of doctor-rows.ts: how it is
// broken, what the doctor reports and must not report, and the remedy. The commands that the doctor prints below its
// findings fix the node exactly as they are printed.
import { beforeAll, describe, expect, test } from "vitest";
import { network } from "./harness/cni.ts";
import { compile } from "./harness/compile.ts";
import { examine, type Finding, problemsIn, runRemedies } from "./harness/doctor.ts";
import { chain, configure, pf, type Row, rebind, rows, setGuid } from "./harness/doctor-rows.ts";
import { quote } from "./harness/guest.ts";
import { testNode, vfs } from "./harness/node.ts";
import { withoutProgress } from "./harness/progress.ts";

const node = testNode({ iommu: true, files: [compile("test/e2e/guest/holder.c")] });

/** Brings the node from the state of guest/setup.sh to one without findings, by the commands that doctor prints. */
async function makeHealthy(): Promise<void> {
  await node.shell(`rm -rf /opt/cni/bin/ib-sriov /etc/udev /etc/modprobe.d /etc/cni
    mkdir -p /etc/cni/net.d /etc/modprobe.d /etc/udev/rules.d /usr/lib/cni
    ${configure(chain())}`);
  await runRemedies(node);
}

beforeAll(makeHealthy, 120_000);

/**
 * Breaks a node without problems, expects the findings of its row and no others, and fixes it.
 * @returns all problems until the node was fixed.
 */
async function checkRow({ script, finds, notes = [], remedy, not = [] }: Row): Promise<readonly Finding[]> {
  try {
    await node.shell(script);
    const { status, text, findings } = await examine(node);
    const problems = problemsIn(findings);
    expect(problems.map(({ id, level }) => `${level} ${id}`).sort()).toEqual(
      finds.map(([id, level]) => `${level} ${id}`).sort(),
    );
    for (const [id, level, text] of finds)
      expect(problems).toContainEqual(
        expect.objectContaining({ id, level, found: expect.stringMatching(text) }),
      );
    expect(status).toBe(finds.some(([, level]) => level === "error") ? 1 : 0);
    const others = findings.filter((each) => !problems.includes(each)).map(({ id }) => id);
    expect(others).toEqual(expect.arrayContaining([...notes]));
    for (const each of not) {
      if (typeof each === "string") expect(findings.map(({ id }) => id)).not.toContain(each);
      else expect(text).not.toMatch(each);
    }
    if (remedy !== undefined) {
      await node.shell(remedy);
      return await runRemedies(node);
    }
    expect(problems.filter(({ command }) => command === undefined)).toEqual([]);
    const all = await runRemedies(node, problems);
    if (problems.length > 0 && problems.every((each) => each.fix !== undefined)) await checkFix(script);
    return all;
  } catch (error) {
    await node.shell(`echo ${pf} >/sys/bus/pci/drivers_probe; umount /var/lib/cni 2>/dev/null || true`);
    await node.reset();
    await makeHealthy();
    throw error;
  }
}

/** Breaks the node again, and expects that `doctor --fix` fixes it. */
async function checkFix(script: string): Promise<void> {
  await node.shell(script);
  const { status, stdout } = await node.guest.execute("PATH=/host:$PATH; ib-sriov doctor --fix -o json");
  const { fixes, findings } = JSON.parse(stdout) as {
    fixes: readonly unknown[];
    findings: readonly Finding[];
  };
  expect(fixes.length).toBeGreaterThan(0);
  expect({ status, problems: problemsIn(findings) }).toEqual({ status: 0, problems: [] });
}

test("a healthy node has only ok lines", async () => {
  const { status, stdout } = await node.guest.execute("/host/ib-sriov doctor");
  expect(status).toBe(0);
  const lines = stdout.trimEnd().split("\n");
  expect(lines.at(-1)).toBe("Pods can be attached: 0 errors, 0 warnings");
  expect(lines.slice(0, -2).filter((line) => !/^(?:ok | {9})/.test(line))).toEqual([]);
  for (const subject of "kernel pf vf guid rdma-mode udev plugin network state records".split(" "))
    expect(stdout).toMatch(new RegExp(`^ok +${subject}-ok `, "m"));
});

test("the text fits into the columns of a terminal, except commands; -o name prints the IDs of problems", async () => {
  await node.shell(
    "ip link set ib0 vf 1 state disable; ip link set ib0 vf 2 node_guid 02:00:00:00:00:00:02:01",
  );
  const isCommand = (line: string) => /^ *(?:ip link|\/host\/ib-sriov) /.test(line);
  for (const columns of [40, 72, 100, 160]) {
    const { stdout } = await node.guest.execute(`COLUMNS=${columns} /host/ib-sriov doctor`);
    expect(stdout.split("\n").filter((line) => line.length > columns && !isCommand(line))).toEqual([]);
  }
  const names = (await node.guest.execute("/host/ib-sriov doctor -o name")).stdout;
  expect(names).toBe("vf-link-disabled\nguid-not-in-effect\n");
  await runRemedies(node);
});

test.each(rows)("$title", async (row) => {
  await checkRow(row);
  await node.shell("umount /var/lib/cni 2>/dev/null || true");
  if (row.after === undefined) return;
  await node.shell(row.after);
  expect(problemsIn((await examine(node)).findings)).toEqual([]);
});

test("no finding for a VF whose network disables the link", async () => {
  const config = network(vfs[1], { link_state: "disable" });
  await node.add("a", config);
  expect(problemsIn((await examine(node)).findings)).toEqual([]);
  await node.del("a", config);
});

test("an executable among other plugins examines its own directory", async () => {
  const directory = "/var/lib/rancher/k3s/data/cni";
  await node.shell(
    `mkdir -p ${directory}; mv /opt/cni/bin/host-local ${directory}; cp /host/ib-sriov ${directory}`,
  );
  const run = (program: string) => node.guest.execute(`${program} doctor -o name`);
  expect(await run(`${directory}/ib-sriov`)).toMatchObject({ status: 0, stdout: "" });
  expect(await run("/host/ib-sriov")).toMatchObject({ status: 1, stdout: "ipam-missing\n" });
  await node.shell(`mv ${directory}/host-local /opt/cni/bin; rm -r ${directory}`);
});

describe("recent calls", () => {
  const log = "/var/log/ib-sriov.log";
  const args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=trainer";
  const config = network(vfs[1], { logFile: log, link_state: "disable" });
  const doctor = async (words: string) => {
    const outcome = await node.guest.execute(`/host/ib-sriov doctor ${words}`);
    const { status, stdout, stderr } = withoutProgress(outcome);
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
    await node.shell(`${setGuid(1, "02:00:00:00:00:00:00:77")}; ${setGuid(0, "02:00:00:00:00:00:00:77")}
      for vf in ${vfs[0]} ${vfs[1]}; do ${rebind("$vf")}; done
      for vf in ${vfs[1]} ${vfs[2]}; do echo $vf >/sys/bus/pci/drivers/mlx5_core/unbind; done`);
    const broken = await doctor("--pod default/trainer");
    expect(broken.stdout).toMatch(new RegExp(`Problems\nerror +vf-no-driver +VF ${vfs[1]} has no driver`));
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
    ${setGuid(2, "00:00:00:00:00:00:00:00")}; echo ${undriven} >/sys/bus/pci/drivers/mlx5_core/unbind`);
  const doctor = async (words: string) =>
    withoutProgress(await node.guest.execute(`PATH=/host:$PATH; ib-sriov doctor ${words}`));
  const { status, stdout } = await doctor("--fix --dry-run");
  expect(status).toBe(0);
  expect(stdout).toBe(`ib-sriov gc\nib-sriov bind ${undriven} ${bare}\n`);
  expect(problemsIn((await examine(node)).findings)).toHaveLength(3);
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
  expect(left.stdout).toMatch(new RegExp(`error +vf-no-driver +VF ${held} has no driver, although`));
  expect(await node.shell(`ls /sys/bus/pci/devices/${held}`)).not.toMatch(/^driver$/m);
  await node.del("a", running);
  await node.shell("rmmod ib_ipoib");
  const loaded = JSON.parse((await doctor("--fix -o json")).stdout);
  expect(loaded.fixes).toContainEqual({ command: "modprobe ib_ipoib", outcome: "done", results: [] });
  await runRemedies(node);
});

describe("the mode of RDMA devices", () => {
  test("is shared, and a network has rdmaIsolation", async () => {
    // The printed command works if no other network namespace exists; deleting them takes the kernel a moment.
    await node.shell(`ip -all netns delete
      until rdma system set netns exclusive 2>/dev/null; do sleep 0.02; done; rdma system set netns shared`);
    const all = await checkRow({
      title: "",
      script: configure(chain({ rdmaIsolation: true })),
      finds: [
        ["rdma-mode-shared", "error", /^mynet .*: rdmaIsolation is set, but RDMA devices are shared/],
        ["rdma-mode-at-boot", "warning", /are shared, after a reboot shared/],
      ],
    });
    expect(all.length).toBeGreaterThanOrEqual(2);
    expect(await node.shell("rdma system")).toContain("netns exclusive");
    expect(await node.shell("cat /etc/modprobe.d/*")).toBe("options ib_core netns_mode=0\n");
    await checkRow({
      title: "",
      script: "printf 'options ib_core netns_mode=0 netns_mode=1\nalias a b' >/etc/modprobe.d/zz.conf",
      finds: [["rdma-mode-at-boot", "warning", /are exclusive, after a reboot shared \(.*zz\.conf\)/]],
    });
    expect(await node.shell("cat /etc/modprobe.d/zz.conf")).toMatch(/^alias a b$/m);
  });

  test("is exclusive, and networks have no rdmaIsolation, or chain rdma-cni", () =>
    checkRow({
      title: "",
      script: [
        configure(chain()),
        configure(chain({}, { type: "rdma" }), "20-chain.conflist"),
        configure(chain({ rdmaIsolation: true }, { type: "rdma" }), "30-chain.conflist"),
      ].join("\n"),
      finds: [
        ["rdma-mode-exclusive", "warning", /^mynet .*: rdmaIsolation is not set.*only IPoIB/],
        ["network-order", "warning", /20-chain\.conflist\) calls rdma after ib-sriov/],
        ["network-order", "warning", /30-chain\.conflist\) calls rdma after ib-sriov/],
        ["network-rdma-cni", "error", /20-chain\.conflist\) .*loses its interface, although ADD succeeds/],
        ["network-rdma-cni", "error", /30-chain\.conflist\) .*refuses every ADD, because rdmaIsolation/],
      ],
      remedy: "rm /etc/modprobe.d/* /etc/cni/net.d/[23]0-*; rdma system set netns shared",
    }));

  test("is shared, and will be exclusive", () =>
    checkRow({
      title: "",
      script: "echo options ib_core netns_mode=1 netns_mode=0 >/etc/modprobe.d/rdma.conf",
      finds: [["rdma-mode-at-boot", "warning", /are shared, after a reboot exclusive.*rdma\.conf/]],
      remedy: "rm /etc/modprobe.d/*",
    }));
});
