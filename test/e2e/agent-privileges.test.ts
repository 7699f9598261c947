// The DaemonSets of deploy/ in containers of containerd: their privileges suffice, and without any of them the agent
// cannot do a part of its work.
import type { IPodSpec } from "kubernetes-models/v1/PodSpec";
import { beforeAll, describe, expect, test } from "vitest";
import { kustomized, kustomizedWith, podOf } from "../support/manifests.ts";
import { commandLine, hostLocal, network } from "./harness/cni.ts";
import { compile } from "./harness/compile.ts";
import { netnsOf } from "./harness/containers.ts";
import {
  kubeletFiles,
  type RunningContainer,
  type Sandbox,
  startRuntime,
  startSandbox,
} from "./harness/kubelet.ts";
import { plugin, testNode, vfs } from "./harness/node.ts";

const files = [...kubeletFiles, compile("test/e2e/guest/kubeconfig-ipam.c")];
const node = testNode({ containerd: true, files });
const [orphaned, other, unfinished, fresh] = vfs;
const soon = { timeout: 300_000, interval: 100 };

/** Returns the pod of an overlay, with a round every second. */
function agentOf(...components: string[]): IPodSpec {
  const spec = podOf(kustomizedWith("agent", ...components));
  spec.containers[0].args.push("--interval=1");
  return spec;
}
/** Debian's host-local, which the node has, is linked dynamically. */
const agent = agentOf("libraries");

beforeAll(async () => {
  await startRuntime(node);
  // A network for pods that do not use the network of the host.
  const result = `{"cniVersion":"1.0.0","interfaces":[{"name":"eth0","sandbox":"'$CNI_NETNS'"}],"ips":[{"address":"192.0.2.9/24","interface":0}]}`;
  await node.plugin("pod-network", `[ $CNI_COMMAND != ADD ] || echo '${result}'`);
  const list = { cniVersion: "1.0.0", name: "pod-network", plugins: [{ type: "pod-network" }] };
  await node.shell(`echo '${JSON.stringify(list)}' >/etc/cni/net.d/10-network.conflist
    mkdir /etc/cni/net.d/whereabouts.d; echo >/etc/cni/net.d/whereabouts.d/whereabouts.kubeconfig
    cp /host/kubeconfig-ipam /opt/cni/bin`);
}, 600_000);

/** Returns the answer of the agent, from its network namespace; "" if it does not answer. */
async function answer(path: string): Promise<string> {
  const { stdout } = await node.guest.execute(
    `nsenter --net=/proc/$(pidof ib-sriov | tr ' ' '\\n' | sort -n | head -n 1)/ns/net bash -c \\
      "exec 3<>/dev/tcp/127.0.0.1/9410; printf 'GET ${path} HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3"`,
  );
  return stdout;
}

/** Prepares a node with work for each part of the agent. */
async function prepare(): Promise<void> {
  await node.reset();
  await node.shell("rm -f /opt/cni/bin/ib-sriov; chown 1000 /opt/cni/bin; ip netns add gone");
  const ipam = hostLocal(["10.1.0.0/24"]);
  await node.add(netnsOf("gone"), network(orphaned, { ipam }), { container: "gone" });
  const second = { container: "gone", ifname: "net2" };
  await node.add(netnsOf("gone"), network(other, { ipam: { type: "kubeconfig-ipam" } }), second);
  await node.shell("ip netns del gone");
  // An ADD that was killed when the netdev was in the pod: it waits for a link that does not come up.
  const config = network(unfinished, { link_state: "disable", waitForCarrierSeconds: 50 });
  const add = commandLine(plugin, { command: "ADD", container: "killed", netns: netnsOf("a"), config });
  await node.shell(`{ ${add}; } >/dev/null 2>&1 &
    until ip -n a -br link show dev net1 up 2>/dev/null | grep -q net1; do sleep 0.02; done
    kill -KILL $(pidof ib-sriov); until ! pidof ib-sriov; do sleep 0.02; done`);
}

/** The parts of the agent's work. */
type Part =
  | "health"
  | "installation"
  | "provisioning"
  | "release of a lease"
  | "release of a lease in the cluster"
  | "release of an unfinished attachment"
  | "traffic metrics";

