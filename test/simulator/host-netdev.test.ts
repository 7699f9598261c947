// The VF's netdev on the host gets back what it had, and the time that takes.
import { describe, expect, test } from "vitest";
import { CniError } from "../../src/cni/errors.ts";
import { INITIAL_NAPI_SETTINGS } from "../../src/node/napi-settings.ts";
import { c1, vf } from "./harness/default-node.ts";
import { killedAfter } from "./harness/faults.ts";
import { SimulatedNode } from "./harness/simulated-node.ts";
import { stateDirectory } from "./harness/state.ts";
import type { Machine } from "./model/machine.ts";
import { OpenFile } from "./model/open-file.ts";
import { Refusal } from "./model/refusal.ts";
import { everything } from "./scenarios/requests.ts";
import { changeSettings } from "./scenarios/tampering.ts";

/** The VF's netdev on the host. */
function netdevOf({ host }: Machine) {
  const netdev = host.ofFunction(vf)[0]?.[1];
  if (netdev === undefined) throw new Error("the VF has no netdev on the host");
  return netdev;
}

test("its name, also where it is up under another one and has the old one beside it", () => {
  const story = new SimulatedNode({});
  story.add(c1, { vf }, killedAfter("files.create"));
  const netdev = netdevOf(story.machine);
  netdev.name = "ib1";
  netdev.altnames = ["ibp1s0f0v0", "rail0"];
  expect(netdev.up).toBe(true);
  story.mustDel(c1, { vf });
  story.requireAsBefore("after DEL");
});

test("all of it, also where the time of ADD is over when putting back begins, and the node is locked then", () => {
  const story = new SimulatedNode({ lateNetdev: 60 });
  const { files, programs, time } = story.machine;
  // The IPAM plugin's ADD hangs until time is up.
  programs.set("/opt/cni/bin/host-local", (child) => {
    if (child.environment.get("CNI_COMMAND") === "DEL") child.exit(0, "");
  });
  const holder = { pid: 77, pids: [77], command: "ib-sriov" };
  const somebody = new OpenFile(files, `${stateDirectory}/.node`, holder);
  time.after(50_000, () => somebody.tryLock());
  time.after(95_000, () => somebody.close(holder));
  const { end, error } = story.add(c1, everything);
  expect(end).toBe("failed");
  expect(error).toBeInstanceOf(CniError);
  expect(error).toMatchObject({ message: expect.stringContaining("IPAM plugin") });
  story.requireAsBefore("after ADD");
});

test("an address that another node has is refused, and nothing is left of it", () => {
  const story = new SimulatedNode({});
  const wish = { ...everything, subnets: ["fd00::/64"] };
  story.machine.duplicateAddress = "fd00::2/64";
  const { end, error } = story.add(c1, wish);
  expect(end).toBe("failed");
  expect(error).toMatchObject({ message: expect.stringMatching(/fd00::2.*in use/) });
  story.requireAsBefore("after ADD");
});

describe("an MTU that the port no longer allows", () => {
  const said = /MTU 1020, not the original 1800: its port allows no more/;
  const expectLower = ({ machine }: SimulatedNode, warnings: readonly string[]) => {
    expect(warnings).toContainEqual(expect.stringMatching(said));
    const netdev = netdevOf(machine);
    expect(netdev).toMatchObject({ mtu: 1020, name: "ibp1s0f0v0", altnames: ["rail0"], up: true });
    // The rest is as before.
    netdev.mtu = 1800;
  };

  test("ADD and DEL use the largest that it does, and warn", () => {
    const story = new SimulatedNode({});
    story.machine.bus.portMtu = 1024;
    const added = story.add(c1, everything);
    expect(added).toMatchObject({ end: "done", result: { interfaces: [{ mtu: 1020 }] } });
    expect(added.warnings).toContainEqual(expect.stringMatching(said));
    const { end, warnings } = story.del(c1, everything);
    expect(end).toBe("done");
    expectLower(story, warnings);
  });

  test("a rollback does, too", () => {
    const story = new SimulatedNode({});
    story.machine.bus.portMtu = 1024;
    const { programs } = story.machine;
    const hostLocal = programs.get("/opt/cni/bin/host-local");
    programs.set("/opt/cni/bin/host-local", (child) => child.exit(1, ""));
    const { end, warnings } = story.add(c1, everything);
    if (hostLocal !== undefined) programs.set("/opt/cni/bin/host-local", hostLocal);
    expect(end).toBe("failed");
    expectLower(story, warnings);
  });

  test.each([
    [{}, "datagram", 4092],
    [{ connected: true }, "connected", 65_520],
  ])("a network that asks for more is refused, with what it allows (%o)", (setting, mode, most) => {
    const story = new SimulatedNode(setting);
    const { end, error } = story.add(c1, { ...everything, mtu: most + 1 });
    expect(end).toBe("failed");
    const message = expect.stringContaining(`at most ${most} in ${mode} mode`);
    expect(error).toMatchObject({ code: 7, message });
    story.requireAsBefore("after ADD");
  });
});

