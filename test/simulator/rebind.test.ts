// When a VF is bound anew, and what becomes of one that is not bound at once.
import { describe, expect, test } from "vitest";
import { CniError, codes } from "../../src/cni/errors.ts";
import { ALL_ONES_GUID } from "../../src/infiniband/guid.ts";
import { guid } from "../support/records.ts";
import { killedAfter } from "./harness/faults.ts";
import type { Run } from "./harness/run.ts";
import { Story } from "./harness/story.ts";
import { c1, c2, c3, freshVf, vf } from "./harness/world.ts";
import { virtual } from "./model/netdev.ts";
import { Refusal } from "./model/refusal.ts";
import type { Fault } from "./node/gate.ts";
import { everything, wantedGuid } from "./scenarios/wishes.ts";

const rebinds = ({ crossings }: Run) => crossings.filter(({ call }) => call === "functions.bind").length;

/** Has the first bind fail. */
function failsOnce(part?: string): Fault {
  let hasFailed = false;
  return ({ call }) => {
    if (call !== "functions.bind" || hasFailed) return undefined;
    hasFailed = true;
    return { ...(part === undefined ? {} : { part }), end: new Refusal("EIO", "bind") };
  };
}

describe("a VF is not bound anew", () => {
  test("where it runs with the wanted GUID", () => {
    const story = new Story({ guid: wantedGuid });
    expect(rebinds(story.mustAdd(c1, everything))).toBe(0);
    expect(rebinds(story.del(c1, everything))).toBe(0);
    story.requireAsBefore("after DEL");
  });

  test("where none is wanted", () => {
    const story = new Story({});
    expect(rebinds(story.mustAdd(c1, { vf }))).toBe(0);
    expect(rebinds(story.del(c1, { vf }))).toBe(0);
    story.requireAsBefore("after DEL");
  });

  // A DRA driver calls again, for another container, when time is up: each try must get further.
  test("once more by who takes it over and wants the same GUID", () => {
    const story = new Story({});
    story.add(c1, everything, killedAfter("functions.bind"));
    expect(rebinds(story.add(c2, everything, killedAfter("links.move")))).toBe(0);
    expect(rebinds(story.mustAdd(c3, everything))).toBe(0);
    story.mustDel(c3, everything);
    story.settleOwed();
    story.requireAsBefore("after DEL");
  });
});

test("a VF that had no GUID has all-ones afterwards: for zero the SR-IOV Network Operator drains the node", () => {
  const story = new Story({});
  const wish = { vf: freshVf, guid: wantedGuid };
  story.mustAdd(c1, wish);
  story.mustDel(c1, wish);
  const { adminNodeGuid, adminPortGuid } = story.machine.bus.vf(freshVf, "look at it");
  expect([adminNodeGuid, adminPortGuid]).toEqual([ALL_ONES_GUID, ALL_ONES_GUID]);
});

describe("a bind that fails once", () => {
  test.each([
    ["without effect", undefined],
    ["although the driver is bound", "all"],
  ])("does no harm: %s", (_, part) => {
    const story = new Story({});
    expect(story.add(c1, everything, failsOnce(part)).end).toBe("done");
    expect(story.del(c1, everything, failsOnce(part)).end).toBe("done");
    story.requireAsBefore("after DEL");
  });
});

test("GUIDs that somebody else has set meanwhile are left as they are", () => {
  const story = new Story({});
  const theirs = guid("0b:00:00:00:00:00:00:01");
  story.mustAdd(c1, everything);
  story.happens(({ bus }) => {
    const target = bus.vf(vf, "set its GUIDs");
    target.adminNodeGuid = theirs;
    target.adminPortGuid = theirs;
  });
  expect(story.del(c1, everything)).toMatchObject({
    end: "done",
    warnings: [expect.stringContaining(theirs)],
  });
  // The VF goes on with the container's GUID, until its driver is bound again.
  story.expectProblems(
    expect.stringMatching(
      /^at the end .*:\n +- in -: ibp1s0f0v0 0a:.*:02 .*\n +- vf .* runs 0a:.*:01 0a:.*:02 .* on file 0b:.*:01 0b:.*:01 .*\n +\+ in -: ibp1s0f0v0 02:.*:77 .*\n +\+ vf .* runs 02:.*:77 02:.*:77 .* on file 0b:.*:01 0b:.*:01 link disable$/,
    ),
  );
});

test("a container that has an interface of that name already keeps it", () => {
  const story = new Story({});
  story.happens((machine) => void machine.paths.get(c1.netns)?.add(virtual(), c1.ifname));
  const { end, error } = story.add(c1, everything);
  expect(end).toBe("failed");
  expect(error).toBeInstanceOf(CniError);
  expect(error).toMatchObject({ code: codes.badEnvironment });
  story.requireAsBefore("after ADD");
  story.mustDel(c1, everything);
  story.requireAsBefore("after DEL");
});
