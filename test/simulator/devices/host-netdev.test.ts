// The VF's netdev on the host gets its originals back, within the time limit.
import { describe, expect, test } from "vitest";
import { STATE_DIRECTORY } from "../../../src/attachment/record/state-directory.ts";
import { CniError } from "../../../src/cni/errors.ts";
import { everything } from "../harness/common-requests.ts";
import { c1, vf } from "../harness/default-node.ts";
import { refuseAt } from "../harness/faults.ts";
import { changeSettings, interfaceOf, netdevOnHost } from "../harness/prepare.ts";
import { SimulatedNode } from "../harness/simulated-node.ts";
import { OpenFile } from "../model/files.ts";

test("DEL restores its name, even if it is up under another name, and has the old one as an alternative name", () => {
  const simulated = new SimulatedNode({});
  simulated.killAdd(c1, { vf }, { call: "files.create" });
  const netdev = netdevOnHost(simulated.machine, vf);
  netdev.name = "ib1";
  netdev.altnames = ["ibp1s0f0v0", "rail0"];
  expect(netdev.up).toBe(true);
  simulated.mustDel(c1, { vf });
  simulated.requireAsBefore("after DEL");
});

test("a rollback that begins after ADD's time limit, while the node is locked, restores everything", () => {
  const simulated = new SimulatedNode({ lateNetdev: 60 });
  const { files, programs, time } = simulated.machine;
  // The IPAM plugin's ADD hangs until time is up.
  programs.set("/opt/cni/bin/host-local", (child) => {
    if (child.environment.get("CNI_COMMAND") === "DEL") child.exit(0, "");
  });
  const holder = { pid: 77, pids: [77], command: "ib-sriov" };
  const otherProcess = new OpenFile(files, `${STATE_DIRECTORY}/.node`, holder);
  time.after(50_000, () => otherProcess.tryLock());
  time.after(95_000, () => otherProcess.close(holder));
  const { end, error } = simulated.add(c1, everything);
  expect(end).toBe("failed");
  expect(error).toBeInstanceOf(CniError);
  expect(error).toMatchObject({ message: expect.stringContaining("IPAM plugin") });
  simulated.requireAsBefore("after ADD");
});

test("an address that another node has is refused, and ADD leaves nothing behind", () => {
  const simulated = new SimulatedNode({});
  const request = { ...everything, subnets: ["fd00::/64"] };
  simulated.machine.duplicateAddress = "fd00::2/64";
  const { end, error } = simulated.add(c1, request);
  expect(end).toBe("failed");
  expect(error).toMatchObject({ message: expect.stringMatching(/fd00::2.*in use/) });
  simulated.requireAsBefore("after ADD");
});

describe("an MTU that the port no longer allows", () => {
  const warning = /MTU 1020, not the original 1800: its port allows no more/;
  const expectLower = ({ machine }: SimulatedNode, warnings: readonly string[]) => {
    expect(warnings).toContainEqual(expect.stringMatching(warning));
    const netdev = netdevOnHost(machine, vf);
    expect(netdev).toMatchObject({ mtu: 1020, name: "ibp1s0f0v0", altnames: ["rail0"], up: true });
    // The rest is as before.
    netdev.mtu = 1800;
  };

  test("ADD and DEL use the largest possible MTU, and warn", () => {
    const simulated = new SimulatedNode({});
    simulated.machine.bus.portMtu = 1024;
    const added = simulated.add(c1, everything);
    expect(added).toMatchObject({ end: "done", result: { interfaces: [{ mtu: 1020 }] } });
    expect(added.warnings).toContainEqual(expect.stringMatching(warning));
    const { end, warnings } = simulated.del(c1, everything);
    expect(end).toBe("done");
    expectLower(simulated, warnings);
  });

  test("so does a rollback", () => {
    const simulated = new SimulatedNode({});
    simulated.machine.bus.portMtu = 1024;
    const { programs } = simulated.machine;
    const hostLocal = programs.get("/opt/cni/bin/host-local");
    programs.set("/opt/cni/bin/host-local", (child) => child.exit(1, ""));
    const { end, warnings } = simulated.add(c1, everything);
    if (hostLocal !== undefined) programs.set("/opt/cni/bin/host-local", hostLocal);
    expect(end).toBe("failed");
    expectLower(simulated, warnings);
  });

  test.each([
    [{}, "datagram", 4092],
    [{ connected: true }, "connected", 65_520],
  ])("a network that requests more is refused, and the error names the limit (%o)", (setting, mode, most) => {
    const simulated = new SimulatedNode(setting);
    const { end, error } = simulated.add(c1, { ...everything, mtu: most + 1 });
    expect(end).toBe("failed");
    const message = expect.stringContaining(`at most ${most} in ${mode} mode`);
    expect(error).toMatchObject({ code: 7, message });
    simulated.requireAsBefore("after ADD");
  });
});

