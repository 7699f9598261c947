// Records that cannot be written, or cannot be read any more: those belong to running attachments.
import { describe, expect, test } from "vitest";
import { codes } from "../../src/cni/errors.ts";
import { LONGEST_FILE } from "../../src/node/files.ts";
import { guid } from "../support/records.ts";
import { c1, c2, type Setting, vf } from "./harness/default-node.ts";
import { originalsOf } from "./harness/originals.ts";
import { pathOf } from "./harness/records.ts";
import type { AttachmentRequest, Pod } from "./harness/requests.ts";
import { SimulatedNode } from "./harness/simulated-node.ts";
import { stateDirectory } from "./harness/state.ts";
import { testScenarios } from "./harness/test-scenarios.ts";
import { events } from "./scenarios/aftermath.ts";
import { isolated } from "./scenarios/isolation.ts";
import { everything } from "./scenarios/requests.ts";
import { losses, releaseUnreadableScenarios } from "./scenarios/unreadable.ts";

test("a record that could not be read back: ADD refuses it before anything is changed", () => {
  const story = new SimulatedNode({});
  const before = story.lines();
  // Each quotation mark has two bytes on stdin, and four in a record.
  const wish = { ...everything, more: { note: '"'.repeat(300_000) } };
  const { end, error } = story.add(c1, wish);
  expect(end).toBe("failed");
  expect(error).toMatchObject({
    code: codes.badConfiguration,
    message: expect.stringMatching(/limit is 983040/),
  });
  story.requireUnchanged(before, "after ADD");
  story.mustDel(c1, wish);
  story.requireUnchanged(before, "after DEL");
});

testScenarios("records that cannot be read", releaseUnreadableScenarios());

const record = pathOf(c1);
const kinds = Object.keys(losses) as (keyof typeof losses)[];
const theirs = (wish: AttachmentRequest): AttachmentRequest => ({
  ...wish,
  guid: guid("02:00:00:00:00:00:00:88"),
});

/** What a container can have, on what node. */
const attachments: Readonly<Record<string, readonly [AttachmentRequest, Setting]>> = {
  "a netdev": [everything, {}],
  "a netdev and the RDMA device for itself": [isolated, { rdma: "exclusive" }],
  "the RDMA device only": [{ ...everything, rdmaOnly: true }, { rdmaOnly: true }],
  "the VF for a virtual machine": [everything, { vfio: true }],
};

/** A container whose record cannot be read any more. */
function unreadable(
  kind: keyof typeof losses,
  wish: AttachmentRequest = everything,
  setting: Setting = {},
): SimulatedNode {
  const story = new SimulatedNode(setting);
  story.mustAdd(c1, wish);
  losses[kind](story.machine);
  return story;
}

function requireRefused(story: SimulatedNode, pod: Pod, wish: AttachmentRequest): void {
  const before = story.lines();
  const { end, error } = story.add(pod, wish);
  expect(end).toBe("failed");
  expect(error).toMatchObject({
    code: codes.deviceInUse,
    message: expect.stringMatching(
      /belongs to container c1 \(interface net1\), whose record \S+ cannot be read/,
    ),
  });
  story.requireUnchanged(before, "after ADD");
}

