// `ib-sriov selftest`: each fault of the virtual HCA makes the check fail that is about it, and no other; the node is as
// before, also if the command is killed.
import { afterAll, describe, expect, test } from "vitest";
import { reportFigures } from "../support/figures.ts";
import { schemaErrors } from "../support/schemas.ts";
import { network } from "./harness/cni.ts";
import { compile } from "./harness/compile.ts";
import { plugin, testNode, vfs } from "./harness/node.ts";

const programs = ["tracer", "hold-lock"].map((name) => compile(`test/e2e/guest/${name}.c`));
const node = testNode({ pfs: 2, skipWaiting: true, files: programs });
const [vf, second, third, fresh] = vfs;
const parameters = "/sys/module/vhca/parameters";

/** A report, as far as the tests read it. */
interface Report {
  readonly result: "ok" | "failed";
  readonly checks: readonly {
    readonly check: string;
    readonly vf?: string;
    readonly result: "ok" | "failed" | "skipped";
    readonly detail: string;
  }[];
  readonly vfs: readonly {
    readonly pci: string;
    readonly guid: string;
    readonly port?: object;
    readonly timings: Record<string, number>;
  }[];
  readonly left: readonly string[];
}

/** Runs the command, and returns its report, which must match the schema. */
async function run(words = ""): Promise<Report> {
  const { status, stdout, stderr } = await node.guest.execute(`${plugin} selftest ${words} -o json`);
  if (stdout === "") throw new Error(stderr);
  const report = JSON.parse(stdout) as Report;
  expect(schemaErrors("selftest", report)).toEqual([]);
  expect(report.result).toBe(status === 0 ? "ok" : "failed");
  return report;
}

/** Returns the names of the checks with an outcome, without those of a second VF. */
const named = ({ checks }: Report, outcome: string) => [
  ...new Set(checks.filter(({ result }) => result === outcome).map(({ check }) => check)),
];
/** Runs the command where it must not begin. */
const refused = async (words = "") => {
  const { status, stdout, stderr } = await node.guest.execute(`${plugin} selftest ${words}`);
  expect(stdout).toBe("");
  return { status, stderr };
};

/** Returns the name of the RDMA device of a VF on the host. */
const rdmaDevice = async (pci: string) =>
  (await node.shell(`ls /sys/bus/pci/devices/${pci}/infiniband`)).trim();
/** Runs the command while another process holds a lock. */
const whileLocked = (file: string, words: readonly string[]) =>
  node.guest.execute(`mkfifo /tmp/held; /host/hold-lock ${file} 1000 >/tmp/held & read -r _ </tmp/held; rm /tmp/held
    ${plugin} selftest ${words.join(" ")}; status=$?; kill $!; exit $status`);

test("two free VFs pass all checks, and the report names what was measured", () =>
  node.unchanged(async () => {
    const report = await run();
    expect(report.checks.filter(({ result }) => result === "failed")).toEqual([]);
    expect(named(report, "skipped")).toEqual(["isolation", "rc-pingpong"]);
    expect(named(report, "ok")).toEqual([
      ...["status", "settings", "add", "link-policy", "rebind", "netdev", "guid", "pkey", "carrier", "mtu"],
      ...["ping", "check", "del", "restore", "gc"],
    ]);
    expect(report).toMatchObject({ result: "ok", left: [] });
    expect(report.vfs.map(({ pci }) => pci)).toEqual([vf, second]);
    for (const { port, timings } of report.vfs) {
      expect(port).toMatchObject({ state: "ACTIVE", subnetManagerLid: 1 });
      expect(Object.keys(timings)).toEqual(
        expect.arrayContaining(["add", "unbind", "bind", "carrier", "dad", "ping", "check", "del"]),
      );
    }
    // The node has no rdma-core, and the virtual HCA no verbs from user space.
    const reason = report.checks.find(({ check }) => check === "rc-pingpong")?.detail;
    expect(reason).toBe("ibv_rc_pingpong is not installed (rdma-core's ibverbs-utils)");
    await node.shell("[ ! -e /run/ib-sriov-selftest.log ]");
  }));

/** A fault: its value, the check that must fail, and more of the test. */
interface Fault {
  readonly value: string;
  /** The only check that fails; `undefined` if none does. */
  readonly fails: string | undefined;
  /** Whether the VFs cannot be put back while the fault lasts, so that `gc` has to do it. */
  readonly leaves?: true;
  /** A phase that must take at least so long, ms. */
  readonly takes?: readonly [phase: string, ms: number];
}

