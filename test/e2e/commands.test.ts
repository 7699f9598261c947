// The commands for operators: list, provision, bind; administration.test.ts has others.
import { afterEach, describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { schemaErrors } from "../support/schemas.ts";
import { hostLocal, network } from "./harness/cni.ts";
import { terminal, testOutputOfEveryCommand } from "./harness/every-command.ts";
import { plugin, testNode, vfs } from "./harness/node.ts";
import { withoutProgress } from "./harness/progress.ts";

const node = testNode({ iommu: true, gpus: true, files: [terminal] });
const [vf, second, , fresh] = vfs;
const guid = "02:00:00:00:00:00:00:77";
const config = network(vf, { guid, link_state: "enable", ipam: hostLocal(["10.1.0.0/24"]) });
const args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=trainer";

const operate = async (words: string) => withoutProgress(await node.guest.execute(`${plugin} ${words}`));
const operated = async (words: string) => {
  const { status, stdout, stderr } = await operate(words);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout;
};
/** Returns the JSON output of a command, which must have the structure of its schema. */
const json = async (words: string) => {
  const document = JSON.parse(await operated(`${words} -o json`));
  // Without the options and addresses of VFs.
  expect(schemaErrors(words.replace(/ (-|[0-9a-f:.]+$).*/, ""), document)).toEqual([]);
  return document;
};
/** Returns the inode of a VF's RDMA devices in sysfs, which changes with each probe of the driver. */
const probe = (pci: string) => node.shell(`stat -c %i /sys/bus/pci/devices/${pci}/infiniband`);

test("list shows PFs and VFs, and the owners of VFs", () =>
  node.unchanged(async () => {
    await node.add("a", config, { args });
    const rows = (await operated("list")).split("\n").map((line) => line.split(/ {2,}/));
    expect(rows.slice(0, 2)).toEqual([
      ["PF", "DRIVER", "NETDEV", "RDMA", "GUID", "PORTS", "VFS"],
      [
        "0000:01:00.0",
        "mlx5_core",
        "ib0",
        "mlx5_0",
        expect.stringMatching(/^[0-9a-f:]{23}$/),
        "ACTIVE",
        "4 of 8",
      ],
    ]);
    const row = (pci: string) => rows.find(([first]) => first === pci) ?? [];
    expect(row(vf).slice(1)).toEqual([
      ...["0", "mlx5_core", "-", "mlx5_1", "uverbs1,umad1", guid, "enable", "ACTIVE"],
      expect.stringMatching(/^default\/trainer \(c1\) net1, since 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    ]);
    expect(row(second).slice(2)).toEqual([
      ...[
        "mlx5_core",
        "ibp1s0f0v1",
        "mlx5_2",
        "uverbs2,umad2",
        "0a:00:00:00:00:00:01:02",
        "enable",
        "ACTIVE",
        "-",
      ],
    ]);
    const { pfs } = await json("list");
    expect(pfs[0].vfs[0]).toMatchObject({
      pci: vf,
      portGuid: guid,
      attachment: { containerId: "c1", pod: "default/trainer" },
    });
    expect(pfs[0].vfs[1]).toMatchObject({ netdev: "ibp1s0f0v1", mtu: 1800, linkState: "enable" });
    await node.del("a", config);
  }));

test("list --topology shows PF, VFs, pod, and the distance to GPUs", () =>
  node.unchanged(async () => {
    await node.add("a", config, { args });
    const tree = await node.shell(`LANG=C.UTF-8 ${plugin} list --topology`);
    const [before = "", legend = ""] = tree.split("\n\n");
    expect(before.split("\n")).toEqual([
      "PF 0000:01:00.0  ib0  mlx5_0",
      "├─ GPU 0000:02:00.0  PHB",
      "├─ GPU 0000:81:00.0  NODE",
      `├─ VF ${vf}  -           mlx5_1`,
      expect.stringMatching(/^│ {2}└─ default\/trainer \(c1\) net1, since /),
      `├─ VF ${second}  ibp1s0f0v1  mlx5_2`,
      `├─ VF ${vfs[2]}  ibp1s0f0v2  mlx5_3`,
      `└─ VF ${fresh}  ib4         mlx5_4`,
    ]);
    expect(legend).toMatch(/^Between PF and GPU:\nPIX .*\nPXB .*\nPHB .*\nNODE .*\nSYS .*\n$/);
    expect((await operated("list --topology --no-headers")).trimEnd()).not.toContain("Between");
    const { pfs } = await json("list");
    expect(pfs[0].gpus).toEqual([
      { pci: "0000:02:00.0", distance: "PHB" },
      { pci: "0000:81:00.0", distance: "NODE" },
    ]);
    await node.del("a", config);
  }));

describe("list --watch", () => {
  /** Starts it; its output is in /tmp/FORMAT. */
  const watch = (format: string) =>
    node.shell(`${plugin} list --watch -o ${format} >/tmp/${format} 2>&1 & echo $! >/tmp/${format}.pid`);
  /** Ends it with a signal, and returns its output. */
  const ended = (format: string) =>
    node.shell(`kill -TERM $(cat /tmp/${format}.pid)
      while [ -d /proc/$(cat /tmp/${format}.pid) ]; do sleep 0.02; done; cat /tmp/${format}`);
  const has = (format: string, pattern: string) => node.until(`grep -q '${pattern}' /tmp/${format}`);

  // This also ends commands that a failed test has left.
  afterEach(() => node.reset());

  test("prints the VF that a pod gets, gives back, and that is destroyed and created", async () => {
    for (const format of ["table", "json", "yaml", "name"]) await watch(format);
    await has("table", fresh);
    const first = (await node.shell("cat /tmp/table")).trimEnd().split("\n");
    await node.add("a", config, { args });
    await has("table", `${vf} .*  default/trainer (c1) net1`);
    await node.del("a", config);
    await node.until(`grep '${vf} ' /tmp/table | tail -n 1 | grep -q -- '-$'`);
    await node.shell("echo 0 >/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs");
    await has("table", `${fresh} .* removed`);
    await node.shell("echo 2 >/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs");
    await has("table", " 2 of 8");
    // The last document has VF 1, and not VF 2.
    for (const [format, index] of [
      ["json", '"index": '],
      ["yaml", "index: "],
    ])
      await node.until(`[ $(grep -c '${index}1' /tmp/${format}) -gt $(grep -c '${index}2' /tmp/${format}) ]`);
    await node.until(`[ $(grep -c '${second}' /tmp/name) -ge 3 ]`);
    const table = await ended("table");
    const changes = table
      .trimEnd()
      .split("\n")
      .slice(first.length)
      .map((line) => line.split(/ {2,}/));
    // The states between are seen only on a busy machine.
    const of = (pci: string) =>
      changes
        .filter(([name]) => name === pci)
        .map((row) => row.at(-1)?.replace(/, since .*/, "") ?? "")
        .filter((attached) => !attached.startsWith("in progress"))
        // At first, no pod has a VF.
        .filter((attached, i, all) => attached !== (all[i - 1] ?? "-"));
    expect(of(vf)).toEqual(["default/trainer (c1) net1", "-", "removed", "-"]);
    expect(of(second)).toEqual(["removed", "-"]);
    expect(of(fresh)).toEqual(["removed"]);
    expect(of("0000:01:00.0").slice(-1)).toEqual(["2 of 8"]);

    const documents = (await ended("json")).split(/^(?=\{)/m).map((text) => JSON.parse(text));
    expect(documents.flatMap((document) => schemaErrors("list", document))).toEqual([]);
    expect(documents.some(({ pfs }) => pfs[0].vfs[0]?.attachment?.pod === "default/trainer")).toBe(true);
    expect(documents.at(-1).pfs[0].vfs).toHaveLength(2);
    const parsed = parseAllDocuments(await ended("yaml")).map((document) => document.toJS());
    expect(parsed.flatMap((document) => schemaErrors("list", document))).toEqual([]);
    expect(parsed.at(-1).pfs[0].vfs).toHaveLength(2);
    expect(await ended("name")).toMatch(/^([0-9a-f:.]+\n)+$/);
  });
});

describe("provision", () => {
  test("assigns GUIDs to free VFs once; other VFs keep theirs, and containers keep their VFs", async () => {
    const before = await node.snapshot();
    await node.add("a", config);
    const kept = await probe(second);
    const { vfs: lines } = await json("provision");
    expect(lines).toEqual([
      { pci: vf, outcome: "in use", why: expect.stringContaining("container c1") },
      { pci: second, outcome: "kept", guid: "0a:00:00:00:00:00:01:02" },
      { pci: vfs[2], outcome: "kept", guid: "0a:00:00:00:00:00:02:02" },
      { pci: fresh, outcome: "given", guid: expect.stringMatching(/^[0-9a-f:]{23}$/) },
    ]);
    const assigned = lines[3].guid;
    const made = await probe(fresh);
    expect(await operated("provision")).toContain(`${fresh}: kept ${assigned}\n`);
    expect([await probe(second), await probe(fresh)]).toEqual([kept, made]);
    // The first pod makes no rebind.
    const auto = network(fresh, { guid: "auto" });
    const { interfaces } = await node.add("b", auto, { container: "c2" });
    expect(interfaces?.at(-1)?.mac).toMatch(new RegExp(`${assigned}$`));
    expect(await probe(fresh)).toBe(made);
    await node.del("b", auto, { container: "c2" });
    await node.del("a", config);
    // Except for this GUID, in any spelling, and the note of the PF's GUID, everything is as before.
    const inSysfs = assigned.replaceAll(":", "").replaceAll(/(.{4})(?=.)/g, "$1:");
    const changed = (await node.snapshot()).filter((line) => !before.includes(line));
    expect(changed.filter((line) => !line.includes(assigned) && !line.includes(inSysfs))).toEqual([
      expect.stringMatching(/^file .*\/\.pf\/0000:01:00\.0 /),
    ]);
    await node.reset();
  });

  test("VFs that are named: puts a GUID of the PF into effect, replaces another, and refuses a container's VF", async () => {
    const administrative = "02:00:00:00:00:00:00:31";
    await node.add("a", config);
    await node.shell(
      `for kind in node_guid port_guid; do ip link set ib0 vf 3 $kind ${administrative}; done`,
    );
    const { status, stdout } = await operate(`provision ${vf} ${fresh}`);
    expect(status).toBe(1);
    expect(stdout).toMatch(`${fresh}: given ${administrative}\n`);
    expect(stdout).toMatch(new RegExp(`^${vf}: in use: .*running`, "m"));
    const { vfs: lines } = await json(`provision --replace ${fresh}`);
    expect(lines).toEqual([{ pci: fresh, outcome: "given", guid: expect.stringMatching(/^.a:/) }]);
    expect(await node.shell(`cat /sys/bus/pci/devices/${fresh}/infiniband/*/node_guid`)).toBe(
      `${lines[0].guid.replaceAll(":", "").replaceAll(/(.{4})(?=.)/g, "$1:")}\n`,
    );
    expect((await operate("provision --replace")).status).toBe(2);
    await node.del("a", config);
    await node.reset();
  });

  test("a VF whose probe fails once gets its GUID nevertheless", async () => {
    await node.shell("echo 1 >/sys/module/vhca/parameters/fail_probe");
    const { status, stdout } = await operate("provision");
    await node.shell("echo 0 >/sys/module/vhca/parameters/fail_probe");
    // `provision` tries once more if a probe fails.
    expect({ status, stdout }).toMatchObject({
      status: 0,
      stdout: expect.stringContaining(`${fresh}: given`),
    });
    await node.reset();
  });
});

describe("bind", () => {
  const unbind = (pci: string) => `echo ${pci} >/sys/bus/pci/drivers/mlx5_core/unbind`;
  const hasNetdev = (pci: string) =>
    node.shell(`[ -e /sys/bus/pci/devices/${pci}/net ] && echo yes || echo no`);

  test("binds VFs without a driver or a netdev; others stay as they are", async () => {
    const parameter = "/sys/module/vhca/parameters/no_netdev";
    await node.shell(`${unbind(second)}; ${unbind(fresh)}
      echo 1 >${parameter}; echo ${fresh} >/sys/bus/pci/drivers/mlx5_core/bind; echo 0 >${parameter}`);
    const kept = await probe(vf);
    const [before, stdout] = [await hasNetdev(fresh), await operated(`bind ${vf} ${second} ${fresh}`)];
    expect(stdout.split("\n")).toEqual([
      `${vf}: kept mlx5_core`,
      `${second}: bound mlx5_core`,
      `${fresh}: bound mlx5_core`,
      "",
    ]);
    expect([before, await hasNetdev(fresh), await hasNetdev(second)]).toEqual(["no\n", "yes\n", "yes\n"]);
    expect(await probe(vf)).toBe(kept);
    expect(await json(`bind ${second}`)).toMatchObject({
      vfs: [{ pci: second, outcome: "kept", driver: "mlx5_core" }],
    });
    await node.reset();
  });

  test("refuses a container's VF, a VF that another driver has, and an address without a VF", async () => {
    await node.add("a", config);
    const running = await operate(`bind ${vf}`);
    expect(running).toMatchObject({ status: 1, stdout: expect.stringMatching(/in use: .*running/) });
    await node.del("a", config);
    await node.shell(`${unbind(second)}; modprobe vfio-pci
      echo vfio-pci >/sys/bus/pci/devices/${second}/driver_override`);
    const reserved = await operate(`bind ${second}`);
    expect(reserved).toMatchObject({ status: 1, stdout: expect.stringContaining("--driver vfio-pci") });
    expect(await operated(`bind ${second} --driver vfio-pci`)).toBe(`${second}: bound vfio-pci\n`);
    expect((await operate(`bind ${second}`)).stdout).toMatch(/failed: .*is bound to vfio-pci/);
    expect((await operate("bind 0000:00:00.0")).stderr).toContain("is not an InfiniBand VF of this node");
    await node.shell(`echo ${second} >/sys/bus/pci/drivers/vfio-pci/unbind
      echo >/sys/bus/pci/devices/${second}/driver_override`);
    await operated(`bind ${second}`);
    await node.reset();
  });

  test("completes a bind that was killed after it had unbound the driver", async () => {
    const parameters = "/sys/module/vhca/parameters";
    const record = `/var/lib/cni/ib-sriov/bind-${fresh}`;
    await node.shell(`${unbind(fresh)}
      echo 1 >${parameters}/no_netdev; echo ${fresh} >/sys/bus/pci/drivers/mlx5_core/bind; echo 0 >${parameters}/no_netdev
      echo 500 >${parameters}/remove_delay_ms
      ${plugin} bind ${fresh} & until [ -e ${record} ]; do sleep 0.01; done; sleep 0.1; kill -KILL $!; wait $! || true
      echo 0 >${parameters}/remove_delay_ms
      [ ! -e /sys/bus/pci/devices/${fresh}/driver ]; [ -e ${record} ]`);
    expect(await operated(`bind ${fresh}`)).toBe(`${fresh}: bound mlx5_core\n`);
    expect(await hasNetdev(fresh)).toBe("yes\n");
    expect(await node.shell(`ls ${record} 2>&1 || true`)).toContain("No such file");
    await node.reset();
  });
});

testOutputOfEveryCommand(node);
