// Debian's containerd as the caller: by ctr, and by the CRI service that kubelet speaks to. It comes with a libcni that
// knows ADD, DEL and CHECK only; GC is called here as newer ones do.
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { patience } from "../support/patience.ts";
import { type Config, hostLocal, network } from "./cni.ts";
import { busybox, Containerd, containerdFiles } from "./containerd.ts";
import { cri, message } from "./cri.ts";
import { type PodInterface, testNode, vfs } from "./node.ts";

const node = testNode({ containerd: true, files: containerdFiles });
const runtime = new Containerd(node);
beforeAll(() => runtime.renew(), 120_000);
afterEach(() => runtime.calls());

/** A container, and what it shall get. */
interface Wanted {
  readonly id: string;
  readonly config: Config;
  readonly guid: string;
}

const wanted = (id: string, vf: string, guid: string): Wanted => ({
  id,
  guid,
  config: network(vf, {
    name: "fabric",
    guid,
    link_state: "enable",
    waitForCarrierSeconds: 20,
    ipam: hostLocal(["10.1.0.0/24"]),
  }),
});
const red = wanted("red", vfs[0], "02:00:00:00:00:00:00:aa");
const blue = wanted("blue", vfs[1], "02:00:00:00:00:00:00:bb");

/** A test that must leave the node as it was before. When it fails, the next one finds a daemon without containers. */
async function asBefore(steps: () => Promise<void>): Promise<void> {
  try {
    await node.unchanged(steps);
  } catch (error) {
    await runtime.renew().catch((second: unknown) => {
      throw new AggregateError([error, second], "a test failed, and containerd cannot be set up anew");
    });
    throw error;
  }
}

/** Expects an interface to be as wanted. Returns its address. */
function addressOf({ address, flags, addr_info }: PodInterface, { guid }: Wanted): string {
  // The last 8 of an IPoIB address's 20 bytes are the port's GUID.
  expect(address.slice(-guid.length)).toBe(guid);
  expect(flags).toContain("UP");
  const addresses = addr_info.map(({ local }) => local).filter((local) => local.startsWith("10.1.0."));
  expect(addresses).toHaveLength(1);
  return addresses[0] ?? "";
}

/** Expects a container to run with the interface that it wants. Returns its address. */
const running = async (container: Wanted) => addressOf(await runtime.interfaceOf(container.id), container);

/** Expects a container to reach an address. */
async function ping(id: string, address: string): Promise<void> {
  const said = await runtime.execute(id, `${busybox} ping -c 1 -W 10 ${address}`);
  expect(said).toContain(", 0% packet loss");
}

/** Expects each of two containers to have its interface, and the first one to reach the other. */
async function connected(one: Wanted, other: Wanted): Promise<void> {
  await running(one);
  await ping(one.id, await running(other));
}

async function start(...containers: Wanted[]): Promise<void> {
  for (const { id, config } of containers) {
    await runtime.configure(config);
    await runtime.runDetached(id);
  }
}

/** Expects what comes next to call the plugin in this way, and in no other. */
async function calling(calls: string[], steps: () => Promise<void>): Promise<void> {
  await runtime.calls();
  await steps();
  expect(await runtime.calls()).toEqual(calls);
}

/** How ctr has a container detached: whether that runs or not, it names no namespace. */
const delOf = ({ id }: Wanted) => `DEL k8s.io-${id} eth0 nowhere`;

const kill = (container: Wanted) => calling([delOf(container)], () => runtime.kill(container.id));

/** The container is removed, and nobody tells the plugin. */
async function forget({ id }: Wanted): Promise<void> {
  await calling([], () => runtime.remove(id));
  // What libcni keeps of an attachment goes with its own DEL, which newer ones call before GC.
  await node.shell(`rm /var/lib/cni/results/fabric-k8s.io-${id}-eth0`);
}

