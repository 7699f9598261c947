// Two verbs, or a verb and another event, at the same time on one node: the event comes between any two calls of the
// verb.
import { afterAll, afterEach, describe, expect, test, vi } from "vitest";
import { Locks } from "../../../src/attachment/lock/locks.ts";
import { CniError, codes } from "../../../src/cni/errors.ts";
import { guid } from "../../support/records.ts";
import { contrary, everything, isolated } from "../harness/common-requests.ts";
import { c1, c2, freshVf, pf, vf } from "../harness/default-node.ts";
import { killAt } from "../harness/faults.ts";
import type { Run } from "../harness/run.ts";
import type { SimulatedNode } from "../harness/simulated-node.ts";
import { type Interleaving, interleave, report } from "../harness/sweep.ts";

/** Time limit of the call in between, ms: the interrupted call cannot release a lock in that time. */
const timeout = 50;
const otherRequest = contrary(everything);
const quickRequest = { ...otherRequest, timeout };
const requestOfOtherVf = {
  vf: freshVf,
  guid: guid("02:00:00:00:00:00:00:79"),
  subnets: ["10.3.0.0/24"],
  timeout,
};

/** Returns all pairs of two calls, or of a call and an event of the kernel. */
function interleavings(): Interleaving[] {
  return [
    {
      name: "two ADDs for one VF",
      setting: {},
      verb: (simulated, fault) => simulated.add(c1, everything, fault),
      beforeCall: (simulated) => simulated.add(c2, quickRequest),
      afterwards(simulated, ran, other) {
        const winners = [ran, other].filter((each) => each?.end === "done");
        if (winners.length !== 1) simulated.problems.push(`${winners.length} ADDs have succeeded`);
        const loser = ran.end === "done" ? other : ran;
        requireRefused(simulated, loser, ran.end === "done" ? "c1" : "c2");
        simulated.mustDel(ran.end === "done" ? c2 : c1, ran.end === "done" ? quickRequest : everything);
        if (ran.end === "done") simulated.requireAttached(c1, everything, ran);
        else if (other !== undefined) simulated.requireAttached(c2, quickRequest, other);
        simulated.mustDel(c1, everything);
        simulated.mustDel(c2, quickRequest);
        simulated.requireAsBefore("after both DELs");
      },
    },
    ...Object.entries({ "the same VF": everything, "two VFs": { ...everything, vf: freshVf } }).map(
      ([what, request]): Interleaving => ({
        name: `two ADDs for one attachment, of ${what}`,
        setting: {},
        verb: (simulated, fault) => simulated.add(c1, everything, fault),
        beforeCall: (simulated) => simulated.add(c1, { ...request, timeout }),
        afterwards(simulated, ran, other) {
          const isFirst = ran.end === "done";
          const loser = isFirst ? other : ran;
          if (isFirst === (other?.end === "done"))
            simulated.problems.push("not exactly one ADD has succeeded");
          const { error } = loser ?? {};
          if (
            !(
              error instanceof CniError &&
              /net1|ADD of container c1|lock file does not describe/.test(error.message)
            )
          )
            simulated.problems.push(
              `the error of the other ADD is: ${error instanceof Error ? error.message : error}`,
            );
          const winner = isFirst ? everything : request;
          const won = isFirst ? ran : other;
          if (won !== undefined) simulated.requireAttached(c1, winner, won);
          const claims = simulated.lines().filter((line) => /^owner of .*: c1-net1$/.test(line));
          if (claims.length !== 1) simulated.problems.push(`c1 owns these VFs: ${claims}`);
          simulated.mustDel(c1, winner);
          simulated.requireAsBefore("after DEL");
        },
      }),
    ),
    {
      name: "ADD of one VF while another of the same PF is attached",
      setting: {},
      verb: (simulated, fault) => simulated.add(c1, everything, fault),
      beforeCall: (simulated) => simulated.add(c2, requestOfOtherVf),
      afterwards(simulated, ran, other) {
        if (ran.end !== "done") simulated.problems.push("the first ADD has failed");
        if (other?.end === "failed") requireBusy(simulated, other);
        simulated.mustDel(c2, requestOfOtherVf);
        if (ran.end === "done") simulated.requireAttached(c1, everything, ran);
        simulated.mustDel(c1, everything);
        simulated.requireAsBefore("after both DELs");
      },
    },
    {
      name: "isolating ADD of one VF while another is isolated",
      setting: { rdma: "exclusive" },
      verb: (simulated, fault) => simulated.add(c1, isolated, fault),
      beforeCall: (simulated) => simulated.add(c2, { ...requestOfOtherVf, rdmaIsolation: true }),
      afterwards(simulated, ran, other) {
        if (ran.end !== "done") simulated.problems.push("the first ADD has failed");
        if (other?.end === "failed") requireBusy(simulated, other);
        simulated.mustDel(c2, { ...requestOfOtherVf, rdmaIsolation: true });
        if (ran.end === "done") simulated.requireAttached(c1, isolated, ran);
        simulated.mustDel(c1, isolated);
        simulated.requireAsBefore("after both DELs");
      },
    },
    {
      name: "DEL during another container's ADD for the VF",
      setting: {},
      arrange: (simulated) => void simulated.mustAdd(c1, everything),
      verb: (simulated, fault) => simulated.del(c1, everything, fault),
      beforeCall: (simulated) => simulated.add(c2, quickRequest),
      afterwards(simulated, ran, other) {
        if (ran.end !== "done") simulated.problems.push("DEL has failed");
        if (other?.end === "done") simulated.requireAttached(c2, quickRequest, other);
        else requireRefused(simulated, other, "c1");
        simulated.mustDel(c2, quickRequest);
        simulated.requireAsBefore("after both DELs");
      },
    },
    {
      name: "two DELs at once",
      setting: {},
      arrange: (simulated) => void simulated.mustAdd(c1, everything),
      verb: (simulated, fault) => simulated.del(c1, everything, fault),
      beforeCall: (simulated) => simulated.del(c1, { ...everything, timeout }),
      afterwards(simulated, ran, other) {
        if (ran.end !== "done") simulated.problems.push("DEL has failed");
        if (other?.end === "failed") requireBusy(simulated, other);
        simulated.requireAsBefore("after both DELs");
      },
    },
    {
      name: "ADD during its DEL",
      setting: {},
      verb: (simulated, fault) => simulated.add(c1, everything, fault),
      beforeCall: (simulated) => simulated.del(c1, { ...everything, timeout }),
      afterwards(simulated, _, other) {
        if (other?.end === "failed") requireBusy(simulated, other);
        simulated.mustDel(c1, everything);
        simulated.requireAsBefore("after DEL");
      },
    },
    {
      name: "ADD while two others are killed over the VF",
      setting: {},
      verb: (simulated, fault) => simulated.add(c1, everything, fault),
      beforeCall: (simulated) => {
        // The other ADD only gets this far before the first one takes the lock.
        return simulated.add(c2, quickRequest, killAt({ call: "links.move", effect: "nothing" }));
      },
      afterwards(simulated, ran) {
        if (ran.end === "failed") simulated.problems.push("ADD has failed");
        simulated.mustDel(c1, everything);
        simulated.mustDel(c2, quickRequest);
        simulated.releaseLeaseAt();
        simulated.requireAsBefore("after both DELs");
      },
    },
    ...(["ADD", "DEL"] as const).map((verb): Interleaving => {
      let wasLocked = false;
      return {
        name: `${verb} while the VFs are created again`,
        setting: {},
        arrange: (simulated) => {
          if (verb === "DEL") simulated.mustAdd(c1, everything);
        },
        verb: (simulated, fault) =>
          verb === "DEL" ? simulated.del(c1, everything, fault) : simulated.add(c1, everything, fault),
        beforeCall: (simulated) => {
          wasLocked = simulated.machine.files.locks.size > 0;
          simulated.changeNode((machine) => machine.bus.recreateVfs(pf));
          return undefined;
        },
        // The changes that the verb made to a new VF, taking it for the old one, cannot be distinguished from those of
        // the new VF's owner: the VF can stay in the container then, and returns to the host with the end of the
        // namespace.
        afterwards(simulated) {
          simulated.mustDel(c1, everything);
          if (wasLocked) simulated.deleteNamespace(c1);
          const left = simulated.lines().filter((line) => line.includes("c1 ") || line.includes("c1-net1"));
          if (left.length > 0) simulated.problems.push(`left after DEL: ${left}`);
          if (simulated.machine.bus.driverOf(vf) === undefined)
            simulated.problems.push("the VF has no driver");
          if (simulated.machine.host.ofFunction(vf).length !== 1)
            simulated.problems.push("the netdev is not on the host");
        },
      };
    }),
    ...(["ADD", "DEL", "takeover ADD", "isolating ADD", "isolated DEL"] as const).map(
      (verb): Interleaving => {
        const isIsolated = verb.startsWith("isola");
        const request = isIsolated ? isolated : everything;
        return {
          name: `${verb} while the container's namespace goes`,
          setting: isIsolated ? { rdma: "exclusive" } : {},
          arrange: (simulated) => {
            if (verb.endsWith("DEL")) simulated.mustAdd(c1, request);
            if (verb === "takeover ADD") simulated.killAdd(c1, everything, { call: "links.move" });
          },
          verb: (simulated, fault) => {
            if (verb.endsWith("DEL")) return simulated.del(c1, request, fault);
            return verb === "takeover ADD"
              ? simulated.add(c2, otherRequest, fault)
              : simulated.add(c1, request, fault);
          },
          beforeCall: (simulated) => {
            simulated.deleteNamespace(c1);
            return undefined;
          },
          afterwards(simulated, ran) {
            if (verb === "takeover ADD") {
              if (ran.end !== "done") simulated.problems.push("ADD has failed");
              simulated.mustDel(c2, otherRequest);
            }
            simulated.mustDel(c1, request, null);
            simulated.releaseLeaseAt();
            simulated.requireAsBefore("after DEL");
          },
        };
      },
    ),
  ];
}

