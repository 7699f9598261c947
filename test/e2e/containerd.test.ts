// Debian's containerd as the caller: with ctr, and with the CRI service that kubelet uses. Its libcni knows only ADD,
// DEL and CHECK; these tests call GC as newer versions do.
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { patience } from "../support/patience.ts";
import { type Config, hostLocal, network } from "./harness/cni.ts";
import { busybox, Containerd, containerdFiles } from "./harness/containerd.ts";
import { cri, criId, message } from "./harness/cri.ts";
import { Alternation, goPlugin, lockHolder, pods } from "./harness/go-plugin-alternation.ts";
import { type PodInterface, plugin, testNode, vfs } from "./harness/node.ts";

const node = testNode({ containerd: true, pfs: 3, files: [...containerdFiles, goPlugin, lockHolder] });
const runtime = new Containerd(node);
beforeAll(() => runtime.renew(), 120_000);
afterEach(() => runtime.calls());

/** A container, and the attachment that it requests. */
interface Container {
  readonly id: string;
  readonly config: Config;
  readonly guid: string;
}

const describeContainer = (id: string, vf: string, guid: string): Container => ({
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
const red = describeContainer("red", vfs[0], "02:00:00:00:00:00:00:aa");
const blue = describeContainer("blue", vfs[1], "02:00:00:00:00:00:00:bb");

/**
 * Runs a test that must leave the node as it was before. If it fails, containerd is set up again without containers.
 */
async function asBefore(steps: () => Promise<void>): Promise<void> {
  try {
    await node.unchanged(steps);
  } catch (error) {
    await runtime.renew().catch((second: unknown) => {
      throw new AggregateError([error, second], "a test failed, and containerd cannot be set up again");
    });
    throw error;
  }
}

/** Expects an interface to have the GUID of a container, and one address. Returns the address. */
function addressOf({ address, flags, addr_info }: PodInterface, { guid }: Container): string {
  // The last 8 of an IPoIB address's 20 bytes are the port GUID.
  expect(address.slice(-guid.length)).toBe(guid);
  expect(flags).toContain("UP");
  const addresses = addr_info.map(({ local }) => local).filter((local) => local.startsWith("10.1.0."));
  expect(addresses).toHaveLength(1);
  return addresses[0] ?? "";
}

/** Expects a container to run with the interface that it requests. Returns its address. */
const running = async (container: Container) => addressOf(await runtime.interfaceOf(container.id), container);

/** Expects a container to reach an address. */
async function ping(id: string, address: string): Promise<void> {
  const output = await runtime.execute(id, `${busybox} ping -c 1 -W 10 ${address}`);
  expect(output).toContain(", 0% packet loss");
}

/** Expects each of two containers to have its interface, and the first to reach the second. */
async function connected(one: Container, other: Container): Promise<void> {
  await running(one);
  await ping(one.id, await running(other));
}

async function start(...containers: Container[]): Promise<void> {
  for (const { id, config } of containers) {
    await runtime.configure(config);
    await runtime.runDetached(id);
  }
}

/** Expects steps to make these calls of the plugin, and no other. */
async function calling(calls: string[], steps: () => Promise<void>): Promise<void> {
  await runtime.calls();
  await steps();
  expect(await runtime.calls()).toEqual(calls);
}

/** Returns the DEL that ctr makes for a container: it never names a namespace, whether the container runs or not. */
const delOf = ({ id }: Container) => `DEL k8s.io-${id} eth0 nowhere`;

const kill = (container: Container) => calling([delOf(container)], () => runtime.kill(container.id));

/** Removes the container without a call of the plugin. */
async function forget({ id }: Container): Promise<void> {
  await calling([], () => runtime.remove(id));
  // libcni removes its own file of an attachment at its DEL, which newer versions call before GC.
  await node.shell(`rm /var/lib/cni/results/fabric-k8s.io-${id}-eth0`);
}

describe("ctr run --cni", () => {
  test("gives two containers their GUIDs and addresses; one reaches the other; when they end, DEL is called", () =>
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
      // The kernel removes the namespace with its last process, before DEL.
      await calling([delOf(red), delOf(blue)], async () => {
        await node.shell(`kill -KILL ${first}`);
        expect(await runtime.end("red")).toBe("");
        await running(blue);
        await node.shell(`kill -KILL ${second}`);
        expect(await runtime.end("blue")).toBe("");
      });
    }));

  test("with a daemon that is restarted: the containers keep their interfaces until they are killed", () =>
    asBefore(async () => {
      await start(red, blue);
      await connected(red, blue);
      await calling([], async () => {
        await runtime.restart();
        await connected(red, blue);
      });
      // The only network that now exists names the other VF. DEL uses the request of ADD.
      await kill(red);
      await running(blue);
      await kill(blue);
    }));

  test("loses its daemon, and calls DEL for a container that keeps running", () =>
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

  test("prints why a container that requests another container's VF is refused, and does not start it", () =>
    asBefore(async () => {
      await node.add("b", red.config, { container: "other" });
      await runtime.configure({ ...blue.config, deviceID: vfs[0] });
      const { status, stderr } = await runtime.run("blue");
      expect({ status, stderr }).toEqual({
        status: 1,
        stderr: expect.stringMatching(/0000:01:10\.0 belongs to container other/),
      });
      // After ADD was refused, ctr called DEL for that container.
      expect(await runtime.calls()).toEqual([expect.stringMatching(/^ADD k8s\.io-blue /), delOf(blue)]);
      await runtime.remove("blue");
      addressOf(await node.podInterface("b"), red);
      await node.del("b", red.config, { container: "other" });
    }));
});

describe("the attachment of a container that is removed without a DEL", () => {
  /**
   * Lists the remains of the attachment: record and lease, and the netdev in the host namespace under its name in the
   * pod.
   */
  const left = () =>
    node.shell(`ls /var/lib/cni/ib-sriov; grep -l red /var/lib/cni/networks/fabric/10.*
      ls /sys/bus/pci/devices/${vfs[0]}/net`);

  test("is undone by GC, which keeps the listed attachments", () =>
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

  test("is undone by the next ADD of its VF", () =>
    asBefore(async () => {
      await start(red);
      await forget(red);
      const green = describeContainer("green", vfs[0], "02:00:00:00:00:00:00:cc");
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
    // The verbose status contains the network, which containerd reads some time after it was written.
    const ready = new RegExp(`NetworkReady\\x10\\x01[^]*${red.config.deviceID}`);
    await expect.poll(() => cri(node, "Status", message({ 1: true })), { timeout: patience }).toMatch(ready);
    await runtime.calls();
    const pod = message({ 1: message({ 1: "red", 2: "0f9e", 3: "default" }) });
    const id = await criId(node, "RunPodSandbox", message({ 1: pod }));
    const [add = "", ...more] = await runtime.calls();
    const [, netns = ""] = new RegExp(`^ADD ${id} eth0 /var/run/netns/(cni-\\S+)$`).exec(add) ?? [];
    expect({ netns, more }, add).toEqual({ netns: expect.stringMatching(/^cni-/), more: [] });
    await calling([], async () => {
      await runtime.restart();
      addressOf(await node.podInterface(netns, "eth0"), red);
      await ping(id, addressOf(await node.podInterface("b"), blue));
    });
    // The CRI service calls DEL a second time to be sure, without the namespace, which is gone then.
    await calling([`DEL ${id} eth0 /var/run/netns/${netns}`, `DEL ${id} eth0 nowhere`], async () => {
      await cri(node, "StopPodSandbox", message({ 1: id }));
      await cri(node, "RemovePodSandbox", message({ 1: id }));
    });
    await node.del("b", blue.config, peer);
  }));

const instead =
  process.env.PEER === undefined ? " (a script in its place, because PEER names no executable)" : "";
describe(`the Go plugin${instead} and ib-sriov, installed in turn under 21 attachments`, () => {
  const alternation = new Alternation(node);
  beforeAll(() => alternation.setUp());

  test("each ends what the other has attached, and the node is as before", () =>
    asBefore(async () => {
      const rounds = [
        ["ib-sriov", [0, 1]],
        ["Go plugin", [0]],
        ["ib-sriov", [0]],
      ] as const;
      await alternation.install("Go plugin");
      for (const pod of pods) await alternation.start(pod);
      for (const [installed, replaced] of rounds) {
        await alternation.install(installed);
        for (const pod of replaced) {
          await alternation.end(pod);
          await alternation.start(pod);
        }
        await alternation.expectPods();
      }
      // One that was attached after the rollback, one before it, and one from the beginning.
      for (const pod of pods) await alternation.end(pod);
      // The Go plugin's DEL of an attachment of ib-sriov leaves the note of its GUID.
      await node.shell(`${plugin} gc`);
    }));
});
