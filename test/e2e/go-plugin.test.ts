// Beside the Go plugin of the same name: either detaches what the other attached, and its lock is honoured. Where PEER
// names that plugin's executable it does its part itself; otherwise guest/reference-add.sh does what it would.
import { beforeAll, describe, expect, type TestContext, test } from "vitest";
import { type Config, commandLine, hostLocal, network } from "./cni.ts";
import { compile } from "./compile.ts";
import { inGuest, inRepository } from "./guest.ts";
import { testNode, vfs } from "./node.ts";

const peer = process.env.PEER;
const script = inRepository("test/e2e/guest/reference-add.sh");
const holder = compile("test/e2e/guest/hold-lock.c");
const node = testNode({
  skipWaiting: true,
  files: [script, holder, ...(peer === undefined ? [] : [peer])],
});

const guid = "02:00:00:00:00:00:00:77";
const [vf, other, , fresh] = vfs;
const ipam = hostLocal(["10.1.0.0/24"]);
const lock = "/var/run/cni/ib-sriov/cni.lock";

/** What the Go plugin is asked for, and the index of the VF at its PF. */
interface Wanted {
  readonly rdmaIsolation?: boolean;
  readonly index: number;
  readonly guid?: string;
  readonly linkState?: string;
  readonly ipam?: Config;
}

/** The network of an attachment. The Go plugin knows a GUID only from the runtime. */
function networkOf({ index, guid, linkState, ipam, rdmaIsolation }: Wanted): Config {
  return network(vfs[index] ?? "", {
    ...(rdmaIsolation === undefined ? {} : { rdmaIsolation }),
    ...(guid === undefined ? {} : { runtimeConfig: { infinibandGUID: guid } }),
    ...(linkState === undefined ? {} : { link_state: linkState }),
    ...(ipam === undefined ? {} : { ipam }),
  });
}

/** The Go plugin attaches a VF to a pod. */
async function attachedByPeer(pod: string, wanted: Wanted): Promise<void> {
  if (peer !== undefined) {
    const call = { command: "ADD", netns: pod, config: networkOf(wanted) };
    await node.shell(commandLine(inGuest(peer), call));
    return;
  }
  const { index, guid = "", linkState = "", ipam = {} } = wanted;
  await node.shell(
    `bash /host/reference-add.sh ${vfs[index]} ${index} ${pod} c1 '${guid}' '${linkState}' '${JSON.stringify(ipam)}'`,
  );
}

/**
 * Takes from the VFs what the Go plugin's ADD, or its DEL, loses for good, so that the rest can be compared: the link
 * state, a node GUID other than the port's, admin state, and of VF 0, which gets a GUID, MTU and alternative name.
 */
async function withoutWhatIsLost(): Promise<void> {
  await node.setGuid(0, "0a:00:00:00:00:00:00:02");
  await node.shell(`name=$(ls /sys/bus/pci/devices/${vf}/net)
    for index in 0 1 3; do ip link set ib0 vf $index state auto; done
    ip link set dev "$(ls /sys/bus/pci/devices/${other}/net)" down`);
}

beforeAll(withoutWhatIsLost, 120_000);

/** A test that must leave such a node as it was before. */
async function asBefore(steps: () => Promise<void>): Promise<void> {
  try {
    await node.unchanged(steps);
  } catch (error) {
    await withoutWhatIsLost();
    throw error;
  }
}

test.each([
  ["with all that it can set", { index: 0, guid, linkState: "enable", ipam }],
  ["with nothing but the move", { index: 1 }],
  ["of a VF that had no GUID", { index: 3, guid }],
] as const)("DEL of the Go plugin's attachment %s", (_, wanted) =>
  asBefore(async () => {
    await attachedByPeer("a", wanted);
    await node.del("a", networkOf(wanted));
    await node.del("a", networkOf(wanted));
  }),
);

