// The commands for operators: attachments, gc, and the progress that they print.
import { describe, expect, test } from "vitest";
import { hostLocal, network } from "./harness/cni.ts";
import { compile } from "./harness/compile.ts";
import { plugin, testNode, vfs } from "./harness/node.ts";
import { withoutProgress } from "./harness/progress.ts";

const node = testNode({ files: [compile("test/e2e/guest/hold-lock.c")] });
const [vf, second] = vfs;
const guid = "02:00:00:00:00:00:00:77";
const config = network(vf, { guid, link_state: "enable", ipam: hostLocal(["10.1.0.0/24"]) });
const args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=trainer";
const record = "/var/lib/cni/ib-sriov/c1-net1";
const lockFile = `/var/lib/cni/ib-sriov/.vf/${vf}`;

const operate = async (words: string) => withoutProgress(await node.guest.execute(`${plugin} ${words}`));
const operated = async (words: string) => {
  const { status, stdout, stderr } = await operate(words);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout;
};
const json = async (words: string) => JSON.parse(await operated(`${words} -o json`));
const released = `VF ${vf} of container c1, interface net1, is released.\n`;

test("a record with a path that no namespace can have hides no other, is named, and gc removes it", () =>
  node.unchanged(async () => {
    await node.add("a", config);
    await node.shell("ln -s circle /run/circle");
    const paths = { c7: "/run/circle", c8: `/run/${"long/".repeat(900)}`, c9: "/run/\\u0000" };
    for (const [id, path] of Object.entries(paths))
      await node.shell(
        `sed 's#"c1"#"${id}"#; s#"/run/netns/a"#"${path.replaceAll("\\", "\\\\")}"#' ${record} >/var/lib/cni/ib-sriov/${id}-net1`,
      );
    const shown = (await json("attachments")).attachments as { containerId: string; condition: string }[];
    expect(shown.map(({ containerId, condition }) => [containerId, condition])).toEqual([
      ["c1", "attached"],
      ...Object.keys(paths).map((id) => [id, "orphaned"]),
    ]);
    expect(await operated("list")).toContain("c1");
    expect(await operated("metrics")).toContain('condition="orphaned"} 3');
    expect((await json(`provision ${second}`)).vfs).toMatchObject([{ pci: second, outcome: "kept" }]);
    const gc = await operate("gc -o name");
    expect([gc.status, gc.stdout]).toEqual([0, "c7/net1\nc8/net1\nc9/net1\n"]);
    await node.del("a", config);
    // A runtime that passes such a path, and has nothing to detach.
    await node.del("/run/circle", config);
    // `provision` has noted the GUID of the PF.
    await node.shell("rm -r /run/circle /var/lib/cni/ib-sriov/.pf");
  }));

