// Which failures of the last day are still a problem of a pod.
import { expect, test } from "vitest";
import type { ListedAttachment } from "../../../../src/cli/attachments/attachments.ts";
import type { RecentFailure } from "../../../../src/cli/calls/recent-failures.ts";
import { withUnresolved } from "../../../../src/cli/calls/unresolved.ts";
import { aDoctorContext } from "../doctor/doctor-context.ts";

const last = "2026-12-03T12:00:00Z";
const failure: RecentFailure = {
  ...{ command: "ADD", pod: "default/a", containerID: "c1", ifname: "net1", network: "n", vf: "" },
  ...{ code: 101, msg: "no", details: "", times: 1, first: last, last },
};
const attachment: ListedAttachment = {
  ...{
    path: "/r/c2-net1",
    condition: "attached",
    name: { containerId: "c2", ifname: "net1" },
    pci: "0000:03:00.2",
  },
  ...{ pod: "default/a", network: "n", netns: "/run/netns/a", since: Date.parse(last) + 1000 },
  ...{ record: undefined, goCache: undefined },
};

interface Setting {
  readonly failed?: Partial<RecentFailure>;
  readonly attached?: Partial<ListedAttachment>;
  /** An ADD in the log that succeeded. */
  readonly added?: Record<string, string>;
  /** Directories of kubelet's pods. */
  readonly pods?: readonly string[];
}

function isUnresolved({ failed = {}, attached, added, pods = [] }: Setting): boolean | undefined {
  const stdout = added ? JSON.stringify({ command: "ADD", ifname: "net1", ...added }) : "";
  const answer = { status: 0, signal: 0, stdout, stderr: "" };
  const machine = aDoctorContext(
    Object.fromEntries(pods.map((name) => [`/var/log/pods/${name}/0.log`, ""])),
    {},
    { clock: { now: () => 0 }, processes: { start: () => ({ wait: () => answer, kill: () => {} }) } },
  );
  const recent = { failures: [{ ...failure, ...failed }], counted: [], sources: [], unread: [] };
  const all = attached === undefined ? [] : [{ ...attachment, ...attached }];
  return withUnresolved(machine, recent, all, []).failures[0]?.unresolved;
}

const pod = { podNamespace: "default", podName: "a" };
const later = "2026-12-03T12:00:05Z";
const earlier = "2026-12-03T11:00:00Z";

test.each<[string, boolean, Setting]>([
  ["nothing has succeeded since", true, {}],
  ["the pod has the VF since a later ADD", false, { attached: {} }],
  ["the pod has the VF since an earlier ADD", true, { attached: { since: Date.parse(earlier) } }],
  ["the pod has another interface", true, { attached: { name: { containerId: "c2", ifname: "net2" } } }],
  ["the pod has lost the VF", true, { attached: { condition: "destroyed" } }],
  ["a later ADD is in the log", false, { added: { time: later, ...pod } }],
  ["an earlier ADD is in the log", true, { added: { time: earlier, ...pod } }],
  ["a later ADD of another pod is in the log", true, { added: { time: later, podName: "b" } }],
  ["kubelet has the pod", true, { pods: ["default_a_1", "default_b_2"] }],
  ["kubelet has only other pods", false, { pods: ["default_aa_1", "default_b_2"] }],
  ["a container without a pod has failed", true, { failed: { pod: "" }, pods: ["default_b_2"] }],
  [
    "DEL failed, and the attachment exists",
    true,
    { failed: { command: "DEL", containerID: "c2" }, attached: {} },
  ],
  ["DEL failed, and the attachment has ended", false, { failed: { command: "DEL" } }],
  ["GC failed", false, { failed: { command: "GC", pod: "", containerID: "", ifname: "" } }],
])("%s: unresolved is %s", (_, expected, setting) => {
  expect(isUnresolved(setting)).toBe(expected);
});
