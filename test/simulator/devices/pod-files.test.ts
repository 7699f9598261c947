// The files below /dev/infiniband that a pod has been given before its ADD. The kernel assigns their numbers again with
// each rebind, and a pod must never start with the files of another VF.
import { describe, expect, test } from "vitest";
import { guid } from "../../support/records.ts";
import { everything } from "../harness/common-requests.ts";
import { c1, c2, c3, freshVf, vf } from "../harness/default-node.ts";
import type { FollowUp } from "../harness/follow-ups.ts";
import { driver } from "../harness/prepare.ts";
import type { Pod } from "../harness/requests.ts";
import { messageChain } from "../harness/run.ts";
import { SimulatedNode } from "../harness/simulated-node.ts";
import { type Scenario, testScenarios } from "../harness/sweep.ts";

const request = { ...everything, vf: freshVf };
const plain = { vf: freshVf };
const pod: Pod = { ...c1, uid: "a2fa9fe4-6f4f-4b9b-8f7f-000000000001" };
/** The same pod, in the next sandbox that kubelet makes for it. */
const nextSandbox: Pod = { ...c2, uid: pod.uid ?? "" };
const otherPod: Pod = { ...c3, uid: "a2fa9fe4-6f4f-4b9b-8f7f-000000000002" };

/** Gives the VF its own GUID: ADD would refuse a VF without one. */
function giveGuid(simulated: SimulatedNode): void {
  simulated.changeNode(({ bus }) => {
    const target = bus.vf(freshVf, "set it up");
    target.adminNodeGuid = target.adminPortGuid = guid("0a:00:00:00:00:00:00:09");
    bus.unbind(freshVf, driver);
    bus.bind(freshVf, driver);
  });
  simulated.allowDifference("file numbers");
}

/** Frees lower numbers than those of the VF: its next rebind changes its numbers. */
function freeLowerNumbers(simulated: SimulatedNode): void {
  simulated.changeNode(({ bus }) => bus.unbind(vf, driver));
}

function arrange(simulated: SimulatedNode): void {
  giveGuid(simulated);
  freeLowerNumbers(simulated);
}

const changed = /had uverbs2, umad2, and now it has uverbs0, umad0.*delete the pod/;

test("ADD refuses a pod whose numbers have changed in every sandbox, until another pod has the VF", () => {
  const simulated = new SimulatedNode({});
  arrange(simulated);
  for (const sandbox of [pod, pod, nextSandbox, nextSandbox]) {
    expect(messageChain(simulated.add(sandbox, request).error)).toMatch(changed);
    if (sandbox === nextSandbox) simulated.mustDel(sandbox, request);
  }
  simulated.mustAdd(otherPod, request);
  simulated.mustDel(otherPod, request);
});

test("a pod whose sandbox is made again is refused if DEL has changed the numbers", () => {
  const simulated = new SimulatedNode({});
  giveGuid(simulated);
  simulated.mustAdd(pod, request);
  freeLowerNumbers(simulated);
  simulated.del(pod, request);
  expect(messageChain(simulated.add(nextSandbox, request).error)).toMatch(changed);
});

test("a retry succeeds if the VF has the pod's numbers again", () => {
  const simulated = new SimulatedNode({});
  arrange(simulated);
  expect(simulated.add(pod, request).end).toBe("failed");
  simulated.changeNode(({ bus }) => {
    bus.unbind(freshVf, driver);
    bus.bind(vf, driver);
    bus.bind(freshVf, driver);
  });
  simulated.mustAdd(nextSandbox, request);
});

test("ADD of an orphan's VF that changes the numbers is refused, too", () => {
  const simulated = new SimulatedNode({});
  giveGuid(simulated);
  simulated.mustAdd(c1, request);
  simulated.deleteNamespace(c1);
  freeLowerNumbers(simulated);
  // Without a GUID in the request, the restore of the orphan rebinds.
  expect(messageChain(simulated.add(nextSandbox, plain).error)).toMatch(changed);
  expect(messageChain(simulated.add(nextSandbox, plain).error)).toMatch(changed);
  simulated.mustDel(nextSandbox, plain);
  simulated.mustAdd(otherPod, plain);
  simulated.mustDel(otherPod, plain);
});

/** The runtime calls ADD for the same container again, then DEL, and then ADD for another container. */
const thenRetryAndOther: FollowUp = {
  name: "then its ADD again, its DEL, and another's ADD",
  run(simulated, container) {
    simulated.add(container, request);
    simulated.mustDel(container, request);
    simulated.mustAdd(otherPod, request);
    simulated.mustDel(otherPod, request);
    simulated.releaseLeaseAt();
    simulated.requireAsBefore("after the other's DEL");
  },
};