describe("attachments", () => {
  test("show lists all; release refuses a running container, and --force takes its VF", () =>
    node.unchanged(async () => {
      expect(await operated("attachments show")).toBe("Nothing is attached.\n");
      await node.add("a", config, { args });
      expect(await operated("attachments show --no-headers")).toMatch(
        new RegExp(`^c1 +net1 +default/trainer +mynet +${vf} .* attached\n$`),
      );
      const refused = await operate("attachments release c1 net1");
      expect(refused).toMatchObject({ status: 1, stdout: "" });
      expect(refused.stderr).toMatch(
        /container c1 of pod default\/trainer seems to be running: .*\/run\/netns\/a exists.*--force/,
      );
      expect((await json("attachments")).attachments).toMatchObject([
        { containerId: "c1", condition: "attached" },
      ]);
      expect(await operated("attachments release c1 net1 --force")).toBe(
        `VF ${vf} of default/trainer (container c1), interface net1, is released.\n`,
      );
    }));

  test("are named by the beginning of an ID, by the pod, or as -o name prints them", () =>
    node.unchanged(async () => {
      const other = network(second);
      const id = "4f2c0199";
      const attach = async () => {
        await node.add("a", config, { args, container: id });
        await node.add("b", other, { container: "4f2d" });
      };
      await attach();
      const shown = async (name: string) => (await operated(`attachments show ${name} -o name`)).split("\n");
      expect(await shown("4f2")).toEqual([`${id}/net1`, "4f2d/net1", ""]);
      expect(await shown("default/trainer")).toEqual([`${id}/net1`, ""]);
      expect(await operate("attachments show c9")).toEqual({
        status: 1,
        stdout: "",
        stderr: "ib-sriov: container c9 has no attachment\n",
      });
      expect(await operate("attachments release 4f2 --force")).toEqual({
        status: 1,
        stdout: "",
        stderr: `ib-sriov: 4f2 means 2 attachments; name a single one:\n  ${id}/net1 (default/trainer)\n  4f2d/net1\n`,
      });
      expect(await operated("attachments release 4f2d --force")).toMatch(
        / of container 4f2d, .* is released/,
      );
      for (const name of ["4f2c", "default/trainer", "default/trainer net1", `${id}/net1`]) {
        expect(await operated(`attachments release ${name} --force -o name`)).toBe(`${id}/net1\n`);
        await node.add("a", config, { args, container: id });
      }
      expect(await json(`attachments release ${id} --force`)).toEqual({
        schemaVersion: 1,
        containerId: id,
        ifname: "net1",
        pod: "default/trainer",
        pci: vf,
        path: `/var/lib/cni/ib-sriov/${id}-net1`,
        outcome: "released",
      });
    }));

  test.each([
    ["keeps its GUID", network(vf)],
    ["had another GUID", config],
  ])(
    "--force returns a VF that %s from the namespace to which its container has moved the netdev",
    (_, each) =>
      node.unchanged(async () => {
        await node.add("a", each);
        await node.shell("ip -n a link set net1 netns b name away");
        expect((await operate("attachments release c1 net1")).stderr).toContain("--force");
        expect(await operated("attachments release c1 net1 --force")).toBe(released);
        expect(await node.shell("ip -n b -br link")).not.toContain("away");
      }),
  );

  test("release of an attachment that does not exist fails", async () => {
    expect(await operate("attachments release c1 net1")).toMatchObject({
      status: 1,
      stderr: "ib-sriov: container c1 has no attachment net1\n",
    });
  });

  describe("without a readable record and without a lock file", () => {
    const damage = `sed -i 's/"vf":{/"vf":[],"was":{/' ${record}; rm ${lockFile}`;

    test.each([
      ["the container", "c1"],
      ["the path of the record", record],
    ])("are released by %s: the VF that the record contains is on the host again", async (_, name) => {
      await node.add("a", network(vf));
      await node.shell(damage);
      expect((await json("attachments")).attachments).toMatchObject([{ condition: "unreadable", pci: vf }]);
      expect(await operate(`attachments release ${name}`)).toMatchObject({
        status: 1,
        stderr: expect.stringMatching(/may be running, since the record .* cannot be read: .*--force/),
      });
      const { status, stderr } = await operate(`attachments release ${name} --force`);
      expect({ status, stderr }).toEqual({
        status: 0,
        stderr: expect.stringMatching(/does not name container c1: the GUIDs of the VF stay as they are\n$/),
      });
      await node.shell(`! [ -e ${record} ]; [ -e /sys/bus/pci/devices/${vf}/net/* ]`);
      expect(await node.hostNetdev(vf)).not.toBe("");
      await node.add("b", network(vf), { container: "c2" });
      await node.del("b", network(vf), { container: "c2" });
      await node.reset();
    });

    test("are released by the path of an empty record, which is all that is known", async () => {
      await node.add("a", network(vf));
      await node.shell(`: >${record}; rm ${lockFile}`);
      expect(await operated("attachments -o name")).toBe(`${record}\n`);
      expect(await operate(`attachments release ${record} --force`)).toMatchObject({
        status: 0,
        stdout: `The record ${record} is removed.\n`,
        stderr: expect.stringMatching(/neither the record .* nor a lock file names the VF/),
      });
      expect(await operated("attachments")).toBe("Nothing is attached.\n");
      await node.reset();
    });
  });
});

test("release does not follow a link out of the state directory, even with --force", () =>
  node.unchanged(async () => {
    await node.shell(`mkdir -p /tmp/away/c1 /var/lib/cni/ib-sriov; echo kept >/tmp/away/c1/net1
      ln -s /tmp/away /var/lib/cni/ib-sriov/.x`);
    const path = "/var/lib/cni/ib-sriov/.x/c1/net1";
    expect(await operated("attachments -o name")).toBe(`${path}\n`);
    expect(await operate(`attachments release ${path} --force`)).toMatchObject({
      status: 1,
      stdout: "",
      stderr: expect.stringMatching(/cannot remove the record .*symbolic link, which is not followed/),
    });
    expect(await node.shell("cat /tmp/away/c1/net1")).toBe("kept\n");
    await node.shell("rm -r /tmp/away /var/lib/cni/ib-sriov/.x");
  }));