/** The faults of vhca/module/params.c. Those with an errno happen once: the other VF passes all checks. */
const faults: Readonly<Record<string, Fault>> = {
  fail_guid: { value: "5", fails: "guid" },
  fail_link: { value: "5", fails: "link-policy" },
  fail_probe: { value: "5", fails: "rebind" },
  fail_vfcfg: { value: "5", fails: "settings" },
  // The command creates no VFs.
  fail_sriov: { value: "5", fails: undefined },
  drop_guid: { value: "1", fails: "guid" },
  guid_busy: { value: "1", fails: "guid" },
  guid_late_ms: { value: "600000", fails: "guid" },
  guid_binds: { value: "3", fails: "guid" },
  no_netdev: { value: "1", fails: "netdev", leaves: true },
  late_ms: { value: "30000", fails: "netdev", leaves: true },
  sa_delay_ms: { value: "60000", fails: "carrier" },
  port_mtu: { value: "1024", fails: "mtu" },
  probe_delay_ms: { value: "2000", fails: undefined, takes: ["bind", 2000] },
  remove_delay_ms: { value: "2000", fails: undefined, takes: ["unbind", 2000] },
  ipoib_netns: { value: "1", fails: undefined },
};
/**
 * Parameters that do not inject faults, such as the number of ports (firmware.test.ts); and pkeys, which is tested below,
 * because its value is not a number.
 */
const others = ["devname", "disguise", "drvname", "pf_guid", "pkeys", "ports"];

test("the faults are those that the module has", async () => {
  const names = (await node.shell(`ls ${parameters}`)).trim().split("\n");
  const counts = names.filter((name) => name.startsWith("skip_"));
  expect([...Object.keys(faults), ...others, ...counts].sort()).toEqual(names.sort());
});

describe("a fault makes only the check fail that is about it:", () => {
  test.each(Object.entries(faults))("%s %j", (name, { value, fails, leaves, takes }) =>
    node.unchanged(async () => {
      const normal = (await node.shell(`cat ${parameters}/${name}`)).trim();
      await node.shell(`echo ${value} >${parameters}/${name}`);
      const report = await run().finally(() => node.shell(`echo ${normal} >${parameters}/${name}`));
      expect(named(report, "failed"), JSON.stringify(report.checks)).toEqual(
        fails === undefined ? [] : [fails],
      );
      expect(report.left.length > 0, report.left.join()).toBe(leaves === true);
      if (takes !== undefined)
        for (const { timings } of report.vfs) expect(timings[takes[0]]).toBeGreaterThanOrEqual(takes[1]);
      if (leaves) await node.shell(`${plugin} gc`);
      // The netdevs of a port that allows less lose their MTU, and have no IPv6 until they are made again.
      if (fails === "mtu") await node.reset();
    }),
  );

  test("an empty pkey table", async () => {
    await node.shell(`echo ${vf} 0 >${parameters}/pkeys`);
    const report = await run().finally(() => node.reset());
    expect(named(report, "failed")).toEqual(["pkey"]);
    expect(report.checks.find(({ check, vf: pci }) => check === "carrier" && pci === vf)).toMatchObject({
      result: "skipped",
      detail: "it needs the check pkey",
    });
  });
});

test("a setting that DEL refuses to restore makes the check of DEL fail; a second DEL restores it", () =>
  node.unchanged(async () => {
    // The first change of a link policy is that of ADD, the second that of DEL.
    await node.shell(`echo 1 >${parameters}/skip_link; echo 5 >${parameters}/fail_link`);
    const report = await run(vf);
    expect(named(report, "failed")).toEqual(["del"]);
    expect(named(report, "skipped")).toEqual(expect.arrayContaining(["restore", "gc"]));
    expect(report.left).toEqual([]);
  }));

test("a setting that no DEL restores makes the comparison fail, which names it", async () => {
  // The kernel makes a new netdev at each rebind, and no udev is running that would set this again.
  await node.shell(`echo 2 >/proc/sys/net/ipv4/conf/${await node.hostNetdev(vf)}/rp_filter`);
  const report = await run(vf);
  expect(named(report, "failed")).toEqual(["restore"]);
  expect(report.checks.find(({ check }) => check === "restore")?.detail).toBe(
    "ipv4/conf/rp_filter was 2, and is 0",
  );
  await node.reset();
  // Nor does the rollback of an ADD that fails after its rebind.
  await node.shell(`echo 2 >/proc/sys/net/ipv4/conf/${await node.hostNetdev(vf)}/rp_filter`);
  await node.shell(`echo 1 >${parameters}/drop_guid`);
  const failed = await run(vf).finally(() => node.shell(`echo 0 >${parameters}/drop_guid`));
  expect(named(failed, "failed")).toEqual(["guid"]);
  expect(failed.left).toEqual([`VF ${vf} is not as before: ipv4/conf/rp_filter was 2, and is 0`]);
  await node.reset();
});