describe("ctr run --cni", () => {
  test("gives two containers their GUID and address; one reaches the other; they end and are detached", () =>
    asBefore(async () => {
      for (const { id, config } of [red, blue]) {
        await runtime.configure(config);
        await runtime.runInForeground(id);
      }
      const [first, second] = [await runtime.pidOf("red"), await runtime.pidOf("blue")];
      expect(await runtime.calls()).toEqual([
        `ADD k8s.io-red eth0 /proc/${first}/ns/net`,
        `ADD k8s.io-blue eth0 /proc/${second}/ns/net`,
      ]);
      await connected(red, blue);
      // The namespace goes with its last process, before DEL.
      await calling([delOf(red), delOf(blue)], async () => {
        await node.shell(`kill -KILL ${first}`);
        expect(await runtime.end("red")).toBe("");
        await running(blue);
        await node.shell(`kill -KILL ${second}`);
        expect(await runtime.end("blue")).toBe("");
      });
    }));

  test("and a daemon that is restarted: the containers keep their interfaces, and are detached when they are killed", () =>
    asBefore(async () => {
      await start(red, blue);
      await connected(red, blue);
      await calling([], async () => {
        await runtime.restart();
        await connected(red, blue);
      });
      // The one network that there is by now names the other VF. What counts is what ADD was asked for.
      await kill(red);
      await running(blue);
      await kill(blue);
    }));

  test("loses its daemon, and has a container detached that goes on", () =>
    asBefore(async () => {
      await runtime.configure(red.config);
      await runtime.runInForeground("red");
      await calling([delOf(red)], async () => {
        await runtime.restart();
        expect(await runtime.end("red")).toMatch(/^ctr: .*(unavailable|closing)/im);
      });
      await expect(running(red)).rejects.toThrow('Device "eth0" does not exist');
      await kill(red);
    }));

  test("says why a container is refused that wants another's VF, and does not start it", () =>
    asBefore(async () => {
      await node.add("b", red.config, { container: "other" });
      await runtime.configure({ ...blue.config, deviceID: vfs[0] });
      const { status, stderr } = await runtime.run("blue");
      expect({ status, stderr }).toEqual({
        status: 1,
        stderr: expect.stringMatching(/0000:01:10\.0 belongs to container other/),
      });
      // It also has detached what was refused.
      expect(await runtime.calls()).toEqual([expect.stringMatching(/^ADD k8s\.io-blue /), delOf(blue)]);
      await runtime.remove("blue");
      addressOf(await node.podInterface("b"), red);
      await node.del("b", red.config, { container: "other" });
    }));
});

describe("a container that is removed, of which nobody tells the plugin,", () => {
  /** What is left of it: record and lease, and on the host a netdev under the name that it had for it. */
  const left = () =>
    node.shell(`ls /var/lib/cni/ib-sriov; grep -l red /var/lib/cni/networks/fabric/10.*
      ls /sys/bus/pci/devices/${vfs[0]}/net`);

  test("is detached by GC, and what is in the list is not", () =>
    asBefore(async () => {
      await node.add("b", blue.config, { container: "listed" });
      await start(red);
      await forget(red);
      expect(await left()).toMatch(/^k8s\.io-red-eth0\nlisted-net1\n\S+\neth0\n$/);
      const valid = [{ containerID: "listed", ifname: "net1" }];
      const list = { "cni.dev/valid-attachments": valid, "cni.dev/attachments": valid };
      const config = { ...red.config, cniVersion: "1.1.0", ...list };
      const outcome = await node.call({ command: "GC", container: "", ifname: "", config });
      expect(outcome).toMatchObject({ status: 0, stdout: "" });
      addressOf(await node.podInterface("b"), blue);
      await node.del("b", blue.config, { container: "listed" });
    }));

  test("is detached by the next ADD of its VF", () =>
    asBefore(async () => {
      await start(red);
      await forget(red);
      const green = wanted("green", vfs[0], "02:00:00:00:00:00:00:cc");
      await start(green);
      await running(green);
      await kill(green);
    }));
});

test("a pod of the CRI service, which makes its namespace first, keeps its interface while the daemon is restarted", () =>
  asBefore(async () => {
    const peer = { container: "peer" };
    await node.add("b", blue.config, peer);
    await runtime.configure(red.config);
    // Verbose, that is with the network, which is read some time after it has been written.
    const ready = new RegExp(`NetworkReady\\x10\\x01[^]*${red.config.deviceID}`);
    await expect.poll(() => cri(node, "Status", Buffer.of(0x08, 1)), { timeout: patience }).toMatch(ready);
    await runtime.calls();
    const pod = message(message("red", "0f9e", "default"));
    const [id = ""] = /[0-9a-f]{64}/.exec(await cri(node, "RunPodSandbox", message(pod))) ?? [];
    const [add = "", ...more] = await runtime.calls();
    const [, netns = ""] = new RegExp(`^ADD ${id} eth0 /var/run/netns/(cni-\\S+)$`).exec(add) ?? [];
    expect({ netns, more }, add).toEqual({ netns: expect.stringMatching(/^cni-/), more: [] });
    await calling([], async () => {
      await runtime.restart();
      addressOf(await node.podInterface(netns, "eth0"), red);
      await ping(id, addressOf(await node.podInterface("b"), blue));
    });
    // The second time to be sure, without the namespace that is gone by then.
    await calling([`DEL ${id} eth0 /var/run/netns/${netns}`, `DEL ${id} eth0 nowhere`], async () => {
      await cri(node, "StopPodSandbox", message(id));
      await cri(node, "RemovePodSandbox", message(id));
    });
    await node.del("b", blue.config, peer);
  }));
