import type { Config } from "./cni.ts";
import { inRepository, type Outcome, quote } from "./guest.ts";
import { type PodInterface, plugin, type TestNode } from "./node.ts";

/** The files that a guest needs for {@link Containerd}, in addition to the option `containerd`. */
export const containerdFiles = ["containerd.sh", "image.sh"].map((name) =>
  inRepository(`test/e2e/guest/${name}`),
);

/** The only program in a container. */
export const busybox = "/busybox.oci";

/** The image of all containers. Without another command, a container sleeps for a day. */
const image = "localhost/box:latest";

/** Uses the namespace of the CRI service, so that its pods and the containers of the tests have the same image. */
const ctr = "ctr -n k8s.io";

/** A command that reports that it has started, and then sleeps. */
const announced = `${busybox} sh -c 'echo up; exec ${busybox} sleep 86400'`;

/** containerd on a virtual node, and `ctr` as an operator uses it. */
export class Containerd {
  private readonly node: TestNode;
  private executed = 0;

  constructor(node: TestNode) {
    this.node = node;
  }

  /** Starts a new daemon without containers, whatever ran before, and installs the plugin for it. */
  async renew(): Promise<void> {
    const note = `echo "$CNI_COMMAND $CNI_CONTAINERID $CNI_IFNAME \${CNI_NETNS:-nowhere}" >>/tmp/calls`;
    await this.node.plugin("ib-sriov", `${note}\nexec ${plugin}`);
    await this.node.shell("bash /host/containerd.sh new; : >/tmp/calls");
  }

  /** Terminates the daemon with SIGTERM and starts it again. */
  async restart(): Promise<void> {
    await this.node.shell("bash /host/containerd.sh restart");
  }

  /** Sets the network of containers that are created from now on. */
  async configure({ cniVersion, name, ...plugin }: Config): Promise<void> {
    const list = JSON.stringify({ cniVersion, name, plugins: [plugin] });
    await this.node.shell(`printf %s ${quote(list)} >/etc/cni/net.d/10-network.conflist`);
  }

  /** Runs `ctr run` in the foreground until it ends. It does not throw if the container fails. */
  run(id: string): Promise<Outcome> {
    return this.node.guest.execute(`${ctr} run --cni --no-pivot --null-io ${image} ${id}`);
  }

  /** Runs `ctr run -d`, which returns when the container runs. */
  async runDetached(id: string): Promise<void> {
    await this.node.shell(
      `${ctr} run -d --cni --no-pivot --null-io --pid-file /tmp/pid.${id} ${image} ${id}`,
    );
  }

  /** Starts `ctr run` as in a terminal: it stays until the container ends. Returns when the container runs. */
  async runInForeground(id: string): Promise<void> {
    const run = `${ctr} run --rm --cni --no-pivot --pid-file /tmp/pid.${id} ${image} ${id} ${announced}`;
    await this.node.shell(`{ ${run} || true; echo over; } </dev/null >/tmp/ctr.${id} 2>&1 &
      until grep -q -e up -e over /tmp/ctr.${id}; do sleep 0.02; done
      ! grep over /tmp/ctr.${id} || { cat /tmp/ctr.${id}; exit 1; }`);
  }

  /** Waits until the `ctr run` of {@link runInForeground} has ended, and returns its last output. */
  async end(id: string): Promise<string> {
    await this.node.until(`grep -q over /tmp/ctr.${id}`);
    return this.node.shell(`grep -v -e '^up$' -e '^over$' /tmp/ctr.${id} || true`);
  }

  /** Kills a container with ctr, which calls DEL first. */
  async kill(id: string): Promise<void> {
    await this.node.shell(`${ctr} task kill -s KILL ${id}`);
    await this.remove(id);
  }

  /** Removes a container in any state, without calling DEL. */
  async remove(id: string): Promise<void> {
    await this.node.shell(`${ctr} task rm -f ${id}; ${ctr} container rm ${id}`);
  }

  /** Runs a command in a container. Returns its output. */
  execute(id: string, command: string): Promise<string> {
    const name = `exec${this.executed++}`;
    return this.node.shell(`${ctr} task exec --exec-id ${name} ${id} ${command}`);
  }

  /** Returns the process of the container that was started last with this name. */
  async pidOf(id: string): Promise<number> {
    return Number(await this.node.shell(`cat /tmp/pid.${id}`));
  }

  /** Returns the interface of a container in its network. */
  async interfaceOf(id: string): Promise<PodInterface> {
    const netns = `/proc/${await this.pidOf(id)}/ns/net`;
    // By its path: otherwise busybox's own `ip` would run.
    const output = await this.node.shell(`nsenter --net=${netns} /bin/ip -j address show dev eth0`);
    const [link] = JSON.parse(output) as PodInterface[];
    if (link === undefined) throw new Error(`no eth0 in container ${id}`);
    return link;
  }

  /** Returns the calls of the plugin since the last query: verb, container, interface, and namespace or "nowhere". */
  async calls(): Promise<string[]> {
    return (await this.node.shell("cat /tmp/calls; : >/tmp/calls")).split("\n").slice(0, -1);
  }
}