describe("a node where nothing is free", () => {
  test("is refused, with the reason for each VF", async () => {
    await node.add("a", network(vf, { guid: "02:00:00:00:00:00:00:77" }));
    const uverbs = (await node.shell(`ls /sys/bus/pci/devices/${fresh}/infiniband_verbs`)).trim();
    await node.shell(`ip address add 192.0.2.9/24 dev ${await node.hostNetdev(second)}
      ip link add link ${await node.hostNetdev(third)} name child type ipoib pkey 0x8005
      sleep 1000 </dev/infiniband/${uverbs} >/dev/null 2>&1 &`);
    const { status, stderr } = await refused();
    expect(status).toBe(1);
    expect(stderr).toMatch(/^ib-sriov: choose VFs: no VF is free:\n/);
    expect(stderr).toMatch(new RegExp(`VF ${vf}: a container has it, or its record was left \\(attached\\)`));
    expect(stderr).toMatch(
      new RegExp(`VF ${second}: the host uses it: its netdev \\S+ has the address 192.0.2.9/24`),
    );
    expect(stderr).toMatch(
      new RegExp(`VF ${third}: the host uses it: its netdev \\S+ has the pkey children child`),
    );
    expect(stderr).toMatch(
      new RegExp(`VF ${fresh}: process \\d+ \\(.*\\) has /dev/infiniband/${uverbs} open`),
    );
    expect(await refused(fresh)).toMatchObject({ status: 1, stderr: expect.stringContaining(fresh) });
    await node.reset();
  });

  test("has VFs with other drivers, or with a call that works on them", async () => {
    const name = await node.hostNetdev(second);
    await node.shell(`echo ${vf} >/sys/bus/pci/drivers/mlx5_core/unbind
      mkdir -p /var/lib/cni/ib-sriov/.vf
      modprobe bonding max_bonds=0; ip link add rail type bond mode active-backup fail_over_mac active
      ip link set ${name} down; ip link set ${name} master rail; ip link set ${name} up`);
    const { status, stderr } = await whileLocked(`/var/lib/cni/ib-sriov/.vf/${third}`, [vf, second, third]);
    expect(status).toBe(1);
    expect(stderr).toContain(`VF ${vf}: it has no driver`);
    expect(stderr).toMatch(new RegExp(`VF ${second}: the host uses it: its netdev \\S+ is a port of rail`));
    expect(stderr).toMatch(new RegExp(`VF ${third}: .*is busy`));
    await node.shell("ip link del rail");
    await node.reset();
  });

  test("has no VF at all", async () => {
    await node.shell("echo 0 >/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs");
    expect(await refused()).toEqual({
      status: 1,
      stderr: "ib-sriov: choose VFs: this node has no InfiniBand VF; see docs/how-to/hardware.md\n",
    });
    await node.reset();
  });

  test("has another selftest, or the argument is not a VF", () =>
    node.unchanged(async () => {
      expect(await whileLocked("/run/ib-sriov-selftest.log", [])).toEqual({
        status: 1,
        stdout: "",
        stderr: "ib-sriov: another selftest is running (/run/ib-sriov-selftest.log is locked)\n",
      });
      await node.shell("rm /run/ib-sriov-selftest.log");
      expect(await refused("0000:01:00.0")).toMatchObject({ status: 2 });
      expect(await refused("--kill many")).toMatchObject({ status: 2 });
      expect(await refused("--timeout 0.5")).toMatchObject({ status: 2 });
    }));
});

test("the VF of a container is not used, also with --parallel", () =>
  node.unchanged(async () => {
    const config = network(vf, { guid: "02:00:00:00:00:00:00:77", link_state: "enable" });
    await node.add("a", config);
    const attached = await node.snapshot();
    const report = await run("--parallel");
    expect(report.vfs.map(({ pci }) => pci)).toEqual([second, third, fresh]);
    expect(named(report, "failed")).toEqual([]);
    await node.expectSnapshot(attached);
    await node.del("a", config);
  }));

test("one free VF is tested, and the checks that need another are skipped", () =>
  node.unchanged(async () => {
    const report = await run(fresh);
    expect(named(report, "failed")).toEqual([]);
    expect(named(report, "skipped")).toEqual(["isolation", "ping", "rc-pingpong"]);
  }));

test("the VFs of two PFs, which can be in two fabrics, do not ping each other", () =>
  node.unchanged(async () => {
    await node.shell("echo 1 >/sys/bus/pci/devices/0000:02:00.0/sriov_numvfs");
    const report = await run(`${fresh} 0000:02:10.0`);
    await node.shell("echo 0 >/sys/bus/pci/devices/0000:02:00.0/sriov_numvfs");
    expect(named(report, "failed")).toEqual([]);
    expect(report.checks.filter(({ check }) => check === "ping")).toMatchObject([
      { vf: fresh, result: "skipped" },
      { vf: "0000:02:10.0", result: "skipped" },
    ]);
  }));