function requireRefused(simulated: SimulatedNode, ran: Run | undefined, holder: string): void {
  const { error } = ran ?? {};
  const known =
    error instanceof CniError && [codes.deviceInUse, codes.tryAgain].includes(error.code as 11 | 101);
  // The lock file names its holder only just after the lock was taken.
  const isNamed =
    error instanceof CniError &&
    [holder, "lock file does not describe"].some((text) => error.message.includes(text));
  if (!known || !isNamed) {
    simulated.problems.push(
      `the refused call's error is: ${error instanceof Error ? error.message : ran?.end}`,
    );
  }
}

function requireBusy(simulated: SimulatedNode, { error }: Run): void {
  if (error instanceof CniError && error.code === codes.tryAgain) return;
  simulated.problems.push(`the busy VF's error is: ${error instanceof Error ? error.message : error}`);
}

let total = 0;

describe("at the same time", () => {
  afterAll(() => report("two things at once", total));
  for (const each of interleavings()) {
    test(each.name, () => {
      const { cases, problems } = interleave(each);
      total += cases;
      expect(problems.slice(0, 5).join("\n\n"), `${problems.length} of ${cases}`).toBe("");
    });
  }
});

afterEach(() => vi.restoreAllMocks());

test.each([
  ["the VF is not locked", "acquireVf", "two ADDs for one VF"],
  ["the node is not locked", "whileNodeIsLocked", "ADD of one VF while another of the same PF is attached"],
  [
    "the node is not locked, and RDMA devices move",
    "whileNodeIsLocked",
    "isolating ADD of one VF while another is isolated",
  ],
] as const)("%s", (_, method, name) => {
  if (method === "acquireVf") vi.spyOn(Locks.prototype, method).mockImplementation(() => {});
  else vi.spyOn(Locks.prototype, method).mockImplementation((_, action) => action());
  const found = interleavings().filter((each) => each.name === name);
  expect(found.flatMap((each) => interleave(each).problems).length).toBeGreaterThan(0);
});