test("DEL of the Go plugin's attachment when the pod's namespace is gone", () =>
  asBefore(async () => {
    const wanted = { index: 0, guid, linkState: "enable", ipam };
    await node.shell("ip netns add gone");
    await attachedByPeer("gone", wanted);
    await node.shell("ip netns del gone");
    await node.del("", networkOf(wanted));
  }));

test("DEL of the Go plugin's attachment of a VF that was made anew only releases the lease", () =>
  asBefore(async () => {
    const wanted = { index: 3, guid, ipam };
    await attachedByPeer("a", wanted);
    await node.shell("cd /sys/bus/pci/devices/0000:01:00.0; echo 0 >sriov_numvfs; echo 4 >sriov_numvfs");
    const made = (await node.snapshot()).filter((line) => !line.startsWith("file "));
    await node.del("a", networkOf(wanted));
    expect(await node.snapshot()).toEqual(made);
    await node.reset();
    await withoutWhatIsLost();
  }));

test("a late DEL of the Go plugin's attachment leaves a VF alone that another pod has by now", () =>
  asBefore(async () => {
    const wanted = { index: 0, guid, linkState: "enable", ipam };
    await attachedByPeer("a", wanted);
    await node.shell("cp -a /var/lib/cni/ib-sriov/c1-net1 /tmp/cache");
    await node.del("a", networkOf(wanted));
    await node.add("b", network(fresh, { guid }), { container: "c2" });
    await node.add("b", network(vf, { guid: "02:00:00:00:00:00:00:88" }), {
      container: "c3",
      ifname: "net3",
    });
    await node.shell("cp -a /tmp/cache /var/lib/cni/ib-sriov/c1-net1");
    await node.del("a", networkOf(wanted));
    expect((await node.podInterface("b", "net3")).address).toMatch(/02:00:00:00:00:00:00:88$/);
    await node.del("b", network(vf), { container: "c3", ifname: "net3" });
    await node.del("b", network(fresh), { container: "c2" });
  }));

test("ADD of what the Go plugin has attached already is refused as a duplicate", () =>
  asBefore(async () => {
    const wanted = { index: 0, guid };
    await attachedByPeer("a", wanted);
    const answer = await node.refused({ command: "ADD", netns: "a", config: networkOf(wanted) });
    expect(answer).toMatchObject({ code: 4, msg: expect.stringContaining("has an attachment net1") });
    expect((await node.podInterface("a")).flags).toContain("UP");
    await node.del("a", networkOf(wanted));
  }));

test("ADD waits for the Go plugin's lock", () =>
  asBefore(async () => {
    await holdLock(20);
    await node.add("a", network(vf, { guid }));
    await node.until("! pidof hold-lock >/dev/null", 1);
    await node.del("a", network(vf, { guid }));
  }));

test("ADD that cannot have the Go plugin's lock gives up, and says which it is", () =>
  asBefore(async () => {
    await holdLock(1000);
    const answer = await node.refused({ command: "ADD", netns: "a", config: network(vf, { guid }) }, 200);
    expect(answer).toMatchObject({ code: 11, msg: expect.stringContaining(lock) });
    // Without a rebind nobody has to wait.
    await node.add("b", network(other), { container: "c2" });
    await node.del("b", network(other), { container: "c2" });
    await node.shell("kill $(pidof hold-lock)");
    await node.until("! pidof hold-lock >/dev/null");
  }));

test("where the directory of the Go plugin's lock cannot be made there is no such lock", () =>
  asBefore(async () => {
    await node.shell("rm -rf /var/run/cni; touch /var/run/cni");
    await node.add("a", network(vf, { guid }));
    await node.del("a", network(vf, { guid }));
    await node.shell("rm /var/run/cni");
  }));

