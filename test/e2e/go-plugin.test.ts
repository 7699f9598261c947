// Coexistence with the Go plugin of the same name: each plugin undoes the attachments of the other, and ib-sriov
// respects the Go plugin's lock. If PEER names the Go plugin's executable, the tests run it; otherwise
// guest/go-plugin.sh does the same as its ADD and DEL.
import { beforeAll, beforeEach, describe, expect, type TestContext, test } from "vitest";
import { type Config, commandLine, hostLocal, network } from "./harness/cni.ts";
import { goPlugin, lockHolder } from "./harness/go-plugin-alternation.ts";
import { inGuest } from "./harness/guest.ts";
import { plugin, testNode, vfs } from "./harness/node.ts";

const peer = process.env.PEER;
const node = testNode({
  skipWaiting: true,
  files: [lockHolder, goPlugin],
});

const guid = "02:00:00:00:00:00:00:77";
const [vf, other, , fresh] = vfs;
const ipam = hostLocal(["10.1.0.0/24"]);
const lock = "/var/run/cni/ib-sriov/cni.lock";

/** The settings that the Go plugin is asked for, and the index of the VF at its PF. */
interface Request {
  readonly rdmaIsolation?: boolean;
  readonly index: number;
  readonly guid?: string;
  readonly linkState?: string;
  readonly ipam?: Config;
}

/** Returns the network of an attachment. The Go plugin accepts a GUID only from the runtime. */
function networkOf({ index, guid, linkState, ipam, rdmaIsolation }: Request): Config {
  return network(vfs[index] ?? "", {
    ...(rdmaIsolation === undefined ? {} : { rdmaIsolation }),
    ...(guid === undefined ? {} : { runtimeConfig: { infinibandGUID: guid } }),
    ...(linkState === undefined ? {} : { link_state: linkState }),
    ...(ipam === undefined ? {} : { ipam }),
  });
}

/** Makes a call of the Go plugin, which must succeed. */
async function callPeer(command: "ADD" | "DEL", pod: string, request: Request): Promise<void> {
  await node.shell(commandLine(inGuest(goPlugin), { command, netns: pod, config: networkOf(request) }));
}
/** Attaches a VF to a pod with the Go plugin. */
const addByPeer = (pod: string, request: Request) => callPeer("ADD", pod, request);

/**
 * Removes the settings of the VFs that the Go plugin's ADD or DEL loses permanently, so that the rest can be compared:
 * the link state, a node GUID that differs from the port GUID, admin state, and of VF 0, which gets a GUID, MTU and
 * alternative name.
 */
async function removeLostSettings(): Promise<void> {
  await node.setGuid(0, "0a:00:00:00:00:00:00:02");
  await node.shell(`name=$(ls /sys/bus/pci/devices/${vf}/net)
    for index in 0 1 3; do ip link set ib0 vf $index state auto; done
    ip link set dev "$(ls /sys/bus/pci/devices/${other}/net)" down`);
}

beforeAll(removeLostSettings, 120_000);

/** Runs a test that must leave such a node as it was before. */
async function asBefore(steps: () => Promise<void>): Promise<void> {
  try {
    await node.unchanged(steps);
  } catch (error) {
    await removeLostSettings();
    throw error;
  }
}

