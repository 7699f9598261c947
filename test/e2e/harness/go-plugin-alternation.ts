import { expect } from "vitest";
import { type Config, hostLocal, network } from "./cni.ts";
import { compile } from "./compile.ts";
import { cri, criId, message } from "./cri.ts";
import { inGuest, inRepository, quote } from "./guest.ts";
import { type PodInterface, plugin, type TestNode } from "./node.ts";

/** The executable of the Go plugin, if PEER names it; otherwise a script that does the same. */
export const goPlugin = process.env.PEER ?? inRepository("test/e2e/guest/go-plugin.sh");
/** The program that holds the Go plugin's lock, for guest/go-plugin.sh and for tests. */
export const lockHolder = compile("test/e2e/guest/hold-lock.c");

/** The plugins that are installed in turn. */
export type Plugin = "Go plugin" | "ib-sriov";

/** The pods, by the number of the PF whose VFs each has. */
export const pods = [0, 1, 2] as const;
/** The networks of a pod, by the index of the VF. */
const rails = [0, 1, 2, 3, 4, 5, 6] as const;

/** Returns the PCI address of a VF. */
const addressOf = (pod: number, rail: number) => `0000:0${pod + 1}:1${rail >> 2}.${(rail & 3) * 2}`;
/** The VFs of all pods. */
const vfs = pods.flatMap((pod) => rails.map((rail) => ({ pod, rail, address: addressOf(pod, rail) })));

/** Returns the GUID that a VF has on the host, before and after it is in its pod. */
const hostGuid = (pod: number, rail: number) => `0a:00:00:00:00:00:0${pod}:0${rail}`;

/** A pod that runs. */
interface Pod {
  readonly id: string;
  /** Name of its network namespace. */
  readonly netns: string;
  /** The GUIDs of its interfaces eth0, eth1 … */
  readonly guids: readonly string[];
  /** The plugin that attached its VFs. */
  readonly madeBy: Plugin;
}

/**
 * Pods of containerd's CRI service, each with all VFs of a PF, on a node whose plugin is replaced while they run. The
 * node is booted with three PFs.
 */
export class Alternation {
  private readonly node: TestNode;
  private readonly running = new Map<number, Pod>();
  private installed: Plugin = "ib-sriov";
  private starts = 0;

  constructor(node: TestNode) {
    this.node = node;
  }

  /** Creates the VFs, with GUIDs, and without the settings that the Go plugin does not restore. */
  async setUp(): Promise<void> {
    const settings = vfs.flatMap(({ pod, rail }) => [
      `link set $pf${pod} vf ${rail} node_guid ${hostGuid(pod, rail)}`,
      `link set $pf${pod} vf ${rail} port_guid ${hostGuid(pod, rail)}`,
      `link set $pf${pod} vf ${rail} state auto`,
    ]);
    const names = vfs.map(
      ({ pod, rail, address }) =>
        `link set dev $(ls /sys/bus/pci/devices/${address}/net) name pf${pod}v${rail}`,
    );
    await this.node.reset();
    await this.node.shell(`rm -f /etc/cni/net.d/*
      echo 0 >/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs
      for pod in ${pods.join(" ")}; do
        pf=/sys/bus/pci/devices/0000:0$((pod + 1)):00.0
        declare pf$pod=$(ls $pf/net)
        echo ${rails.length} >$pf/sriov_numvfs
      done
      ip -batch - <<END\n${settings.join("\n")}\nEND
      for vf in ${vfs.map(({ address }) => address).join(" ")}; do
        echo $vf >/sys/bus/pci/drivers/mlx5_core/unbind
        echo $vf >/sys/bus/pci/drivers/mlx5_core/bind
      done
      ip -batch - <<END\n${names.join("\n")}\nEND`);
  }

  /** Replaces the installed plugin, as the plugins' installers do: while the old file can be running. */
  async install(name: Plugin): Promise<void> {
    this.installed = name;
    await this.node.shell(
      name === "ib-sriov"
        ? `${plugin} install --ib-sriov-cni-bin-file ${plugin} --cni-bin-dir /opt/cni/bin --no-sleep >/dev/null`
        : `cp ${inGuest(goPlugin)} /opt/cni/bin/.new; mv /opt/cni/bin/.new /opt/cni/bin/ib-sriov`,
    );
  }

