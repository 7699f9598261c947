// The plugin never removes a VF from a running container, even if its namespace cannot be seen: the plugin can run in a
// mount namespace (such as a DRA driver's container) in which the path does not exist.
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

describe("a VF that another container has", () => {
  test("is left alone by a DEL whose record was restored, for example from a backup", () => {
    total++;
    const simulated = new SimulatedNode({});
    const { texts } = simulated.machine.files;
    simulated.mustAdd(c1, everything);
    const record = texts.get(pathOf(c1)) ?? "";
    simulated.deleteNamespace(c1);
    const ran = simulated.mustAdd(c2, otherGuid);
    texts.set(pathOf(c1), record);
    simulated.mustDel(c1, everything, null);
    simulated.requireAttached(c2, otherGuid, ran);
    simulated.mustDel(c2, otherGuid);
    simulated.requireAsBefore("after both DELs");
  });

  test("is left alone by a DEL whose record has the wrong VF index; DEL restores its own VF", () => {
    total++;
    const simulated = new SimulatedNode({});
    const { texts } = simulated.machine.files;
    simulated.mustAdd(c1, everything);
    const record = texts.get(pathOf(c1)) ?? "";
    const wrong = record.replace('"index":0', '"index":1');
    expect(wrong).not.toBe(record);
    texts.set(pathOf(c1), wrong);
    simulated.mustDel(c1, everything);
    simulated.requireAsBefore("after DEL");
  });

  test("is taken over after its container's namespace was replaced by another one at the same path", () => {
    total++;
    const simulated = new SimulatedNode({});
    simulated.mustAdd(c1, everything);
    simulated.deleteNamespace(c1);
    simulated.machine.addNamespace(c1.netns);
    simulated.mustAdd(c2, otherGuid);
    simulated.mustDel(c2, otherGuid);
    simulated.requireAsBefore("after DEL");
  });
});

describe("a container whose namespace cannot be seen", () => {
  for (const [had, held] of Object.entries({ plain, everything })) {
    for (const [wanted, request] of Object.entries({ plain, everything, otherGuid })) {
      for (const state of ["is attached", "was being attached"]) {
        test(`keeps its VF: it has ${had}, ${state}, another container requests ${wanted}`, () => {
          total++;
          const simulated = new SimulatedNode({});
          const { machine } = simulated;
          simulated.add(c1, held, state === "is attached" ? undefined : killedAfter("links.move"));
          const namespace = machine.paths.get(c1.netns);
          if (namespace === undefined) throw new Error("the pod has no namespace");
          const before = simulated.lines();

          machine.paths.delete(c1.netns);
          const { end, error } = simulated.add(c2, request);
          machine.paths.set(c1.netns, namespace);

          expect(end).toBe("failed");
          expect(error).toBeInstanceOf(CniError);
          expect(error).toMatchObject({ code: codes.tryAgain });
          simulated.requireUnchanged(before, "after ADD");
          simulated.mustDel(c1, held);
          simulated.requireAsBefore("after DEL");
        });
      }
    }
  }

  test.each([
    ["with the netdev", false],
    ["although the netdev is on the host", true],
  ])("keeps its isolated RDMA device: %s", (_, isNetdevOnHost) => {
    total++;
    const simulated = new SimulatedNode({ rdma: "exclusive" });
    const { host, paths } = simulated.machine;
    simulated.mustAdd(c1, isolated);
    const namespace = paths.get(c1.netns);
    if (namespace === undefined) throw new Error("the pod has no namespace");
    const index = namespace.named(c1.ifname)?.[0] ?? 0;
    if (isNetdevOnHost) moveLink(namespace, index, host, "ib7");
    const before = simulated.lines();

    paths.delete(c1.netns);
    const { end, error } = simulated.add(c2, otherGuid);
    paths.set(c1.netns, namespace);

    expect(end).toBe("failed");
    expect(error).toMatchObject({ code: codes.tryAgain, message: expect.stringContaining("RDMA device") });
    simulated.requireUnchanged(before, "after ADD");
    simulated.mustDel(c1, isolated);
    simulated.requireAsBefore("after DEL");
  });
});
