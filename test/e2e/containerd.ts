import type { Config } from "./cni.ts";
import { inRepository, type Outcome, quote } from "./guest.ts";
import { type PodInterface, plugin, type TestNode } from "./node.ts";

/** What a guest needs for {@link Containerd}, besides the option `containerd`. */
export const containerdFiles = ["containerd.sh", "image.sh"].map((name) =>
  inRepository(`test/e2e/guest/${name}`),
);

/** The one program in a container. */
export const busybox = "/busybox.oci";

/** The image of all containers, which sleep for a day unless they are told to do something else. */
const image = "localhost/box:latest";

/** In the namespace of the CRI service, so that its pods and ours have one image. */
const ctr = "ctr -n k8s.io";

/** A command that says that it has been started, and goes on. */
const announced = `${busybox} sh -c 'echo up; exec ${busybox} sleep 86400'`;

/** containerd on a virtual node, and `ctr`, as an operator uses it there. */
export class Containerd {
  private readonly node: TestNode;
  private executed = 0;

  constructor(node: TestNode) {
    this.node = node;
  }

  /** A new daemon without containers, whatever there was, which finds the plugin where runtimes look for it. */
  async renew(): Promise<void> {
    const note = `echo "$CNI_COMMAND $CNI_CONTAINERID $CNI_IFNAME \${CNI_NETNS:-nowhere}" >>/tmp/calls`;
    await this.node.plugin("ib-sriov", `${note}\nexec ${plugin}`);
    await this.node.shell("bash /host/containerd.sh new; : >/tmp/calls");
  }

  /** Ends the daemon with SIGTERM and starts it anew. */
  async restart(): Promise<void> {
    await this.node.shell("bash /host/containerd.sh restart");
  }

  /** The network that containers get from now on. */
  async configure({ cniVersion, name, ...plugin }: Config): Promise<void> {
    const list = JSON.stringify({ cniVersion, name, plugins: [plugin] });
    await this.node.shell(`printf %s ${quote(list)} >/etc/cni/net.d/10-network.conflist`);
  }

  /** `ctr run` as in a terminal, until it ends, whatever comes of it. */
  run(id: string): Promise<Outcome> {
    return this.node.guest.execute(`${ctr} run --cni --no-pivot --null-io ${image} ${id}`);
  }

  /** `ctr run -d`: returns when the container runs. */
  async runDetached(id: string): Promise<void> {
    await this.node.shell(
      `${ctr} run -d --cni --no-pivot --null-io --pid-file /tmp/pid.${id} ${image} ${id}`,
    );
  }

  /** `ctr run` as in a terminal: it stays until the container ends. Returns when that runs. */
  async runInForeground(id: string): Promise<void> {
    const run = `${ctr} run --rm --cni --no-pivot --pid-file /tmp/pid.${id} ${image} ${id} ${announced}`;
    await this.node.shell(`{ ${run} || true; echo over; } </dev/null >/tmp/ctr.${id} 2>&1 &
      until grep -q -e up -e over /tmp/ctr.${id}; do sleep 0.02; done
      ! grep over /tmp/ctr.${id} || { cat /tmp/ctr.${id}; exit 1; }`);
  }

  /** Waits until the `ctr run` of {@link runInForeground} has ended, and returns what it said in the end. */
  async end(id: string): Promise<string> {
    await this.node.until(`grep -q over /tmp/ctr.${id}`);
    return this.node.shell(`grep -v -e '^up$' -e '^over$' /tmp/ctr.${id} || true`);
  }

  /** Has a container killed, which detaches it from its network before. */
  async kill(id: string): Promise<void> {
    await this.node.shell(`${ctr} task kill -s KILL ${id}`);
    await this.remove(id);
  }

  /** Removes a container, whatever it does. It is not detached from its network, if it has one. */
  async remove(id: string): Promise<void> {
    await this.node.shell(`${ctr} task rm -f ${id}; ${ctr} container rm ${id}`);
  }

  /** Runs a command in a container. Returns what it says. */
  execute(id: string, command: string): Promise<string> {
    const name = `exec${this.executed++}`;
    return this.node.shell(`${ctr} task exec --exec-id ${name} ${id} ${command}`);
  }

  /** The process of a container that was started last under this name. */
  async pidOf(id: string): Promise<number> {
    return Number(await this.node.shell(`cat /tmp/pid.${id}`));
  }

  /** The interface that a container has in its network. */
  async interfaceOf(id: string): Promise<PodInterface> {
    const netns = `/proc/${await this.pidOf(id)}/ns/net`;
    // By its path, or it would be busybox's own.
    const said = await this.node.shell(`nsenter --net=${netns} /bin/ip -j address show dev eth0`);
    const [link] = JSON.parse(said) as PodInterface[];
    if (link === undefined) throw new Error(`no eth0 in container ${id}`);
    return link;
  }

  /** How the plugin was called since this was last asked for: verb, container, interface, and namespace or "nowhere". */
  async calls(): Promise<string[]> {
    return (await this.node.shell("cat /tmp/calls; : >/tmp/calls")).split("\n").slice(0, -1);
  }
}