test("where the Go plugin's lock cannot be opened nothing is rebound", async () => {
  await node.shell(`rm -rf /var/run/cni; mkdir -p ${lock}`);
  try {
    const answer = await node.addRefused(network(vf, { guid }));
    expect(answer).toMatchObject({ code: 100, msg: expect.stringContaining(lock) });
  } finally {
    await node.shell(`rmdir ${lock}`);
  }
});

/** Has somebody hold the Go plugin's lock for some time. */
async function holdLock(seconds: number): Promise<void> {
  await node.shell(`mkdir -p /var/run/cni/ib-sriov
    ${inGuest(holder)} ${lock} ${seconds} </dev/null >/tmp/held 2>&1 &`);
  await node.until("grep -q held /tmp/held");
}

/** The Go plugin's executable in the guest; without it the test is left out. */
function requirePeer({ skip }: TestContext): string {
  if (peer === undefined) skip("PEER does not name the Go plugin's executable");
  return inGuest(peer ?? "");
}

test.for([
  ["with all that it can set", { index: 0, guid, linkState: "enable", ipam }],
  ["with nothing but the move", { index: 1 }],
  ["of a VF that had no GUID", { index: 3, guid }],
] as const)("the Go plugin's DEL of an attachment of ours %s", async ([, wanted], context) => {
  const goPlugin = requirePeer(context);
  await asBefore(async () => {
    const name = await node.hostNetdev(vfs[wanted.index]);
    await node.add("a", networkOf(wanted));
    await node.shell(commandLine(goPlugin, { command: "DEL", netns: "a", config: networkOf(wanted) }));
    // Our ADD takes alternative names off, of which the Go plugin knows nothing.
    if (wanted.index === 1) await node.shell(`ip link property add dev ${name} altname rail1`);
    // Whose the VF is, our lock file still says; without a record that means nothing.
    await node.add("b", networkOf(wanted), { container: "c2" });
    await node.del("b", networkOf(wanted), { container: "c2" });
  });
});

test("the Go plugin's slow call is waited for", async (context) => {
  const goPlugin = requirePeer(context);
  await asBefore(async () => {
    await node.plugin("endless", "[ $CNI_COMMAND != ADD ] || { touch /tmp/started; sleep 20; exit 1; }");
    const theirs = {
      command: "ADD",
      container: "c2",
      netns: "b",
      config: network(other, { ipam: { type: "endless" } }),
    };
    await node.shell(
      `rm -f /tmp/started; { ${commandLine(goPlugin, theirs)}; } </dev/null >/tmp/slow 2>&1 &`,
    );
    await node.until("[ -e /tmp/started ]");
    await node.add("a", network(vf, { guid }));
    expect(await node.shell("pidof sleep || echo ended")).toBe("ended\n");
    await node.del("a", network(vf, { guid }));
  });
});

describe("where an RDMA device belongs to one namespace", () => {
  const wanted = { index: 0, guid, linkState: "enable", ipam, rdmaIsolation: true };
  const devicesOf = (pod: string) => node.shell(`ip netns exec ${pod} rdma dev`);

  beforeAll(async () => {
    if (peer === undefined) return;
    await node.makeRdmaExclusive();
    await withoutWhatIsLost();
  }, 120_000);

  test("DEL brings the RDMA device home that the Go plugin has moved", async (context) => {
    requirePeer(context);
    await asBefore(async () => {
      await attachedByPeer("a", wanted);
      expect(await devicesOf("a")).toContain("mlx5_");
      await node.del("a", networkOf(wanted));
    });
  });

  test("the Go plugin's DEL brings the RDMA device home that we have moved", async (context) => {
    const goPlugin = requirePeer(context);
    await asBefore(async () => {
      await node.add("a", networkOf(wanted));
      expect(await devicesOf("a")).toContain("mlx5_");
      await node.shell(commandLine(goPlugin, { command: "DEL", netns: "a", config: networkOf(wanted) }));
      // Whose the VF was our lock file says until somebody else has it, or DEL comes once more.
      await node.del("a", networkOf(wanted));
    });
  });
});