describe("what a killed call of the Go plugin leaves", () => {
  const request = { index: 0, guid };
  /** Makes a call of the Go plugin that is killed after a call of its rebind. */
  async function kill(command: "ADD" | "DEL", at: "unbind" | "bind", of: Request = request): Promise<void> {
    const call = { command, netns: "a", config: networkOf(of) };
    const { status, stderr } = await node.guest.execute(
      commandLine(inGuest(goPlugin), call, `env KILL_AT=${at}`),
    );
    expect(status, stderr).toBe(137);
  }
  const guidOf = async (pci: string) =>
    (await node.shell(`cat /sys/bus/pci/devices/${pci}/net/*/address`)).trim().slice(-23);
  const second = { container: "c2" };
  const taken = networkOf({ index: 1, guid });

  beforeEach(async () => {
    await node.reset();
    await removeLostSettings();
  }, 120_000);

  /** The ways of the Go plugin to leave a pod's GUID on a VF, without a cache. */
  const leaveGuid: readonly (readonly [string, () => Promise<void>])[] = [
    ["ADD that was killed before the cache", () => kill("ADD", "bind")],
    [
      "DEL after the namespace was gone",
      async () => {
        await node.shell("ip netns add gone");
        await addByPeer("gone", request);
        await node.shell("ip netns del gone");
        await node.until(`ls /sys/bus/pci/devices/${vf}/net/* >/dev/null 2>&1`);
        await callPeer("DEL", "gone", request);
      },
    ],
  ];

  test.each(leaveGuid)(
    "%s: ADD refuses the pod's GUID with the command that makes it free",
    async (_, leave) => {
      await leave();
      expect(await guidOf(vf)).toBe(guid);
      const { code, msg } = await node.refused({ command: "ADD", netns: "b", config: taken, ...second });
      expect(code).toBe(7);
      expect(msg).toMatch(
        new RegExp(`runs with it; no attachment has VF ${vf}: to take the GUID from it, run: ib-sriov`),
      );
      const [, command] = /run: (ib-sriov [^;]*);/.exec(msg) ?? [];
      await node.shell(`/host/${command}`);
      expect(await guidOf(vf)).not.toBe(guid);
      await node.add("b", taken, second);
      await node.del("b", taken, second);
    },
  );

  test.each(leaveGuid)("%s: DEL takes the pod's GUID from the VF", async (_, leave) => {
    await leave();
    const { status, stderr } = await node.call({ command: "DEL", netns: "a", config: networkOf(request) });
    expect([status, stderr]).toEqual([
      0,
      expect.stringContaining(`VF ${vf} has GUID ${guid}, which this call names`),
    ]);
    expect(await guidOf(vf)).toBe("ff:ff:ff:ff:ff:ff:ff:ff");
    await node.del("a", networkOf(request));
    await node.add("b", taken, second);
    await node.del("b", taken, second);
  });

  test("between unbind and bind: DEL takes the pod's GUID from the VF, and binds it", async () => {
    await kill("ADD", "unbind");
    await node.call({ command: "DEL", netns: "a", config: networkOf(request) });
    expect(await guidOf(vf)).toBe("ff:ff:ff:ff:ff:ff:ff:ff");
  });

  test("between unbind and bind: DEL of another call reports the VF without a driver, and provision binds it", async () => {
    await kill("ADD", "unbind");
    const { status, stderr } = await node.call({
      command: "DEL",
      netns: "a",
      config: networkOf({ index: 0 }),
    });
    expect([status, stderr]).toEqual([
      0,
      expect.stringMatching(new RegExp(`VF ${vf} has no driver, .* run: ib-sriov bind ${vf}`)),
    ]);
    expect(await node.shell("/host/ib-sriov provision")).toContain(`${vf}: kept`);
    expect(await guidOf(vf)).toBe(guid);
  });

  test("provision does not bind a VF for which the kernel loads no driver, or that is reserved", async () => {
    const directory = `/sys/bus/pci/devices/${vf}`;
    await kill("ADD", "unbind");
    for (const [file, value, before] of [
      [`${directory}/driver_override`, "vfio-pci", "\\n"],
      [`${directory}/physfn/sriov_drivers_autoprobe`, "0", "1"],
    ]) {
      await node.shell(`echo ${value} >${file}`);
      expect((await node.guest.execute("/host/ib-sriov provision")).stdout).toContain(
        `VF ${vf} has no driver`,
      );
      await node.shell(`printf "${before}" >${file}`);
    }
  });

  test.each(["unbind", "bind"] as const)(
    "after %s in DEL: our DEL restores the netdev's name from the cache",
    async (at) => {
      const name = await node.hostNetdev(vf);
      const own = await guidOf(vf);
      await addByPeer("a", request);
      await kill("DEL", at);
      await node.call({ command: "DEL", netns: "a", config: networkOf(request) });
      expect(await node.hostNetdev(vf)).toBe(name);
      expect(await guidOf(vf)).toBe(own);
    },
  );

  test("a DEL that is repeated does not take the VF's own GUID, which its network names", async () => {
    const own = { index: 0, guid: await guidOf(vf) };
    await node.add("a", networkOf(own));
    await node.del("a", networkOf(own));
    await node.del("a", networkOf(own));
    expect(await guidOf(vf)).toBe(own.guid);
    // Nor does the DEL after an ADD that has failed.
    await node.shell("ip -n b link add net1 type dummy");
    await node.refused({ command: "ADD", netns: "b", config: networkOf(own), ...second });
    for (let i = 0; i < 2; i++)
      await node.call({ command: "DEL", netns: "b", config: networkOf(own), ...second });
    expect(await guidOf(vf)).toBe(own.guid);
    await node.shell("ip -n b link del net1");
  });
});