test("DEL leaves the settings of a new netdev, and warns, if the kernel permanently refuses the originals", () => {
  const simulated = new SimulatedNode({});
  const before = netdevOnHost(simulated.machine, vf).link;
  simulated.mustAdd(c1, { vf });
  const { netns, netdev } = interfaceOf(simulated.machine, c1);
  changeSettings(netns, netdev);
  const { end, warnings } = simulated.del(c1, { vf }, refuseAt("links.setSettings", "EINVAL"));
  expect(end).toBe("done");
  expect(warnings).toContainEqual(expect.stringMatching(/EINVAL/));
  expect(warnings).toContainEqual(expect.stringMatching(/no longer has the original .*alias/));
  expect(netdevOnHost(simulated.machine, vf).link).toMatchObject({
    flags: 0x1000,
    group: 0,
    alias: "",
    xdpGeneric: 0,
  });
  netdevOnHost(simulated.machine, vf).link = before;
});

describe("settings that rtnetlink does not report", () => {
  const own = [
    "gro_flush_timeout=20000",
    "threaded=1",
    "queues/rx-0/rps_cpus=3",
    "features=4000,400",
    "coalesce=8",
  ];
  const changed = ["napi_defer_hard_irqs=4", "queues/rx-0/rps_cpus=1", "features=4800,400", "coalesce=4d,9"];
  const tuningOf = (simulated: SimulatedNode) => [...netdevOnHost(simulated.machine, vf).tuning].sort();
  const tune = (simulated: SimulatedNode) => {
    const netdev = netdevOnHost(simulated.machine, vf);
    const before = netdev.tuning;
    netdev.tuning = own;
    return () => {
      expect(tuningOf(simulated)).toEqual([...own].sort());
      netdevOnHost(simulated.machine, vf).tuning = before;
    };
  };

  test.each([
    ["", false],
    [", even by a rebind", true],
  ])("are restored by DEL%s", (_, isTuningFixed) => {
    const simulated = new SimulatedNode({});
    const expectOwn = tune(simulated);
    simulated.mustAdd(c1, { vf });
    Object.assign(interfaceOf(simulated.machine, c1).netdev, { isTuningFixed, tuning: changed });
    simulated.mustDel(c1, { vf });
    expectOwn();
  });

  test("are kept by an ADD that was killed, and its DEL", () => {
    const simulated = new SimulatedNode({});
    const expectOwn = tune(simulated);
    simulated.killAdd(c1, everything, { call: "links.setVfConfig", effect: "nothing" });
    simulated.mustDel(c1, everything);
    expectOwn();
  });

  test("adaptive moderation of the RDMA device is restored, or else the VF is rebound", () => {
    const simulated = new SimulatedNode({});
    const device = () => simulated.machine.bus.vf(vf, "look at it").probed?.devices[0];
    for (const refuse of [undefined, refuseAt("rdma.setAdaptiveModeration", "EPERM")]) {
      simulated.mustAdd(c1, { vf });
      const before = device();
      Object.assign(before ?? {}, { adaptiveModeration: true });
      const { end, warnings } = simulated.del(c1, { vf }, refuse);
      expect(end).toBe("done");
      expect(device()).toMatchObject({ adaptiveModeration: false });
      expect(device() === before).toBe(refuse === undefined);
      expect(warnings.some((warning) => warning.includes("adaptive moderation"))).toBe(refuse !== undefined);
    }
    simulated.requireAsBefore("after DEL");
  });
});

test("a tcx program that was there before ADD stays, and a container's program ends with the netdev", () => {
  const simulated = new SimulatedNode({});
  netdevOnHost(simulated.machine, vf).tcx = [3];
  simulated.mustAdd(c1, { vf });
  const inPod = interfaceOf(simulated.machine, c1).netdev;
  simulated.mustDel(c1, { vf });
  expect(netdevOnHost(simulated.machine, vf)).toBe(inPod);
  expect(inPod.tcx).toEqual([3]);
  simulated.mustAdd(c1, { vf });
  inPod.tcx = [3, 9];
  simulated.mustDel(c1, { vf });
  expect(netdevOnHost(simulated.machine, vf).tcx).toEqual([]);
});

test("the VF is rebound if the kernel does not report whether the container's tcx programs are there", () => {
  const simulated = new SimulatedNode({});
  simulated.mustAdd(c1, { vf });
  const inPod = interfaceOf(simulated.machine, c1).netdev;
  inPod.tcx = [9];
  const { end, warnings } = simulated.del(c1, { vf }, ({ call }) =>
    call === "links.tcxPrograms" ? { part: "refused", end: "return" } : undefined,
  );
  expect(end).toBe("done");
  expect(warnings).toContainEqual(expect.stringMatching(/bpf\(2\) is refused.*is rebound/));
  expect(netdevOnHost(simulated.machine, vf).tcx).toEqual([]);
});
