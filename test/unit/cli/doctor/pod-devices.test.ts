import { describe, expect, test } from "vitest";
import { podDevices } from "../../../../src/cli/doctor/pod-devices.ts";
import { summaries } from "./doctor-context.ts";
import { aRunningPod, type RunningPod } from "./running-pod.ts";

const examine = (pod: RunningPod) => summaries(podDevices(aRunningPod(pod))).map(([found]) => found);
const pause = { pid: "5", cgroup: "0::/system.slice/cri-containerd-c1.scope" };

describe("a running pod has lost its interface", () => {
  const lost =
    "error pod-no-interface: default/trainer-0 (c1) net1 with VF 0000:03:00.2 has lost its interface:";

  test.each<[string, RunningPod, string]>([
    ["the netdev is on the host", { netdev: "host" }, "ib3, the netdev of the VF, is on the host"],
    [
      "the kernel has created the netdev again in the pod",
      { name: "ib0", isUp: false },
      "ib0, the netdev of the VF, is down, and has no addresses",
    ],
  ])("%s", (_, pod, where) => {
    expect(examine(pod)).toEqual([`${lost} ${where}`]);
  });

  test.each<[string, RunningPod]>([
    ["that has its interface", {}],
    ["that has set its interface down", { isUp: false }],
    ["that has renamed its interface", { name: "rail0" }],
    ["whose VF has no netdev, which is another finding", { netdev: "gone" }],
    ["without an interface (rdmaOnly)", { netdev: "host", kind: "rdma" }],
    ["whose VF a call is detaching", { netdev: "host", isLocked: true }],
    ["whose VF was detached in the meantime", { netdev: "host", isStillRecorded: false }],
  ])("no finding for a pod %s", (_, pod) => {
    expect(examine(pod)).toEqual([]);
  });
});

describe("a running pod has no files of its RDMA device", () => {
  const missing =
    "warning pod-no-device-files: default/trainer-0 (c1) net1 with VF 0000:03:00.2 cannot use RDMA: it has the RDMA device of the VF, but no process of it has /dev/infiniband/uverbs1";
  const two = [
    { pid: "7", cgroup: "" },
    { pid: "8", cgroup: "" },
  ];
  const dev = ["/proc/7/root/dev", "/proc/8/root/dev"];

  test.each<[string, RunningPod]>([
    ["no process has them", { processes: two, files: dev }],
    ["only those of another VF", { files: [...dev, "/proc/7/root/dev/infiniband/uverbs2"] }],
    [
      "only the pause container has them",
      {
        processes: [pause, ...two],
        files: [...dev, "/proc/5/root/dev", "/proc/5/root/dev/infiniband/uverbs1"],
      },
    ],
    ["a process of it has ended", { processes: two, files: ["/proc/8/root/dev"] }],
  ])("%s", (_, pod) => {
    expect(examine(pod)).toEqual([missing]);
  });

  test.each<[string, RunningPod]>([
    ["if one process has them", { processes: two, files: [...dev, "/proc/8/root/dev/infiniband/uverbs1"] }],
    ["if only the pause container runs yet", { processes: [pause], files: ["/proc/5/root/dev"] }],
    ["if its processes cannot be seen, or none runs", { processes: [] }],
    ["if its processes have ended in the meantime", { files: [] }],
    ["if its network does not set rdmaIsolation", { files: dev, isIsolated: false }],
    ["if its RDMA device is elsewhere", { files: dev, hasRdmaDevice: false }],
  ])("no finding %s", (_, pod) => {
    expect(examine(pod)).toEqual([]);
  });
});