test("--parallel tests all free VFs at once, --kill kills ADD and DEL, --redact leaves out GUIDs", () =>
  node.unchanged(async () => {
    const report = await run("--parallel --kill 6 --redact");
    expect(report.checks.filter(({ result }) => result === "failed")).toEqual([]);
    expect(report.vfs.map(({ pci }) => pci)).toEqual(vfs);
    expect(report.checks.find(({ check }) => check === "kill")).toMatchObject({
      result: "ok",
      detail: "6 ADDs and 6 DELs were killed",
    });
    const text = JSON.stringify(report);
    expect(text).toContain("(redacted)");
    expect(text).not.toMatch(/([0-9a-f]{2}:){7}[0-9a-f]{2}|fe80:/);
  }));

test.each([
  ["succeeds", "exit 0", "ok", "100 messages"],
  ["fails", "echo no device >&2; exit 1", "failed", "no device"],
])("ibv_rc_pingpong that %s", (_, script, result, detail) =>
  node.unchanged(async () => {
    await node.shell(`mkdir -p /tmp/bin; printf '#!/bin/sh\\necho "$@" >>/tmp/pingpong\\n%s\\n' '${script}' >/tmp/bin/ibv_rc_pingpong
      chmod +x /tmp/bin/ibv_rc_pingpong; rm -f /tmp/pingpong`);
    const { stdout } = await node.guest.execute(`PATH=/tmp/bin:$PATH ${plugin} selftest -o json`);
    const { checks } = JSON.parse(stdout) as Report;
    expect(checks.find(({ check }) => check === "rc-pingpong")).toMatchObject({
      result,
      detail: expect.stringContaining(detail),
    });
    const calls = await node.shell("cat /tmp/pingpong; rm -r /tmp/bin");
    expect(calls).toMatch(new RegExp(`^-d ${await rdmaDevice(second)} -g 0 -n 100$`, "m"));
    expect(calls).toMatch(new RegExp(`^-d ${await rdmaDevice(vf)} -g 0 -n 100 fe80::\\S+%net1$`, "m"));
  }),
);

/** Distance of the calls at which the command is killed, in calls that can change something. */
const stride = 29;
let kills = 0;
afterAll(() => reportFigures("e2e-selftest", { "selftests killed in the virtual node": kills }));

test(
  "killed at any moment, it leaves what the next selftest, or gc, restores",
  () =>
    node.unchanged(async () => {
      const before = await node.snapshot();
      let isKilled = true;
      for (let call = 1; isKilled; call += stride) {
        const { status, stderr } = await node.guest.execute(
          `/host/tracer -e ${call} /tmp/killed-at ${plugin} selftest ${vf} ${second}`,
        );
        expect([0, 137], `killed at call ${call}\n${stderr}`).toContain(status);
        isKilled = status === 137;
        // A call of the plugin that the command has started continues.
        await node.until("! pidof ib-sriov");
        if (kills++ % 2 === 0) await node.shell(`${plugin} gc`);
        else expect((await run(`${vf} ${second}`)).result).toBe("ok");
        await node.expectSnapshot(before);
      }
      expect(kills).toBeGreaterThan(5);
    }),
  900_000,
);

test("after a signal it restores everything before it ends", () =>
  node.unchanged(async () => {
    for (const call of [40, 90, 140, 190]) {
      const { status, stderr } = await node.guest.execute(
        `/host/tracer -t ${call} /tmp/ended-at ${plugin} selftest`,
      );
      expect(status).toBe(1);
      expect(stderr).toMatch(/SIGTERM|signal/);
      await node.shell("! pidof ib-sriov; [ ! -e /run/ib-sriov-selftest.log ]");
    }
  }));

describe("in exclusive mode", () => {
  test("the container has its RDMA device alone", async () => {
    await node.makeRdmaExclusive();
    await node.unchanged(async () => {
      const detail = await rdmaDevice(vf);
      const report = await run();
      expect(report.checks.filter(({ result }) => result === "failed")).toEqual([]);
      expect(report.checks.find(({ check }) => check === "isolation")).toMatchObject({
        result: "ok",
        detail,
      });
    });
  });

  test("no_netdev makes only the check of the netdev fail", () =>
    node.unchanged(async () => {
      await node.shell(`echo 1 >${parameters}/no_netdev`);
      const report = await run(vf).finally(() => node.shell(`echo 0 >${parameters}/no_netdev`));
      expect(named(report, "failed")).toEqual(["netdev"]);
      await node.shell(`${plugin} gc`);
    }));
});
