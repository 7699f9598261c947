// ib-sriov doctor: for a node in order it prints only "ok" lines. Each broken node is a row of doctor-rows.ts: how it is
// broken, what the doctor reports and must not report, and the remedy. The commands that the doctor prints below its
// findings fix the node exactly as they are printed.
import { beforeAll, describe, expect, test } from "vitest";
import { network } from "./cni.ts";
import { examine, type Finding, problemsIn, runRemedies } from "./doctor.ts";
import { chain, configure, pf, type Row, rows } from "./doctor-rows.ts";
import { testNode, vfs } from "./node.ts";

const node = testNode();

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
    return await runRemedies(node, problems);
  } catch (error) {
    await node.shell(`echo ${pf} >/sys/bus/pci/drivers_probe; umount /var/lib/cni 2>/dev/null || true`);
    await node.reset();
    await makeHealthy();
    throw error;
  }
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

test.each([40, 72, 100, 160])(
  "the text fits into %i columns, and names what -o name prints",
  async (columns) => {
    const guid = `02:00:00:00:00:00:01:${(columns % 90) + 10}`;
    await node.shell(`ip link set ib0 vf 1 state disable; ip link set ib0 vf 2 node_guid ${guid}`);
    const { stdout } = await node.guest.execute(`COLUMNS=${columns} /host/ib-sriov doctor`);
    const isCommand = (line: string) => /^ *(?:ip link|\/host\/ib-sriov) /.test(line);
    expect(stdout.split("\n").filter((line) => line.length > columns && !isCommand(line))).toEqual([]);
    const names = (await node.guest.execute("/host/ib-sriov doctor -o name")).stdout;
    expect(names).toBe("vf-link-disabled\nguid-pending\n");
    await runRemedies(node);
  },
);

test.each(rows)("$title", async (row) => {
  await checkRow(row);
  await node.shell("umount /var/lib/cni 2>/dev/null || true");
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
      script: "echo options ib_core netns_mode=0 netns_mode=1 >/etc/modprobe.d/zz.conf",
      finds: [["rdma-mode-at-boot", "warning", /are exclusive, after a reboot shared \(.*zz\.conf\)/]],
    });
  });

  test("is exclusive, and a network has no rdmaIsolation", () =>
    checkRow({
      title: "",
      script: configure(chain()),
      finds: [["rdma-mode-exclusive", "warning", /^mynet .*: rdmaIsolation is not set.*only IPoIB/]],
      remedy: "rm /etc/modprobe.d/*; rdma system set netns shared",
    }));

  test("is shared, and will be exclusive", () =>
    checkRow({
      title: "",
      script: "echo options ib_core netns_mode=1 netns_mode=0 >/etc/modprobe.d/rdma.conf",
      finds: [["rdma-mode-at-boot", "warning", /are shared, after a reboot exclusive.*rdma\.conf/]],
      remedy: "rm /etc/modprobe.d/*",
    }));
});