/** Returns the parts that are not done after a round. */
async function missing(): Promise<Part[]> {
  await expect.poll(() => answer("/healthz"), soon).toMatch(/ok, |503 (?![\s\S]*has not ended)/);
  const state = "/var/lib/cni/ib-sriov";
  const gid = `/sys/bus/pci/devices/${fresh}/infiniband/*/ports/1/gids/0`;
  const conditions: [Part, string][] = [
    ["installation", `cmp ${plugin} /opt/cni/bin/ib-sriov`],
    ["provisioning", `grep -q -v 0000:0000:0000:0000$ ${gid}`],
    ["release of a lease", `[ ! -e ${state}/gone-net1 ] && ! ls /var/lib/cni/networks/mynet/10.*`],
    [
      "release of a lease in the cluster",
      `[ ! -e ${state}/gone-net2 ] && [ -z "$(find ${state} -name '${other}-*')" ]`,
    ],
    ["release of an unfinished attachment", `[ ! -e ${state}/killed-net1 ]`],
  ];
  const parts: Part[] = [];
  if (!(await answer("/healthz")).includes(" 200 OK")) parts.push("health");
  for (const [part, condition] of conditions)
    if ((await node.guest.execute(condition)).status !== 0) parts.push(part);
  if (!(await answer("/metrics")).includes("ib_sriov_vf_receive_bytes_total{")) parts.push("traffic metrics");
  return parts;
}

/** The sandbox of all pods with the host's network and processes: to start one takes longer than a container. */
let shared: Promise<Sandbox> | undefined;

async function withPod(
  spec: IPodSpec,
  action: (container: RunningContainer) => Promise<void>,
): Promise<void> {
  if (spec.hostNetwork && spec.hostPID) {
    shared ??= startSandbox(node, "agent", spec);
    return withContainer(await shared, spec, action);
  }
  // The next setup of the node would delete its network namespace.
  const own = await startSandbox(node, "pod", spec);
  try {
    await withContainer(own, spec, action);
  } finally {
    await own.remove();
  }
}

async function withContainer(
  sandbox: Sandbox,
  spec: IPodSpec,
  action: (container: RunningContainer) => Promise<void>,
): Promise<void> {
  const container = await sandbox.run(spec);
  try {
    await action(container);
  } catch (error) {
    if (error instanceof Error) error.message += `\n\n${await answer("/healthz")}\n${await container.log()}`;
    throw error;
  } finally {
    await container.remove();
  }
}

/** Returns the pod of the agent with a change. */
function changed(change: (spec: IPodSpec, container: IPodSpec["containers"][0]) => void): IPodSpec {
  const spec = structuredClone(agent);
  const [container] = spec.containers;
  if (container !== undefined) change(spec, container);
  return spec;
}
const withoutCapability = (name: string) =>
  changed((_, { securityContext }) => {
    const add = securityContext?.capabilities?.add ?? [];
    expect(add).toContain(name);
    add.splice(add.indexOf(name), 1);
  });
const withoutVolume = (name: string) =>
  changed((spec, container) => {
    expect(container.volumeMounts?.map((mount) => mount.name)).toContain(name);
    spec.volumes = spec.volumes?.filter((volume) => volume.name !== name) ?? [];
    container.volumeMounts = container.volumeMounts?.filter((mount) => mount.name !== name) ?? [];
  });

/** An entry of the log: a setting could not be examined. Only a VF without a GUID is rebound without it. */
const REBIND = / (?:gc|provision): cannot restore .*: VF \S+ is rebound to reset them$/m;

test("the agent does all of its work with its privileges, under the system call filter of the runtime", async () => {
  await prepare();
  await withPod(agent, async (container) => {
    expect(await missing()).toEqual([]);
    const status = await node.shell("cat /proc/$(pidof ib-sriov | cut -d ' ' -f 1)/status");
    expect(status).toMatch(/^NoNewPrivs:\t1\nSeccomp:\t2$/m);
    const log = await container.log();
    expect(log).toMatch(/ install: copied .* to \/opt\/cni\/bin\/ib-sriov$/m);
    expect(log).toMatch(new RegExp(` provision: assigned a GUID to VF ${fresh}: [0-9a-f:]{23}$`, "m"));
    // In a round, provision is first, and restores the VFs of containers that are gone.
    for (const vf of [orphaned, other, unfinished])
      expect(log).toMatch(
        new RegExp(` provision: VF ${vf} has an orphaned attachment .* it is restored$`, "m"),
      );
    expect(log).not.toMatch(REBIND);
  });
});