  /** Runs a pod, whose VFs the installed plugin attaches. */
  async start(pod: number): Promise<void> {
    const start = ++this.starts;
    const guids = rails.map((rail) =>
      hasGuid(rail) ? `02:00:00:00:00:0${start}:0${pod}:0${rail}` : hostGuid(pod, rail),
    );
    await this.configure(rails.map((rail) => networkOf(pod, rail, guids[rail] ?? "")));
    const metadata = message({ 1: `pod${pod}`, 2: `uid${start}`, 3: "default" });
    const id = await criId(this.node, "RunPodSandbox", message({ 1: message({ 1: metadata }) }));
    const result = await this.node.shell(`cat /var/lib/cni/results/fabric0-${id}-eth0`);
    const [, netns = ""] = /\/netns\/(cni-[\w-]+)/.exec(result) ?? [];
    this.running.set(pod, { id, netns, guids, madeBy: this.installed });
  }

  /** Ends a pod, whose VFs the installed plugin detaches. */
  async end(pod: number): Promise<void> {
    const { id } = this.running.get(pod) ?? { id: "" };
    await cri(this.node, "StopPodSandbox", message({ 1: id }));
    await cri(this.node, "RemovePodSandbox", message({ 1: id }));
    this.running.delete(pod);
  }

  /** Expects every pod to have its interfaces, and a record of each by the plugin that made it. */
  async expectPods(): Promise<void> {
    for (const { id, netns, guids, madeBy } of this.running.values()) {
      const output = await this.node.shell(`ip -n ${netns} -j address; cat /var/lib/cni/ib-sriov/${id}-eth*`);
      const [links = "", ...records] = output.split("\n");
      const interfaces = guids.map((_, rail) =>
        (JSON.parse(links) as PodInterface[]).find(({ ifname }) => ifname === `eth${rail}`),
      );
      expect(interfaces.map((link) => link?.address.slice(-23))).toEqual(guids);
      for (const link of interfaces) expect(link?.flags).toContain("UP");
      const count = (key: string) => records.join("\n").split(`"${key}":`).length - 1;
      // A record of ib-sriov has the members of the Go plugin's cache, too.
      expect([count("HostIFNames"), count("attachment")]).toEqual([
        rails.length,
        madeBy === "ib-sriov" ? rails.length : 0,
      ]);
    }
  }

  /** Sets the networks of the next pod. */
  private async configure(configs: readonly Config[]): Promise<void> {
    const write = configs.map(({ cniVersion, name, ...rest }) => {
      const list = JSON.stringify({ cniVersion, name, plugins: [rest] });
      return `printf %s ${quote(list)} >/etc/cni/net.d/${name}.conflist`;
    });
    await this.node.shell(write.join("\n"));
    // The verbose status contains the networks, which containerd reads some time after they were written.
    const expected = configs.map((config) => expect.stringContaining(`${config.deviceID}`));
    const read = () => cri(this.node, "Status", message({ 1: true }));
    for (const each of expected) await expect.poll(read, { timeout: 180_000 }).toEqual(each);
  }
}

/** Reports whether the network of a rail sets a GUID, for which the plugin rebinds the VF: the first four do. */
const hasGuid = (rail: number) => rail < 4;

/** Returns a network of a pod: with and without a GUID, a link state and addresses. */
function networkOf(pod: number, rail: number, guid: string): Config {
  return network(addressOf(pod, rail), {
    name: `fabric${rail}`,
    ...(hasGuid(rail) ? { runtimeConfig: { infinibandGUID: guid } } : {}),
    ...(rail < 2 ? { link_state: rail === 0 ? "enable" : "disable" } : {}),
    // The CRI service requires an address of eth0.
    ...(rail % 2 === 0 ? { ipam: hostLocal([`10.${rail}.0.0/16`]) } : {}),
  });
}
