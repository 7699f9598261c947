import { describe, expect, test } from "vitest";
import type { ListedAttachment } from "../../../../src/cli/attachments/attachments.ts";
import { parseLoggedCall } from "../../../../src/cli/calls/logged-call.ts";
import { UsageError } from "../../../../src/cli/command.ts";
import { examine } from "../../../../src/cli/doctor/doctor.ts";
import {
  examinePod,
  isPodInOrder,
  type PodReport,
  podDocument,
  podText,
} from "../../../../src/cli/doctor/pod.ts";
import { findingLines } from "../../../../src/cli/doctor/report.ts";
import { aDoctorContext, aVf } from "./doctor-context.ts";

const attachment: ListedAttachment = {
  path: "/var/lib/cni/ib-sriov/c1-net1",
  condition: "attached",
  name: { containerId: "c1", ifname: "net1" },
  pci: "0000:03:00.2",
  pod: "default/trainer",
  network: "mynet",
  netns: "/run/netns/a",
  since: 1_764_281_940_000,
  record: undefined,
  goCache: undefined,
};

function call(command: string, error?: object) {
  const entry = { time: "2025-11-27T22:19:00Z", command, ifname: "net1", network: "mynet", ms: 12.4, error };
  const parsed = parseLoggedCall(JSON.stringify({ ...entry, warnings: ["slow"] }));
  if (parsed === undefined) throw new Error("no call");
  return parsed;
}

const healthy: PodReport = {
  pod: "default/trainer",
  attachments: [{ attachment, vf: aVf(0) }],
  calls: [call("ADD")],
  findings: [],
  sources: ["journal"],
  unread: [],
};
const failed = { ...healthy, attachments: [], calls: [call("ADD", { code: 101, msg: "VF \x1b is in use" })] };
const unknown = { ...healthy, attachments: [], calls: [], unread: ["/var/log/ib.log: permission denied"] };
const defect = {
  ...healthy,
  findings: [
    {
      subject: "VF",
      id: "vf-no-driver" as const,
      level: "error" as const,
      found: "VF 0000:03:00.2 is broken",
      command: "fix it",
    },
  ],
};

describe("the report of a pod", () => {
  test("shows attachment, VF, record and calls", () => {
    expect(podText(healthy, findingLines)).toBe(`Attachments of pod default/trainer
  net1: attached, since 2025-11-27T22:19:00Z
    container  c1
    VF         0000:03:00.2, mlx5_core, mlx5_1, port ACTIVE, link policy auto
    GUID       98:03:9b:03:00:ab:02:00
    network    mynet
    namespace  /run/netns/a
    record     /var/lib/cni/ib-sriov/c1-net1

Last calls
  2025-11-27T22:19:00Z ADD net1 mynet: done (12 ms)
      warning: slow

Pod default/trainer has 1 VFs: no problem was found.`);
  });

  test("shows the error of the last call", () => {
    const text = podText(failed, findingLines);
    expect(text).toContain("Pod default/trainer has no attachment on this node.");
    expect(text).toContain("ADD net1 mynet: failed with code 101 (12 ms)\n      VF \\u001b is in use");
    expect(text).toMatch(/The last ADD of pod default\/trainer failed\.$/);
  });

  test("shows the problems", () => {
    expect(podText(defect, findingLines)).toMatch(
      /\nProblems\nerror +vf-no-driver +VF 0000:03:00\.2 is broken\n +fix it\n\nPod .* has 1 VFs: 1 problems were found\.$/,
    );
  });

  test("of an unknown pod names the logs that were not read", () => {
    const text = podText(unknown, findingLines);
    expect(text).toContain("in the logs that were read (journal)");
    expect(text).toContain("not read: /var/log/ib.log: permission denied");
    expect(text).toMatch(/Pod default\/trainer is not known here: check its name/);
  });

  test("of a VF that was destroyed", () => {
    const destroyed = { ...attachment, condition: "destroyed" as const };
    const text = podText(
      { ...healthy, attachments: [{ attachment: destroyed, vf: undefined }] },
      findingLines,
    );
    expect(text).toContain("net1: destroyed");
    expect(text).toContain("VF         0000:03:00.2, which does not exist");
  });

  test("as a document has the attachment and its VF", () => {
    expect(podDocument(healthy)).toMatchObject({
      pod: "default/trainer",
      attachments: [
        { containerId: "c1", condition: "attached", vf: { driver: "mlx5_core", linkState: "auto" } },
      ],
      calls: [{ command: "ADD", ms: 12.4 }],
    });
  });

  test.each([
    ["with its VF", healthy, true],
    ["that ended", { ...healthy, attachments: [], calls: [call("DEL")] }, true],
    ["whose last call failed", { ...healthy, calls: failed.calls }, false],
    ["without an attachment", { ...failed, calls: [call("ADD")] }, false],
    ["that is unknown", unknown, false],
    ["with a defective VF", defect, false],
  ])("decides the exit status: a pod %s", (_, report, isInOrder) => {
    expect(isPodInOrder(report)).toBe(isInOrder);
  });
});

test.each(["trainer", "a/b/c", "/b"])("--pod %s is refused", (pod) => {
  const context = aDoctorContext();
  expect(() => examinePod(context, context, pod, examine)).toThrow(UsageError);
});

test("a pod without an attachment is not examined, and its calls are", () => {
  const stdout =
    '{"time":"2025-11-27T22:19:00Z","command":"ADD","podNamespace":"default","podName":"trainer"}';
  const outcome = { status: 0, signal: 0, stdout, stderr: "" };
  const context = aDoctorContext(
    {},
    {},
    {
      clock: { now: () => 0 },
      processes: { start: () => ({ wait: () => outcome, kill: () => {} }) },
    },
  );
  const report = examinePod(context, context, "default/trainer", () => {
    throw new Error("examined");
  });
  expect(report).toMatchObject({ attachments: [], findings: [], calls: [{ command: "ADD" }] });
});