test.each<[string, IPodSpec, Part[], RegExp?]>([
  [
    "the network namespace of the host",
    changed((spec) => delete spec.hostNetwork),
    [
      "health",
      "provisioning",
      "release of a lease",
      "release of an unfinished attachment",
      "traffic metrics",
    ],
  ],
  ["DAC_OVERRIDE", withoutCapability("DAC_OVERRIDE"), ["health", "installation"]],
  [
    "NET_ADMIN",
    withoutCapability("NET_ADMIN"),
    ["health", "provisioning", "release of an unfinished attachment"],
  ],
  ["SYS_ADMIN", withoutCapability("SYS_ADMIN"), ["health", "release of an unfinished attachment"], REBIND],
  ["SYS_PTRACE", withoutCapability("SYS_PTRACE"), ["provisioning", "release of a lease"]],
  [
    "the PID namespace of the host",
    changed((spec) => delete spec.hostPID),
    ["provisioning", "release of a lease"],
  ],
  [
    "the user root",
    changed((_, { securityContext }) => Object.assign(securityContext ?? {}, { runAsUser: 1000 })),
    ["health", "provisioning", "release of a lease"],
  ],
  ["/sys", withoutVolume("sys"), ["health", "provisioning"]],
  ["/opt/cni/bin", withoutVolume("cni-bin"), ["health", "installation", "release of a lease"]],
  [
    "/var/lib/cni",
    withoutVolume("cni-state"),
    ["health", "provisioning", "release of a lease", "release of an unfinished attachment"],
  ],
  ["/etc/cni/net.d", withoutVolume("cni-config"), ["health", "release of a lease in the cluster"]],
  ["the libraries of a dynamically linked IPAM plugin", agentOf(), ["health", "release of a lease"]],
])("without %s, it cannot do a part of its work, and reports that", async (_, spec, parts, entry = /^/) => {
  await prepare();
  await withPod(spec, async (container) => {
    expect(await missing()).toEqual(expect.arrayContaining(parts));
    expect(await container.log()).toMatch(entry);
  });
});

describe("a running container whose VF does not show that it runs", () => {
  const attached = () => node.shell("ls /var/lib/cni/ib-sriov");
  const roundsOf = async () => Number(/ok, (\d+) rounds/.exec(await answer("/healthz"))?.[1] ?? 0);

  /** Attaches a VF without a netdev to a container that starts after the agent. */
  const withLater = (spec: IPodSpec, action: () => Promise<void>) =>
    withPod(spec, async () => {
      await expect.poll(roundsOf, soon).toBeGreaterThan(0);
      await node.shell("ip netns add later");
      await node.add(netnsOf("later"), network(other, { rdmaOnly: true }));
      await action();
    });

  beforeAll(async () => {
    await node.reset();
    await node.shell(`echo 1 >/sys/module/vhca/parameters/no_netdev
      for file in unbind bind; do echo ${other} >/sys/bus/pci/drivers/mlx5_core/$file; done
      echo 0 >/sys/module/vhca/parameters/no_netdev`);
  });

  test("keeps it", () =>
    withLater(agent, async () => {
      const rounds = await roundsOf();
      await expect.poll(roundsOf, soon).toBeGreaterThan(rounds + 2);
      expect(await attached()).toBe("c1-net1\n");
      await node.del(netnsOf("later"), network(other, { rdmaOnly: true }));
      await node.shell("ip netns del later");
    }));

  test.each<[string, IPodSpec]>([
    ["/var/run/netns", withoutVolume("netns")],
    [
      "the mounts that appear there later",
      changed((_, { volumeMounts }) => {
        delete volumeMounts?.find(({ name }) => name === "netns")?.mountPropagation;
      }),
    ],
  ])("would lose it without %s", (_, spec) =>
    withLater(spec, async () => {
      await expect.poll(attached, soon).toBe("");
      await node.shell("ip netns del later");
    }),
  );
});

test("the installer's probe fails while another plugin is at the plugin's path", async () => {
  await node.reset();
  await node.shell("rm -f /opt/cni/bin/ib-sriov; chown 1000 /opt/cni/bin");
  const spec: IPodSpec = podOf(kustomized("deploy/base"));
  const probe = spec.containers[0]?.readinessProbe?.exec?.command ?? [];
  await withPod(spec, async (container) => {
    const isReady = () => container.exec(probe);
    await expect.poll(isReady, soon).toBe(true);
    await node.plugin("new", `exec ${plugin}`);
    await node.shell("mv /opt/cni/bin/new /opt/cni/bin/ib-sriov");
    await expect.poll(isReady, soon).toBe(false);
    await node.shell("rm /opt/cni/bin/ib-sriov");
    await expect.poll(isReady, soon).toBe(true);
  });
});
