// CHECK of an attachment whose record is not complete, or is the Go plugin's.
import { describe, expect, test } from "vitest";
import { codes } from "../../../src/cni/errors.ts";
import { emptyResult } from "../../../src/cni/result.ts";
import { everything } from "../harness/common-requests.ts";
import { c1 } from "../harness/default-node.ts";
import { addByGoPlugin } from "../harness/go-plugin.ts";
import { check } from "../harness/run.ts";
import { SimulatedNode } from "../harness/simulated-node.ts";

describe("an attachment without a complete record", () => {
  const checkOf = (simulated: SimulatedNode) =>
    check(simulated.machine, c1, everything, {
      ...emptyResult(),
      interfaces: [{ name: c1.ifname, sandbox: c1.netns }],
    });

  // Code 3 would mean that no DEL is needed.
  test("whose ADD was killed fails with code 100; and with code 3 after DEL", () => {
    const simulated = new SimulatedNode({});
    simulated.killAdd(c1, everything, { call: "links.move" });
    expect(checkOf(simulated)).toMatchObject({
      end: "failed",
      error: { code: codes.node, message: expect.stringContaining("its ADD or DEL has not ended") },
    });
    simulated.mustDel(c1, everything);
    expect(checkOf(simulated)).toMatchObject({ end: "failed", error: { code: codes.unknownContainer } });
  });

  test("that the Go plugin has made passes, with a warning, as long as its namespace and its lease exist", () => {
    const simulated = new SimulatedNode({});
    addByGoPlugin(simulated, c1, everything);
    expect(checkOf(simulated)).toMatchObject({
      end: "done",
      warnings: [expect.stringContaining("the Go plugin has attached container")],
      violations: [],
    });
    simulated.machine.leases.leases.clear();
    expect(checkOf(simulated)).toMatchObject({ end: "failed" });
    simulated.deleteNamespace(c1);
    expect(checkOf(simulated)).toMatchObject({ end: "failed", error: { code: codes.badNamespace } });
  });
});
