// A living container is never robbed of its VF, also where its namespace cannot be seen: the plugin can run in
// a mount namespace (a DRA driver's container) in which the path does not exist.
import { afterAll, describe, expect, test } from "vitest";
import { CniError, codes } from "../../src/cni/errors.ts";
import { guid } from "../support/records.ts";
import { c1, c2, vf } from "./harness/default-node.ts";
import { killedAfter } from "./harness/faults.ts";
import { pathOf } from "./harness/records.ts";
import type { AttachmentRequest } from "./harness/requests.ts";
import { SimulatedNode } from "./harness/simulated-node.ts";
import { report } from "./harness/test-scenarios.ts";
import { moveLink } from "./model/link-requests.ts";
import { isolated } from "./scenarios/isolation.ts";
import { everything } from "./scenarios/requests.ts";

let total = 0;
const plain: AttachmentRequest = { vf };
const otherGuid: AttachmentRequest = { vf, guid: guid("02:00:00:00:00:00:00:88"), linkState: "auto" };

afterAll(() => report("ownership", total));

describe("a VF that somebody else has by now", () => {
  test("is left alone by a DEL whose record has come back, from a backup say", () => {
    total++;
    const story = new SimulatedNode({});
    const { texts } = story.machine.files;
    story.mustAdd(c1, everything);
    const record = texts.get(pathOf(c1)) ?? "";
    story.deleteNamespace(c1);
    const ran = story.mustAdd(c2, otherGuid);
    texts.set(pathOf(c1), record);
    story.mustDel(c1, everything, null);
    story.requireAttached(c2, otherGuid, ran);
    story.mustDel(c2, otherGuid);
    story.requireAsBefore("after both DELs");
  });

  test("is left alone by a DEL whose record names its number at the PF, which puts its own back", () => {
    total++;
    const story = new SimulatedNode({});
    const { texts } = story.machine.files;
    story.mustAdd(c1, everything);
    const record = texts.get(pathOf(c1)) ?? "";
    const wrong = record.replace('"index":0', '"index":1');
    expect(wrong).not.toBe(record);
    texts.set(pathOf(c1), wrong);
    story.mustDel(c1, everything);
    story.requireAsBefore("after DEL");
  });

  test("and whose namespace has the path of the one before, is taken over", () => {
    total++;
    const story = new SimulatedNode({});
    story.mustAdd(c1, everything);
    story.deleteNamespace(c1);
    story.machine.addNamespace(c1.netns);
    story.mustAdd(c2, otherGuid);
    story.mustDel(c2, otherGuid);
    story.requireAsBefore("after DEL");
  });
});

describe("a container whose namespace cannot be seen", () => {
  for (const [had, theirs] of Object.entries({ plain, everything })) {
    for (const [wanted, wish] of Object.entries({ plain, everything, otherGuid })) {
      for (const state of ["is attached", "was being attached"]) {
        test(`keeps its VF: it has ${had}, ${state}, another one wants ${wanted}`, () => {
          total++;
          const story = new SimulatedNode({});
          const { machine } = story;
          story.add(c1, theirs, state === "is attached" ? undefined : killedAfter("links.move"));
          const namespace = machine.paths.get(c1.netns);
          if (namespace === undefined) throw new Error("the pod has no namespace");
          const before = story.lines();

          machine.paths.delete(c1.netns);
          const { end, error } = story.add(c2, wish);
          machine.paths.set(c1.netns, namespace);

          expect(end).toBe("failed");
          expect(error).toBeInstanceOf(CniError);
          expect(error).toMatchObject({ code: codes.tryAgain });
          story.requireUnchanged(before, "after ADD");
          story.mustDel(c1, theirs);
          story.requireAsBefore("after DEL");
        });
      }
    }
  }

  test.each([
    ["with the netdev", false],
    ["although the netdev has come home", true],
  ])("keeps the RDMA device that it has for itself: %s", (_, netdevIsHome) => {
    total++;
    const story = new SimulatedNode({ rdma: "exclusive" });
    const { host, paths } = story.machine;
    story.mustAdd(c1, isolated);
    const namespace = paths.get(c1.netns);
    if (namespace === undefined) throw new Error("the pod has no namespace");
    const index = namespace.named(c1.ifname)?.[0] ?? 0;
    if (netdevIsHome) moveLink(namespace, index, host, "ib7");
    const before = story.lines();

    paths.delete(c1.netns);
    const { end, error } = story.add(c2, otherGuid);
    paths.set(c1.netns, namespace);

    expect(end).toBe("failed");
    expect(error).toMatchObject({ code: codes.tryAgain, message: expect.stringContaining("RDMA device") });
    story.requireUnchanged(before, "after ADD");
    story.mustDel(c1, isolated);
    story.requireAsBefore("after DEL");
  });
});