describe("gc", () => {
  const left = (container: string, pci: string, netns: string) => ({
    containerId: container,
    ifname: "net1",
    pci,
    outcome: "left",
    why: `its namespace /run/netns/${netns} exists`,
    path: `/var/lib/cni/ib-sriov/${container}-net1`,
  });

  test("undoes the attachment of a pod that is gone, and keeps that of a running pod", () =>
    node.unchanged(async () => {
      expect(await operated("gc")).toBe("Nothing to release: nothing is attached.\n");
      await node.shell("ip netns add gone");
      await node.add("gone", config, { args });
      const running = network(second, {});
      await node.add("a", running, { container: "c2" });
      expect((await json("gc")).outcomes).toEqual([
        { pod: "default/trainer", ...left("c1", vf, "gone") },
        left("c2", second, "a"),
      ]);
      expect((await operated("gc")).split("\n").at(-2)).toBe(
        "Nothing to release: 2 attachments of running containers.",
      );
      expect(await operated("gc -o name")).toBe("");
      expect(await operated("gc -o yaml")).toMatch(
        /^schemaVersion: 1\noutcomes:\n- pod: default\/trainer\n {2}containerId: c1\n {2}ifname: net1\n/,
      );
      expect(await operated("gc --no-headers")).toMatch(/^default\/trainer .*\n- +c2 .*\n$/);
      await node.shell("ip netns del gone");
      expect(await operated("gc --dry-run -o wide")).toMatch(
        new RegExp(`^default/trainer +c1 +net1 +${vf} +would be released +- +${record}$`, "m"),
      );
      expect((await json("attachments show")).attachments).toMatchObject([
        { condition: "orphaned" },
        { condition: "attached" },
      ]);
      expect(await operated("gc -o name")).toBe("c1/net1\n");
      await node.del("a", running, { container: "c2" });
    }));

  // An open namespace takes two descriptors, and would keep the VF of a container that ends.
  test("and attachments show examine many running containers with few descriptors", () =>
    node.unchanged(async () => {
      await node.add("a", config);
      await node.shell(
        `for i in $(seq 40); do sed 's/"c1"/"more'$i'"/g' ${record} >${record.replace("c1", "more$i")}; done`,
      );
      const limited = (words: string) =>
        node.shell(`(ulimit -n 24; ${plugin} ${words}) >/tmp/examined; wc -l </tmp/examined`);
      expect(await limited("attachments show --no-headers")).toBe("41\n");
      expect(await limited("gc --no-headers")).toBe("41\n");
      // It examines the namespace of each running container.
      const report = await node.shell(`(ulimit -n 24; ${plugin} doctor || true) 2>&1`);
      expect(report).not.toContain("No file descriptors available");
      expect(report).toMatch(/ can be attached/);
      await node.shell(`rm ${record.replace("c1", "more*")}`);
      await node.del("a", config);
    }));

  test("reports an attachment that it cannot undo, and fails", () =>
    node.unchanged(async () => {
      await node.shell("ip netns add gone");
      await node.add("gone", config);
      await node.shell("ip netns del gone; mv /opt/cni/bin/host-local /opt/cni/bin/hidden");
      const { status, stdout } = await operate("gc");
      expect(status).toBe(1);
      expect(stdout).toMatch(new RegExp(`c1 +net1 +${vf} +failed +.*host-local`));
      expect(stdout).not.toContain("Nothing to release");
      await node.shell("mv /opt/cni/bin/hidden /opt/cni/bin/host-local");
      await operated("gc");
    }));
});

describe("progress", () => {
  const hold = (seconds: number) =>
    node.shell(
      `mkfifo /tmp/held; /host/hold-lock ${lockFile} ${seconds} >/tmp/held & read -r _ </tmp/held; rm /tmp/held`,
    );
  const delayProbes = (ms: number) => node.shell(`echo ${ms} >/sys/module/vhca/parameters/probe_delay_ms`);

  test("a command that waits for a VF names its holder on stderr, and prints its result on stdout", () =>
    node.unchanged(async () => {
      await node.add("a", config);
      await hold(4);
      const { status, stdout, stderr } = await node.guest.execute(
        `${plugin} attachments release c1 --force -o name`,
      );
      expect({ status, stdout }).toEqual({ status: 0, stdout: "c1/net1\n" });
      expect(stderr).toMatch(
        new RegExp(`^ib-sriov: waiting for VF ${vf}, held by process \\d+ \\(ADD of container c1\\)$`, "m"),
      );
    }));

  test("a rebind that takes long is announced once, while it happens", () =>
    node.unchanged(async () => {
      await node.shell("ip netns add gone");
      await node.add("gone", config);
      await node.shell("ip netns del gone");
      await delayProbes(3000);
      const { status, stdout, stderr } = await node.guest.execute(`${plugin} gc -o json`);
      await delayProbes(0);
      expect(status).toBe(0);
      expect(JSON.parse(stdout).outcomes).toMatchObject([{ outcome: "released" }]);
      expect(stderr.match(new RegExp(`^ib-sriov: rebinding VF ${vf} to mlx5_core$`, "gm"))).toHaveLength(1);
    }));

  test("is printed by provision, too, and a killed command leaves no process", async () => {
    await delayProbes(4000);
    await node.shell(`${plugin} provision >/tmp/out 2>/tmp/progress & pid=$!
      until grep -q 'rebinding VF ${vfs[3]}' /tmp/progress; do sleep 0.1; done
      kill -KILL $pid; wait $pid || true; [ ! -s /tmp/out ]`);
    await delayProbes(0);
    // The child that binds the driver continues until the kernel has done so.
    await node.until("! pidof ib-sriov");
    await node.reset();
  });
});