test.each([
  ["with all settings", { index: 0, guid, linkState: "enable", ipam }],
  ["with only the move", { index: 1 }],
  ["of a VF that had no GUID", { index: 3, guid }],
] as const)("DEL of the Go plugin's attachment %s", (_, request) =>
  asBefore(async () => {
    await addByPeer("a", request);
    await node.del("a", networkOf(request));
    await node.del("a", networkOf(request));
  }),
);

// CRI-O calls CHECK for each running pod when it starts, also if the plugin was replaced in the meantime.
test("CHECK of the Go plugin's attachment passes, with a warning", () =>
  asBefore(async () => {
    const request = { index: 0, guid, linkState: "enable", ipam };
    await addByPeer("a", request);
    const prevResult = { cniVersion: "1.0.0", interfaces: [{ name: "net1", sandbox: "/run/netns/a" }] };
    const config = { ...networkOf(request), prevResult };
    expect(await node.call({ command: "CHECK", netns: "a", config })).toMatchObject({
      status: 0,
      stdout: "",
      stderr: expect.stringContaining("the Go plugin has attached container c1"),
    });
    await node.del("a", networkOf(request));
  }));

test("DEL of the Go plugin's attachment when the pod's namespace is gone", () =>
  asBefore(async () => {
    const request = { index: 0, guid, linkState: "enable", ipam };
    await node.shell("ip netns add gone");
    await addByPeer("gone", request);
    await node.shell("ip netns del gone");
    await node.del("", networkOf(request));
  }));

test("DEL of the Go plugin's attachment of a VF that was created again only releases the lease", () =>
  asBefore(async () => {
    const request = { index: 3, guid, ipam };
    await addByPeer("a", request);
    await node.shell("cd /sys/bus/pci/devices/0000:01:00.0; echo 0 >sriov_numvfs; echo 4 >sriov_numvfs");
    const made = (await node.snapshot()).filter((line) => !line.startsWith("file "));
    await node.del("a", networkOf(request));
    expect(await node.snapshot()).toEqual(made);
    await node.reset();
    await removeLostSettings();
  }));

test("a late DEL of the Go plugin's attachment does not change a VF that another pod already has", () =>
  asBefore(async () => {
    const request = { index: 0, guid, linkState: "enable", ipam };
    await addByPeer("a", request);
    await node.shell("cp -a /var/lib/cni/ib-sriov/c1-net1 /tmp/cache");
    await node.del("a", networkOf(request));
    await node.add("b", network(fresh, { guid }), { container: "c2" });
    await node.add("b", network(vf, { guid: "02:00:00:00:00:00:00:88" }), {
      container: "c3",
      ifname: "net3",
    });
    await node.shell("cp -a /tmp/cache /var/lib/cni/ib-sriov/c1-net1");
    await node.del("a", networkOf(request));
    expect((await node.podInterface("b", "net3")).address).toMatch(/02:00:00:00:00:00:00:88$/);
    await node.del("b", network(vf), { container: "c3", ifname: "net3" });
    await node.del("b", network(fresh), { container: "c2" });
  }));

test("ADD of an attachment that the Go plugin has already made is refused as a duplicate", () =>
  asBefore(async () => {
    const request = { index: 0, guid };
    await addByPeer("a", request);
    const answer = await node.refused({ command: "ADD", netns: "a", config: networkOf(request) });
    expect(answer).toMatchObject({ code: 4, msg: expect.stringContaining("has an attachment net1") });
    expect((await node.podInterface("a")).flags).toContain("UP");
    await node.del("a", networkOf(request));
  }));

test("ADD waits for the Go plugin's lock", () =>
  asBefore(async () => {
    await holdLock(20);
    await node.add("a", network(vf, { guid }));
    await node.until("! pidof hold-lock >/dev/null", 1);
    await node.del("a", network(vf, { guid }));
  }));

test("ADD that cannot get the Go plugin's lock gives up, and names the lock", () =>
  asBefore(async () => {
    await holdLock(1000);
    const answer = await node.refused({ command: "ADD", netns: "a", config: network(vf, { guid }) }, 200);
    expect(answer).toMatchObject({ code: 11, msg: expect.stringContaining(lock) });
    // An ADD without a rebind does not wait for the lock.
    await node.add("b", network(other), { container: "c2" });
    await node.del("b", network(other), { container: "c2" });
    await node.shell("kill $(pidof hold-lock)");
    await node.until("! pidof hold-lock >/dev/null");
  }));

test("ADD works without the Go plugin's lock if its directory cannot be created", () =>
  asBefore(async () => {
    await node.shell("rm -rf /var/run/cni; touch /var/run/cni");
    await node.add("a", network(vf, { guid }));
    await node.del("a", network(vf, { guid }));
    await node.shell("rm /var/run/cni");
  }));

