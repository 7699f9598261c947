// The time limits of GC and of the command gc.
import { describe, expect, test } from "vitest";
import { codes } from "../../../src/cni/errors.ts";
import { guid } from "../../support/records.ts";
import { everything } from "../harness/common-requests.ts";
import { c1, c2, freshVf } from "../harness/default-node.ts";
import { ipamVerbs, messageChain } from "../harness/run.ts";
import { SimulatedNode } from "../harness/simulated-node.ts";

describe("time", () => {
  /** Two containers that the runtime does not list. The IPAM plugin's DEL of c1 never ends. */
  function twoStale(): SimulatedNode {
    const simulated = new SimulatedNode({});
    simulated.mustAdd(c1, everything);
    simulated.mustAdd(c2, { vf: freshVf, guid: guid("02:00:00:00:00:00:00:79"), subnets: ["10.3.0.0/24"] });
    simulated.waitForGracePeriod();
    const real = simulated.machine.leases.program;
    simulated.machine.programs.set("/opt/cni/bin/host-local", (child) => {
      if (child.environment.get("CNI_CONTAINERID") !== "c1") real(child);
    });
    return simulated;
  }

  test("of an attachment that times out does not shorten that of the next", () => {
    const simulated = twoStale();
    const { end, error } = simulated.gc([]);
    expect(end).toBe("failed");
    expect(messageChain(error)).toContain("timed out waiting for");
    expect(messageChain(error)).not.toContain("are left");
    expect(ipamVerbs(simulated.machine)).toEqual(["DEL", "DEL", "GC"]);
    const leases = [...simulated.machine.leases.leases.values()];
    expect([leases.includes("c1 net1"), leases.includes("c2 net1")]).toEqual([true, false]);
  });

  test("that is up begins with no further attachment, and the error reports how many are left", () => {
    const simulated = twoStale();
    const before = simulated.machine.host.ofFunction(freshVf);
    const { error } = simulated.gc([], ({ call }) => {
      if (call === "child.kill") simulated.machine.time.pass(71_000);
      return undefined;
    });
    expect(error).toMatchObject({
      code: codes.tryAgain,
      message: expect.stringContaining(
        "2 of 4 attachments, unreleased leases and calls of the IPAM plugin are left",
      ),
    });
    expect(ipamVerbs(simulated.machine)).toEqual(["DEL"]);
    expect(simulated.machine.host.ofFunction(freshVf)).toEqual(before);
    expect(simulated.unreleasedLeases()).toEqual([]);
  });

  test("that is up in the command gc is a line of its output", () => {
    const simulated = twoStale();
    simulated.machine.programs.set("/opt/cni/bin/host-local", simulated.machine.leases.program);
    for (const pod of [c1, c2]) simulated.deleteNamespace(pod);
    let isFirst = true;
    const { end, error } = simulated.gcOfAll({ dryRun: false }, ({ call }) => {
      if (call === "child.wait" && isFirst) simulated.machine.time.pass(46_000);
      isFirst &&= call !== "child.wait";
      return undefined;
    });
    expect(end).toBe("failed");
    expect(messageChain(error)).toContain("2 of 3 attachments and unreleased leases are left");
  });
});