test("its settings, if the kernel refuses them for good: those of a new netdev, and a warning", () => {
  const story = new SimulatedNode({});
  const before = netdevOf(story.machine).link;
  story.mustAdd(c1, { vf });
  const pod = story.machine.paths.get(c1.netns);
  const netdev = pod?.named(c1.ifname)?.[1];
  if (pod === undefined || netdev === undefined) throw new Error("the container has no interface");
  changeSettings(pod, netdev);
  const { end, warnings } = story.del(c1, { vf }, ({ call }) =>
    call === "links.setSettings" ? { end: new Refusal("EINVAL", call) } : undefined,
  );
  expect(end).toBe("done");
  expect(warnings).toContainEqual(expect.stringMatching(/EINVAL/));
  expect(warnings).toContainEqual(expect.stringMatching(/no longer the original .*alias/));
  expect(netdevOf(story.machine).link).toMatchObject({ flags: 0x1000, group: 0, alias: "", xdpGeneric: 0 });
  netdevOf(story.machine).link = before;
});

test("how its host had it polled, also after a rebind, and after one that was killed before it gave the VF a GUID", () => {
  const story = new SimulatedNode({});
  const napi = { groFlushTimeout: "20000", napiDeferHardIrqs: "2", threaded: "1" };
  netdevOf(story.machine).napi = napi;
  story.mustAdd(c1, { vf });
  const inPod = () => {
    const netdev = story.machine.paths.get(c1.netns)?.named(c1.ifname)?.[1];
    if (netdev === undefined) throw new Error("the container has no interface");
    return netdev;
  };
  inPod().napi = { groFlushTimeout: "0", napiDeferHardIrqs: "4", threaded: "0" };
  story.mustDel(c1, { vf });
  expect(netdevOf(story.machine).napi).toEqual(napi);
  story.mustAdd(c1, { vf });
  Object.assign(inPod(), { isNapiFixed: true, napi: { groFlushTimeout: "7" } });
  story.mustDel(c1, { vf });
  expect(netdevOf(story.machine).napi).toEqual(napi);
  const { end } = story.add(c1, everything, ({ call }) =>
    call === "links.setVfConfig" ? { end: "kill" } : undefined,
  );
  expect(end).toBe("killed");
  story.mustDel(c1, everything);
  expect(netdevOf(story.machine).napi).toEqual(napi);
  netdevOf(story.machine).napi = INITIAL_NAPI_SETTINGS;
});

test("a tcx program of its host stays, and one of the container ends with the netdev", () => {
  const story = new SimulatedNode({});
  netdevOf(story.machine).tcx = [3];
  story.mustAdd(c1, { vf });
  const inPod = story.machine.paths.get(c1.netns)?.named(c1.ifname)?.[1];
  if (inPod === undefined) throw new Error("the container has no interface");
  story.mustDel(c1, { vf });
  expect(netdevOf(story.machine)).toBe(inPod);
  expect(inPod.tcx).toEqual([3]);
  story.mustAdd(c1, { vf });
  inPod.tcx = [3, 9];
  story.mustDel(c1, { vf });
  expect(netdevOf(story.machine).tcx).toEqual([]);
});

test("the VF is rebound if the kernel does not tell whether the container's tcx programs are there", () => {
  const story = new SimulatedNode({});
  story.mustAdd(c1, { vf });
  const inPod = story.machine.paths.get(c1.netns)?.named(c1.ifname)?.[1];
  if (inPod === undefined) throw new Error("the container has no interface");
  inPod.tcx = [9];
  const { end, warnings } = story.del(c1, { vf }, ({ call }) =>
    call === "links.tcxPrograms" ? { part: "refused", end: "return" } : undefined,
  );
  expect(end).toBe("done");
  expect(warnings).toContainEqual(expect.stringMatching(/bpf\(2\) is refused.*is rebound/));
  expect(netdevOf(story.machine).tcx).toEqual([]);
});
