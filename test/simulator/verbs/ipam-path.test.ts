// Leases whose IPAM plugin is no longer in the CNI_PATH of ADD.
import { describe, expect, test } from "vitest";
import { STATE_DIRECTORY } from "../../../src/attachment/record/state-directory.ts";
import { everything } from "../harness/common-requests.ts";
import { c1, c2 } from "../harness/default-node.ts";
import { SimulatedNode } from "../harness/simulated-node.ts";

/** Changes c1's record as if ADD had been called with a CNI_PATH that contains no plugins any more. */
function movePlugins({ machine: { files } }: SimulatedNode): void {
  const path = `${STATE_DIRECTORY}/c1-net1`;
  const text = files.texts.get(path)?.replace('"path":"/opt/cni/bin"', '"path":"/opt/old/bin"') ?? "";
  expect(text).toContain("/opt/old/bin");
  files.texts.set(path, text);
}

describe("if the CNI_PATH of ADD has no plugin any more, the caller's CNI_PATH is used, at", () => {
  test("GC", () => {
    const simulated = new SimulatedNode({});
    simulated.mustAdd(c1, everything);
    movePlugins(simulated);
    simulated.deleteNamespace(c1);
    simulated.mustGc([]);
    simulated.requireAsBefore("after GC");
  });

  test("gc", () => {
    const simulated = new SimulatedNode({});
    simulated.mustAdd(c1, everything);
    movePlugins(simulated);
    simulated.deleteNamespace(c1);
    expect(simulated.gcOfAll().end).toBe("done");
    simulated.requireAsBefore("after gc");
  });

  test("the next container's ADD", () => {
    const simulated = new SimulatedNode({});
    simulated.mustAdd(c1, everything);
    movePlugins(simulated);
    simulated.deleteNamespace(c1);
    simulated.mustAdd(c2, everything);
    expect(simulated.unreleasedLeases()).toEqual([]);
    simulated.mustDel(c2, everything);
    simulated.requireAsBefore("after DEL");
  });

  test("the same container's next ADD", () => {
    const simulated = new SimulatedNode({});
    simulated.killAdd(c1, everything, { call: "links.move" });
    movePlugins(simulated);
    simulated.mustAdd(c1, everything);
    simulated.mustDel(c1, everything);
    simulated.requireAsBefore("after DEL");
  });

  test("DEL of another network's configuration", () => {
    const simulated = new SimulatedNode({});
    simulated.mustAdd(c1, everything);
    movePlugins(simulated);
    simulated.mustDel(c1, { ...everything, subnets: ["10.9.0.0/24"] });
    simulated.requireAsBefore("after DEL");
  });
});