test("ADD does not rebind if the Go plugin's lock cannot be opened", async () => {
  await node.shell(`rm -rf /var/run/cni; mkdir -p ${lock}`);
  try {
    const answer = await node.addRefused(network(vf, { guid }));
    expect(answer).toMatchObject({ code: 100, msg: expect.stringContaining(lock) });
  } finally {
    await node.shell(`rmdir ${lock}`);
  }
});

/** Starts a process that holds the Go plugin's lock for some time. */
async function holdLock(seconds: number): Promise<void> {
  await node.shell(`mkdir -p /var/run/cni/ib-sriov
    ${inGuest(lockHolder)} ${lock} ${seconds} </dev/null >/tmp/held 2>&1 &`);
  await node.until("grep -q held /tmp/held");
}

/** Skips a test whose subject guest/go-plugin.sh does not have, if PEER is not set. */
function requirePeer({ skip }: TestContext): void {
  if (peer === undefined) skip("PEER does not name the Go plugin's executable");
}

test.each([
  ["with all settings", { index: 0, guid, linkState: "enable", ipam }],
  ["with only the move", { index: 1 }],
  ["of a VF that had no GUID", { index: 3, guid }],
] as const)("the Go plugin's DEL of an attachment of ib-sriov %s", (_, request) =>
  asBefore(async () => {
    const name = await node.hostNetdev(vfs[request.index]);
    await node.add("a", networkOf(request));
    await callPeer("DEL", "a", request);
    // ib-sriov's ADD removes alternative names, which the Go plugin does not restore.
    if (request.index === 1) await node.shell(`ip link property add dev ${name} altname rail1`);
    // The lock file still names the owner, which has no effect without a record.
    await node.add("b", networkOf(request), { container: "c2" });
    await node.del("b", networkOf(request), { container: "c2" });
  }),
);

test("the Go plugin's DEL of an attachment of ib-sriov whose ADD was killed before the move fails; gc undoes it", () =>
  asBefore(async () => {
    await node.plugin("fatal", "[ $CNI_COMMAND != ADD ] || kill -KILL $PPID");
    const request = { index: 0, guid, linkState: "enable", ipam: { type: "fatal" } };
    const { status } = await node.call({ command: "ADD", netns: "a", config: networkOf(request) });
    expect(status).toBe(137);
    await expect(callPeer("DEL", "a", request)).rejects.toThrow("net1");
    await node.shell(`${plugin} gc`);
    await callPeer("DEL", "a", request);
  }));

test("ADD waits for a slow call of the Go plugin", async (context) => {
  requirePeer(context);
  await asBefore(async () => {
    await node.plugin("endless", "[ $CNI_COMMAND != ADD ] || { touch /tmp/started; sleep 20; exit 1; }");
    const slow = {
      command: "ADD",
      container: "c2",
      netns: "b",
      config: network(other, { ipam: { type: "endless" } }),
    };
    await node.shell(
      `rm -f /tmp/started; { ${commandLine(inGuest(goPlugin), slow)}; } </dev/null >/tmp/slow 2>&1 &`,
    );
    await node.until("[ -e /tmp/started ]");
    await node.add("a", network(vf, { guid }));
    expect(await node.shell("pidof sleep || echo ended")).toBe("ended\n");
    await node.del("a", network(vf, { guid }));
  });
});

describe("in exclusive mode, in which an RDMA device belongs to one namespace", () => {
  const request = { index: 0, guid, linkState: "enable", ipam, rdmaIsolation: true };
  const devicesOf = (pod: string) => node.shell(`ip netns exec ${pod} rdma dev`);

  beforeAll(async () => {
    if (peer === undefined) return;
    await node.makeRdmaExclusive();
    await removeLostSettings();
  }, 120_000);

  test("DEL returns the RDMA device that the Go plugin has moved", async (context) => {
    requirePeer(context);
    await asBefore(async () => {
      await addByPeer("a", request);
      expect(await devicesOf("a")).toContain("mlx5_");
      await node.del("a", networkOf(request));
    });
  });

  test("the Go plugin's DEL returns the RDMA device that ib-sriov has moved", async (context) => {
    requirePeer(context);
    await asBefore(async () => {
      await node.add("a", networkOf(request));
      expect(await devicesOf("a")).toContain("mlx5_");
      await callPeer("DEL", "a", request);
      // The lock file names the old owner until another container gets the VF, or DEL comes once more.
      await node.del("a", networkOf(request));
    });
  });
});