/** The runtime calls DEL, and kubelet makes another sandbox for the pod. */
const thenNextSandbox: FollowUp = {
  name: "then its DEL, and the ADD of the pod's next sandbox",
  run(simulated, container) {
    simulated.mustDel(container, request);
    simulated.add({ ...c2, uid: container.uid ?? "" }, request);
    simulated.mustDel(c2, request);
    thenRetryAndOther.run(simulated, container, request, {} as never);
  },
};

const scenarios: readonly Scenario[] = [
  ["ADD of a container", c1, [thenRetryAndOther]] as const,
  ["ADD of a pod", pod, [thenRetryAndOther, thenNextSandbox]] as const,
].map(([name, container, followUps]) => ({
  name,
  pod: container,
  request,
  arrange,
  verb: "ADD",
  ends: "failed",
  rollsBack: true,
  followUps,
}));

testScenarios("an ADD whose rebind changes the numbers", scenarios);

describe("kubelet's checkpoint", () => {
  const path = "/var/lib/kubelet/device-plugins/kubelet_internal_checkpoint";
  /** Returns what kubelet writes for a pod with a VF, and a pod with another one. */
  const checkpoint = (files: readonly string[], uid = pod.uid, pci = freshVf) => {
    const entry = (of: string | undefined, device: string, names: readonly string[]) => ({
      PodUID: of,
      ContainerName: "main",
      ResourceName: "nvidia.com/ib",
      DeviceIDs: { "-1": [device] },
      AllocResp: Buffer.from(
        names
          .map((name) => `\x1a3\n\x16/dev/infiniband/${name}\x12\x16/dev/infiniband/${name}\x1a\x03rwm`)
          .join(""),
      ).toString("base64"),
    });
    const entries = [entry("another", vf, ["uverbs0", "umad0"]), entry(uid, pci, files)];
    return JSON.stringify({ Data: { PodDeviceEntries: entries, RegisteredDevices: {} }, Checksum: 1 });
  };

  test.each([
    ["names the VF's files", checkpoint(["uverbs2", "umad2", "rdma_cm"]), ""],
    ["names more files", checkpoint(["uverbs7", "umad7", "uverbs2", "umad2"]), ""],
    ["names no umad", checkpoint(["uverbs2"]), ""],
    ["names other files", checkpoint(["uverbs1", "umad2"]), "kubelet gives the pod uverbs1, umad2, and VF"],
    ["names a longer number", checkpoint(["uverbs20"]), "kubelet gives the pod uverbs20, and VF"],
    ["names no files", checkpoint([]), ""],
    ["names another VF", checkpoint(["uverbs1"], pod.uid, vf), ""],
    ["names another pod", checkpoint(["uverbs1"], "a"), ""],
    ["is damaged", `{"Data":{"PodDeviceEntries":[{"PodUID":"${pod.uid}"`, ""],
  ])("that %s", (_, text, expected) => {
    const simulated = new SimulatedNode({});
    simulated.changeNode(({ files }) => {
      files.makeDirectory(path.slice(0, path.lastIndexOf("/")));
      files.write(path, text);
    });
    giveGuid(simulated);
    if (expected === "") simulated.mustAdd(pod, plain);
    else expect(messageChain(simulated.add(pod, plain).error)).toContain(expected);
  });

  test("shows that provision has changed the numbers since kubelet allocated the VF", () => {
    const simulated = new SimulatedNode({});
    simulated.allowDifference("file numbers");
    simulated.allowDifference("derived GUID");
    simulated.changeNode(({ bus, files }) => {
      files.makeDirectory(path.slice(0, path.lastIndexOf("/")));
      files.write(path, checkpoint(["uverbs2", "umad2"]));
      bus.unbind(vf, driver);
    });
    expect(simulated.provision(freshVf)).toMatchObject({
      end: "done",
      warnings: [expect.stringContaining("had uverbs2, umad2, and now it has uverbs0, umad0")],
    });
    expect(messageChain(simulated.add(pod, plain).error)).toMatch(
      /kubelet gives the pod uverbs2, umad2, and VF \S+ has uverbs0, umad0.*delete the pod/,
    );
    simulated.mustAdd(otherPod, request);
    simulated.mustDel(otherPod, request);
  });
});