describe.each(kinds)("a record that is %s", (kind) => {
  test.each(Object.entries(attachments))("keeps its VF from another container: %s", (_, [wish, setting]) => {
    const story = unreadable(kind, wish, setting);
    requireRefused(story, c2, theirs(wish));
    // Without its namespace it could be running all the same: nobody can tell.
    story.deleteNamespace(c1);
    story.machine.time.settle();
    requireRefused(story, c2, theirs(wish));
  });

  test("keeps its VF from provision, GC and gc, which say so", () => {
    const story = unreadable(kind);
    const before = story.lines();
    expect(story.provision(vf)).toMatchObject({ end: "failed", error: { code: codes.deviceInUse } });
    story.requireUnchanged(before, "after provision");
    for (const { end, warnings } of [story.gc([]), story.gcOfAll()]) {
      expect(end).toBe("done");
      expect(warnings).toContainEqual(expect.stringMatching(/c1-net1.*cannot be read/));
      story.requireUnchanged(before, "after GC");
    }
  });

  test("is released with --force only, and the VF is another's then", () => {
    const story = unreadable(kind);
    const own = originalsOf(story.originals, story.machine.bus.vf(vf, "look"));
    const before = story.lines();
    expect(story.release(c1, false)).toMatchObject({ end: "failed", error: { code: codes.deviceInUse } });
    story.requireUnchanged(before, "after release");
    expect(story.release(c1, true).end).toBe("done");
    expect(story.records(vf)).toEqual([]);
    expect(story.machine.files.texts.has(record)).toBe(false);
    expect(story.machine.bus.vf(vf, "look").probed).toMatchObject({ nodeGuid: own.node, portGuid: own.port });
    // Its name and MTU are those of a new one; link state and lease are left.
    story.forgive("attributes");
    story.expectProblems(expect.stringMatching(/^at the end of the test the node is not as before/));
    const wish = { ...theirs(everything), mtu: 2044 };
    const ran = story.mustAdd(c2, wish);
    story.requireAttached(c2, wish, ran);
    story.mustDel(c2, wish);
  });

  test("and that is older than this boot keeps nothing", () => {
    const story = unreadable(kind);
    story.happens(events["a reboot"]);
    // A VF without a GUID, as it is after a boot, needs one that it can keep.
    const wish = { ...everything, linkState: "disable" } as const;
    const ran = story.mustAdd(c2, wish);
    story.requireAttached(c2, wish, ran);
    story.mustDel(c2, wish);
  });

  test("and that is older than this boot keeps nothing after an ADD that was killed before it had a record", () => {
    const story = unreadable(kind);
    story.happens(events["a reboot"]);
    const wish = { ...everything, linkState: "disable" } as const;
    const claimed = ({ call }: { call: string }) =>
      call === "files.create" ? ({ end: "kill" } as const) : undefined;
    expect(story.add(c2, wish, claimed).end).toBe("killed");
    story.mustAdd(c2, wish);
    story.mustDel(c2, wish);
  });

  test.each([
    ["older than this boot", -1000, "done"],
    ["of this boot", +1000, "failed"],
  ] as const)(
    "and whose VF was claimed by an older version: its time says that it is %s",
    (_, seconds, end) => {
      const story = unreadable(kind);
      const { files } = story.machine;
      const note = JSON.parse(files.texts.get(`${stateDirectory}/.vf/${vf}`) ?? "");
      expect(note.boot).toBe(story.machine.bootId);
      files.texts.set(`${stateDirectory}/.vf/${vf}`, JSON.stringify({ ...note, boot: undefined }));
      files.modified.set(record, BOOT + seconds);
      story.happens(events["a reboot"]);
      expect(story.add(c2, { ...everything, linkState: "disable" }).end).toBe(end);
    },
  );
});

/** When the model's machine was booted, ms since 1970. */
const BOOT = 1_795_000_000_000;

describe("a record of a virtual machine that cannot be read", () => {
  test.each([
    ["is released when the machine has ended", false, "done"],
    ["keeps the VF, also from --force, while the machine has it open", true, "failed"],
  ] as const)("%s", (_, isOpen, end) => {
    const story = unreadable("cut off", everything, { vfio: true });
    story.machine.bus.vf(vf, "open").isOpen = isOpen;
    const before = story.lines();
    const released = story.release(c1, true);
    expect(released.end).toBe(end);
    if (isOpen) {
      expect(released.error).toMatchObject({
        code: codes.tryAgain,
        message: expect.stringContaining("/dev/vfio"),
      });
      story.requireUnchanged(before, "after release");
    }
    expect(story.machine.bus.driverOf(vf)).toBe("vfio-pci");
    expect(story.add(c2, theirs(everything)).end).toBe(end);
  });
});

describe("DEL", () => {
  test("of a record of a later format fails, and names the version that is needed", () => {
    const story = unreadable("of a later format");
    const before = story.lines();
    const { end, error } = story.del(c1, everything);
    expect(end).toBe("failed");
    expect(error).toMatchObject({
      code: codes.node,
      message: expect.stringMatching(
        /has format 2, .* reads format 1: version 3\.1\.0 or a later one is needed/,
      ),
    });
    story.requireUnchanged(before, "after DEL");
  });

  test.each(["not readable (EIO)", "not readable (EACCES)"] as const)(
    "of a record that is %s fails, and goes on when it can be read",
    (kind) => {
      const story = unreadable(kind);
      const before = story.lines();
      expect(story.del(c1, everything)).toMatchObject({ end: "failed", error: { code: codes.node } });
      story.requireUnchanged(before, "after DEL");
      story.machine.files.unreadable.clear();
      story.mustDel(c1, everything);
      story.requireAsBefore("after DEL");
    },
  );

  test("of a record that is too long goes on without it", () => {
    const story = unreadable("too long");
    expect(story.machine.files.texts.get(record)?.length).toBeGreaterThan(LONGEST_FILE);
    story.mustDel(c1, everything);
    expect(story.machine.files.texts.has(record)).toBe(false);
    expect(story.machine.host.ofFunction(vf)).toHaveLength(1);
    // The GUIDs come from the lock file, by a rebind. Only the record had the MTU.
    const wish = { ...theirs(everything), mtu: 2044 };
    const ran = story.mustAdd(c2, wish);
    story.requireAttached(c2, wish, ran);
  });
});
