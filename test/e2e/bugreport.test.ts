// `ib-sriov bugreport`: its contents, without secrets, and on a node without half of the programs.
import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { hostLocal, network } from "./harness/cni.ts";
import { plugin, testNode, vfs } from "./harness/node.ts";

const node = testNode();
const [vf, other] = vfs;
const args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=trainer";

/** Runs the command with stdout as its file, and returns a function that reads a file of the tar. */
const reported = async (words = "", prefix = "") => {
  const base64 = await node.shell(`${prefix} ${plugin} bugreport - ${words} 2>/tmp/stderr | base64 -w0`);
  const tar = Buffer.from(base64, "base64");
  const read = (...options: string[]) =>
    execFileSync("tar", [...options, "-f", "-"], { input: tar, encoding: "utf8", maxBuffer: 1 << 28 });
  return {
    all: tar.toString("latin1"),
    names: read("-t")
      .split("\n")
      .map((name) => name.slice(name.indexOf("/") + 1)),
    text: (name: string) => read("-xO", "--wildcards", `*/${name}`),
  };
};

test("contains the state of the node, without the secrets of networks and records", async () => {
  const secrets = {
    token: "hunter-1",
    etcd: { password: "hunter-2", url: "https://me:hunter-3@etcd/?apikey=hunter-4" },
  };
  const log = "/var/log/ib-sriov.log";
  const ipam = { ...hostLocal(["10.1.0.0/24"]), ...secrets };
  const secret = network(vf, { pkey: "0x8001", ipam, logFile: log });
  await node.shell("mkdir -p /var/log");
  await node.add("a", secret, { args: `${args};DB_SECRET=hunter-5` });
  // Its error is in the log, and doctor prints it.
  await node.plugin(
    "leaky",
    `echo '{"code": 100, "msg": "refused: hunter-9", "details": "Authorization: hunter-10"}'; exit 1`,
  );
  const leaky = network(other, {
    ipam: { type: "leaky", users: [{ name: "me", value: "hunter-9" }] },
    logFile: log,
  });
  await node.refused({ command: "ADD", netns: "b", container: "c2", config: leaky, args });
  await node.shell(`mkdir -p /etc/cni/net.d
    echo '${JSON.stringify({ ...secret, logLevel: "debug" })}' >/etc/cni/net.d/10-ib.conf
    echo '{"type": "ib-sriov", "token": "hunter-6",' >/etc/cni/net.d/20-broken.conf
    echo '${JSON.stringify({ ...leaky, name: "leaky" })}' >/etc/cni/net.d/25-leaky.conf
    echo '{"type": "calico", "token": "hunter-7"}' >/etc/cni/net.d/30-other.conf
    echo '{"attachment":{"call":{"stdin":"{\\"token\\":\\"hunter-8' >/var/lib/cni/ib-sriov/c9-net1`);
  const { all, names, text } = await reported();
  expect(all).not.toContain("hunter");
  expect(text("doctor.txt").replace(/\s+/g, " ")).toContain("refused: (redacted)");
  expect(text(`log${log}`)).toContain("refused: (redacted)");
  expect(names).toEqual(
    expect.arrayContaining([
      ...["doctor.txt", "doctor.json", "list.txt", "list.json", "attachments.txt", "attachments.json"],
      ...["metrics.txt", "records/c1-net1", `records/.vf/${vf}`, "records/.calls", `log${log}`],
      ...["networks/files.txt", "networks/etc/cni/net.d/10-ib.conf", "versions/ib-sriov.txt", "errors.txt"],
      ...["system/ip-link.txt", "system/ip-route.txt", "system/rdma-dev.txt", "system/rdma-link.txt"],
    ]),
  );
  const { attachment, pkey } = JSON.parse(text("records/c1-net1"));
  expect({ pkey, vf: attachment.vf.pci }).toEqual({ pkey: "0x8001", vf });
  expect(JSON.parse(attachment.call.stdin).ipam).toMatchObject({ type: "host-local", token: "(redacted)" });
  expect(attachment.call.args).toBe(`${args};DB_SECRET=(redacted)`);
  expect(JSON.parse(text("networks/etc/cni/net.d/10-ib.conf"))).toMatchObject({
    deviceID: vf,
    logLevel: "debug",
  });
  expect(JSON.parse(text("attachments.json")).attachments).toMatchObject([{ containerId: "c1" }, {}]);
  expect(JSON.parse(text("list.json")).pfs[0].vfs[0].attachment.pod).toBe("default/trainer");
  expect(JSON.parse(text("doctor.json")).findings).not.toEqual([]);
  expect(text(`log${log}`)).toContain('"podName":"trainer"');
  expect(text("system/rdma-dev.txt")).toContain("mlx5_1");
  expect(text("system/ip-link.txt")).toContain("vf 0 ");
  expect(text("networks/files.txt")).toContain("30-other.conf");
  const errors = text("errors.txt");
  expect(errors).toMatch(/^networks\/etc\/cni\/net.d\/20-broken.conf: .* is not JSON/m);
  expect(errors).toMatch(/^records\/c9-net1: .* is not JSON/m);
  await node.shell(`rm -r /etc/cni/net.d ${log}`);
  await node.reset();
});

test("works without programs and without sysfs, and names the missing parts", async () => {
  const hide =
    "for program in {,/usr}/{bin,sbin}/{ip,rdma}; do [ ! -e $program ] || mount --bind /tmp/empty $program; done";
  const prefix = `touch /tmp/empty; unshare -m bash -c '${hide}; umount -l /sys; exec "$@"' sh`;
  const { names, text } = await reported("", prefix);
  expect(names).toEqual(expect.arrayContaining(["doctor.txt", "metrics.txt", "errors.txt"]));
  const errors = text("errors.txt");
  for (const part of ["ip-link", "ip-address", "rdma-dev", "lspci"])
    expect(errors).toMatch(new RegExp(`^system/${part}.txt: `, "m"));
});

test("does not wait for a program that the kernel does not let end", async () => {
  // A driver's probe cannot be interrupted.
  await node.shell(`mkdir -p /tmp/bin; echo 8000 >/sys/module/vhca/parameters/probe_delay_ms
    printf '#!/bin/sh\\ncd /sys/bus/pci/drivers/mlx5_core; echo ${vf} >unbind; echo ${vf} | tee bind\\n' >/tmp/bin/dmesg
    chmod +x /tmp/bin/dmesg`);
  const { text } = await reported("--timeout 1", "PATH=/tmp/bin:$PATH");
  expect(text("errors.txt")).toMatch(/^system\/dmesg.txt: dmesg was ended after 1 s/m);
  await node.shell("pidof tee; echo 0 >/sys/module/vhca/parameters/probe_delay_ms; rm -r /tmp/bin");
  await node.until("! pidof tee");
  await node.reset();
});
